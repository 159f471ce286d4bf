import { memoryStore, type SignInStore } from "hosted-agent-identity/sign-in";

/** A sign-in store, and how much it holds. */
export interface CountedStore {
  readonly store: SignInStore;
  /** What is live now, names included. */
  holds(): { readonly records: number; readonly bytes: number };
}

/** The memory store, with a count of what it was given and has not lost or let go. */
export function countedStore(now: () => number): CountedStore {
  const inner = memoryStore({ quiet: true, now });
  const kept = new Map<string, { readonly bytes: number; readonly until: number }>();
  const keep = (key: string, value: string, ttlMs: number): void => {
    kept.set(key, { bytes: Buffer.byteLength(key) + Buffer.byteLength(value), until: now() + ttlMs });
  };
  const store: SignInStore = {
    ...inner,
    async setIfAbsent(key, value, ttlMs) {
      const written = await inner.setIfAbsent(key, value, ttlMs);
      if (written) keep(key, value, ttlMs);
      return written;
    },
    async increment(key, ttlMs) {
      const count = await inner.increment(key, ttlMs);
      if (count === 1) keep(key, "1", ttlMs);
      return count;
    },
    async compareAndSet(key, expected, value, ttlMs) {
      const written = await inner.compareAndSet(key, expected, value, ttlMs);
      if (written) keep(key, value, ttlMs);
      return written;
    },
    async take(key) {
      kept.delete(key);
      return inner.take(key);
    },
    async delete(key) {
      kept.delete(key);
      await inner.delete(key);
    },
  };
  return {
    store,
    holds() {
      const live = [...kept.values()].filter(({ until }) => until > now());
      return { records: live.length, bytes: live.reduce((sum, { bytes }) => sum + bytes, 0) };
    },
  };
}
