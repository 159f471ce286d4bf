import { randomBytes } from "node:crypto";

/** In bytes: the ids of some fifty turns. */
const poolBytes = 4_096;

let pool: Uint8Array = new Uint8Array(0);
let at = 0;

/**
 * Random bytes for ids that everybody may see: from `randomBytes` of `node:crypto`, asked for many at once, because it
 * takes longer to ask than to get them. No byte is given twice. Keys and codes are not made of these: what is still to
 * be given is in memory beforehand.
 */
export function idBytes(length: number): Uint8Array {
  if (length > poolBytes) return randomBytes(length);
  if (at + length > pool.length) [pool, at] = [randomBytes(poolBytes), 0];
  at += length;
  return pool.subarray(at - length, at);
}
