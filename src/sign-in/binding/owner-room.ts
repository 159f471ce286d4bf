import { digest } from "../../sealing/digest.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import { sealedCell } from "../grants/sealed-cell.js";
import { recordName } from "../grants/record-names.js";

/** How much of one kind a principal may have waiting. `bytes` counts what is stored. The oldest is dropped first. */
export interface RoomLimits {
  readonly records: number;
  readonly bytes: number;
}

/** What is known of each record in a room. */
export interface Held {
  readonly name: string;
  readonly bytes: number;
}

/** The records of one principal that wait for minutes: no principal can fill the store with them. */
export interface OwnerRoom {
  /**
   * Stores a value under its name. `undefined` when it is too large, or another process was faster. After a failure
   * everything is as it was before. `seen`: what most likely is there, which saves a look.
   */
  keep(name: string, value: unknown, seen?: Seen): Promise<Seen | undefined>;
  look(name: string): Promise<Seen | undefined>;
  /** Replaces what was seen. `undefined` when another process was faster. */
  swap(name: string, seen: Seen, value: unknown, ttlMs: number): Promise<Seen | undefined>;
  /** Removes what was seen, and nothing that has taken its place. */
  remove(name: string, seen: Seen): Promise<void>;
  /** The names of everything in it. */
  names(): Promise<readonly string[]>;
  /** Deletes everything. */
  clear(): Promise<void>;
}

/** A value as it was read. */
export interface Seen {
  readonly value: unknown;
  readonly text: string;
}

/**
 * The room of one principal. `what` distinguishes rooms of the same kind. `listMs`: how long a record may live with all
 * that is swapped in for it; what the list does not name any more is not cleared.
 */
export function ownerRoom(
  core: SignInContext,
  owner: string,
  kind: "prompt" | "pending",
  what: string,
  { ttlMs, listMs = ttlMs, ...limits }: RoomLimits & { readonly ttlMs: number; readonly listMs?: number },
): OwnerRoom {
  const { keys, store } = core;
  const binding = [...recordBinding(core, owner), what];
  const keyOf = (name: string): string => recordName(kind, ...binding, name);
  const sealed = (name: string, value: unknown): string => keys.seal(kind, [...binding, name], value);
  const seenIn = (name: string, text: string | undefined): Seen | undefined => {
    const value = text === undefined ? undefined : keys.open(kind, [...binding, name], text);
    // `null` is what was removed and has not expired yet.
    return text === undefined || value === undefined || value === null ? undefined : { value, text };
  };
  const remove = async (name: string, text: string): Promise<void> =>
    void (await store.compareAndSet(keyOf(name), text, sealed(name, null), 1));
  const held = sealedCell<readonly Held[]>(store, {
    key: recordName(kind, ...binding),
    ttlMs: listMs,
    none: [],
    seal: (list) => keys.seal(kind, binding, list),
    open: (text) => keys.open(kind, binding, text) as readonly Held[] | undefined,
  });

  return {
    async keep(name, value, seen) {
      const key = keyOf(name);
      const text = sealed(name, value);
      if (text.length > limits.bytes) return undefined;
      let before = seen?.text;
      let gone: readonly Held[] = [];
      const write = async (): Promise<boolean> => {
        if (await store.compareAndSet(key, before, text, ttlMs)) return true;
        before = await store.get(key);
        return store.compareAndSet(key, before, text, ttlMs);
      };
      const list = held.create((known) => {
        const others = known.filter((one) => one.name !== name);
        const kept = newest([...others, { name, bytes: text.length }], limits);
        gone = others.filter((one) => !kept.includes(one));
        return kept;
      });
      // At the same time, and both have ended before anything is taken back.
      const [written, listed] = await Promise.allSettled([write(), list]);
      if (written.status === "rejected" || listed.status === "rejected") {
        // Changes nothing where another process was faster.
        const back =
          before === undefined ? remove(name, text) : store.compareAndSet(key, text, before, ttlMs);
        await back.catch(() => undefined);
        const failed = written.status === "rejected" ? written : listed;
        throw failed.status === "rejected" ? failed.reason : undefined;
      }
      for (const one of gone) await store.delete(keyOf(one.name));
      return written.value ? { value, text } : undefined;
    },
    look: async (name) => seenIn(name, await store.get(keyOf(name))),
    async swap(name, seen, value, ttl) {
      const text = sealed(name, value);
      return (await store.compareAndSet(keyOf(name), seen.text, text, ttl)) ? { value, text } : undefined;
    },
    remove: (name, seen) => remove(name, seen.text),
    names: async () => (await held.read()).map(({ name }) => name),
    async clear() {
      for (const { name } of await held.read()) await store.delete(keyOf(name));
      await store.delete(recordName(kind, ...binding));
    },
  };
}

/** The name of what waits in a conversation. It is short, however long the conversation's id is. */
export function placeIn(conversation: string | undefined): string {
  return digest(conversation ?? "");
}

/** The newest items that fit, in their order. The last one always fits. */
export function newest<T extends { readonly bytes: number }>(
  list: readonly T[],
  { records, bytes }: RoomLimits,
): readonly T[] {
  const kept = list.slice(-records);
  let size = kept.reduce((sum, one) => sum + one.bytes, 0);
  while (size > bytes && kept.length > 1) size -= kept.shift()?.bytes ?? 0;
  return kept;
}
