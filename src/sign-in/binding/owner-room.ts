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
  /** Stores a value under its name. `false` when it is too large, or another process was faster. */
  keep(name: string, value: unknown): Promise<boolean>;
  read(name: string): Promise<unknown>;
  take(name: string): Promise<unknown>;
  /** Deletes everything. */
  clear(): Promise<void>;
}

/** The room of one principal. `what` distinguishes rooms of the same kind. */
export function ownerRoom(
  core: SignInContext,
  owner: string,
  kind: "prompt" | "pending",
  what: string,
  { ttlMs, ...limits }: RoomLimits & { readonly ttlMs: number },
): OwnerRoom {
  const { keys, store } = core;
  const binding = [...recordBinding(core, owner), what];
  const keyOf = (name: string): string => recordName(kind, ...binding, name);
  const opened = (name: string, sealed: string | undefined): unknown =>
    sealed === undefined ? undefined : keys.open(kind, [...binding, name], sealed);
  const held = sealedCell<readonly Held[]>(store, {
    key: recordName(kind, ...binding),
    ttlMs,
    none: [],
    seal: (list) => keys.seal(kind, binding, list),
    open: (text) => keys.open(kind, binding, text) as readonly Held[] | undefined,
  });

  return {
    async keep(name, value) {
      const sealed = keys.seal(kind, [...binding, name], value);
      if (sealed.length > limits.bytes) return false;
      await store.delete(keyOf(name));
      if (!(await store.setIfAbsent(keyOf(name), sealed, ttlMs))) return false;
      // Written first and listed then, so that everything written is in the list or deleted again.
      let gone: readonly Held[] = [];
      try {
        await held.update((known) => {
          const others = known.filter((one) => one.name !== name);
          const kept = newest([...others, { name, bytes: sealed.length }], limits);
          gone = others.filter((one) => !kept.includes(one));
          return kept;
        });
      } catch (cause) {
        await store.delete(keyOf(name)).catch(() => undefined);
        throw cause;
      }
      for (const one of gone) await store.delete(keyOf(one.name));
      return true;
    },
    read: async (name) => opened(name, await store.get(keyOf(name))),
    take: async (name) => opened(name, await store.take(keyOf(name))),
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
