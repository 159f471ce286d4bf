import { HostedAgentIdentityError } from "../../errors.js";
import type { SignInStore } from "../stores/store.js";

/** How often a change is tried again because somebody else changed the same value first. */
const maxTries = 100;

/** The text of a value as it was read, which saves a look before a write; `undefined` for none. */
export interface SeenText {
  readonly text: string | undefined;
}

/** One value of a store, changed only from what it really is. */
export interface Cell<T> {
  /** The text as it is stored. */
  raw(): Promise<string | undefined>;
  read(): Promise<T>;
  /**
   * Changes the value and returns what was written; `undefined` when `change` wanted nothing changed. `change`
   * is called again with the newer value when another process was faster.
   */
  update(change: (current: T) => T | undefined, seen?: SeenText): Promise<T | undefined>;
  /** The same for a value that most likely is not there yet: it is written without a look before. */
  create(change: (current: T) => T | undefined): Promise<T | undefined>;
  /** Writes only over exactly this text, once. Returns what is stored now; `undefined` when it has not written. */
  replace(seen: string, value: T): Promise<string | undefined>;
}

/** How a value is written and read, and what stands for none. */
export interface CellCodec<T> {
  readonly key: string;
  /** How long a value is kept, in milliseconds. */
  readonly ttlMs: number;
  /** How long this one is kept, where that is less. */
  ttlOf?(value: T): number;
  readonly none: T;
  seal(value: T): string;
  /** `undefined` for what cannot be read: it counts as none. */
  open(text: string): T | undefined;
}

/** Makes a cell. */
export function sealedCell<T>(store: SignInStore, codec: CellCodec<T>): Cell<T> {
  const { key, none, seal, open } = codec;
  const lifetimeOf = codec.ttlOf ?? (() => codec.ttlMs);
  const valueOf = (text: string | undefined): T => (text === undefined ? none : (open(text) ?? none));
  const updateFrom = async (
    seen: string | undefined,
    change: (current: T) => T | undefined,
  ): Promise<T | undefined> => {
    let text = seen;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const next = change(valueOf(text));
      if (next === undefined) return undefined;
      if (await store.compareAndSet(key, text, seal(next), lifetimeOf(next))) return next;
      text = await store.get(key);
    }
    throw new HostedAgentIdentityError("store_unavailable", "The store's value changed too often.");
  };
  return {
    raw: () => store.get(key),
    read: async () => valueOf(await store.get(key)),
    update: async (change, seen) => updateFrom(seen === undefined ? await store.get(key) : seen.text, change),
    create: (change) => updateFrom(undefined, change),
    async replace(seen, value) {
      const text = seal(value);
      return (await store.compareAndSet(key, seen, text, lifetimeOf(value))) ? text : undefined;
    },
  };
}
