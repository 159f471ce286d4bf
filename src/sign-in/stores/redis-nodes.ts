import type { RedisClient, RedisNode } from "./redis-client.js";

/** The primaries of a cluster, in a fixed order; one that is not named for any other Redis. */
export function nodesOf({ masters }: RedisClient): readonly (RedisNode | undefined)[] {
  return masters === undefined
    ? [undefined]
    : masters.toSorted((one, other) => (one.address < other.address ? -1 : 1));
}

/**
 * The primary of a cluster that a call goes to, by the node's address or by a key that it serves; `undefined` for any
 * other Redis. Source: redis.io, "Redis cluster specification", key distribution model.
 */
export function primaryOf({ masters, slots }: RedisClient, place: string): RedisNode | undefined {
  if (slots === undefined) return undefined;
  const named = masters?.find(({ address }) => address === place);
  if (named !== undefined) return named;
  const tagged = /\{([^}]+)\}/.exec(place)?.[1] ?? place;
  let crc = 0;
  for (const byte of Buffer.from(tagged)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  }
  return slots[(crc & 0xffff) % 16_384]?.master;
}
