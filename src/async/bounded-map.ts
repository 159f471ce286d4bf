/**
 * A `Map` of at most `maxKeys` keys. Setting a key makes it the newest one, and the oldest makes room for it: what a
 * map holds of text from outside must not grow for ever.
 */
export function boundedMap<K, V>(maxKeys: number): Map<K, V> {
  return new BoundedMap<K, V>(maxKeys);
}

/** In calls of `set`. */
const iteratorLife = 64;

class BoundedMap<K, V> extends Map<K, V> {
  readonly #maxKeys: number;
  /**
   * Goes on from the last key that made room. A new iterator would first pass every key deleted before it: the engine
   * leaves their places until it makes the map anew. It keeps every earlier form of the map for an iterator that stands
   * in it, so none lives long.
   */
  #oldest: IterableIterator<K> | undefined;
  #sets = 0;

  constructor(maxKeys: number) {
    super();
    this.#maxKeys = maxKeys;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    this.#sets = (this.#sets + 1) % iteratorLife;
    if (this.#sets === 0) this.#oldest = undefined;
    if (this.size <= this.#maxKeys) return this;
    const { value: oldest, done } = (this.#oldest ??= this.keys()).next();
    if (done !== true) this.delete(oldest);
    return this;
  }
}

/** A map of a bounded number of keys whose values expire. */
export interface ExpiringMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  deleteWhere(matches: (key: string) => boolean): void;
  clear(): void;
}

/** Makes a map whose values live for `ms` by `age`. The oldest key makes room for a new one. */
export function expiringMap<V>(ms: number, maxKeys: number, age: () => number): ExpiringMap<V> {
  const entries = boundedMap<string, { readonly value: V; readonly until: number }>(maxKeys);
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.until > age()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set: (key, value) => void entries.set(key, { value, until: age() + ms }),
    deleteWhere(matches) {
      for (const key of entries.keys()) if (matches(key)) entries.delete(key);
    },
    clear: () => entries.clear(),
  };
}
