import { randomBytes } from "node:crypto";
import { func, orElse } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";

/** Gives random bytes, as `randomBytes` of `node:crypto` does. */
export type RandomBytes = (length: number) => Uint8Array;

/** The option `random`. Default: `randomBytes` of `node:crypto`. */
export const randomOption: OptionCheck<RandomBytes> = orElse(
  func<RandomBytes>("a function that gives so many random bytes"),
  randomBytes,
);

/** A number from 0 to 1, without 1: for jitter. */
export function fraction(random: RandomBytes): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}

/** A random UUID (RFC 9562, version 4). */
export function uuid(random: RandomBytes): string {
  const bytes = Uint8Array.from(random(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
