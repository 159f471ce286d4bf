/**
 * A `Map` of at most `maxKeys` keys. Setting a key makes it the newest one, and the oldest makes room for it: what a
 * map holds of text from outside must not grow for ever.
 */
export function boundedMap<K, V>(maxKeys: number): Map<K, V> {
  return new BoundedMap<K, V>(maxKeys);
}

class BoundedMap<K, V> extends Map<K, V> {
  readonly #maxKeys: number;

  constructor(maxKeys: number) {
    super();
    this.#maxKeys = maxKeys;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size <= this.#maxKeys) return this;
    const { value: oldest, done } = this.keys().next();
    if (done !== true) this.delete(oldest);
    return this;
  }
}
