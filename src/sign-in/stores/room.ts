import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import { unavailable } from "./refusals.js";

/**
 * How full a store may be for a record of this kind to be written. Records that live for less than an hour are refused
 * first, so that a grant can still be written, ended and found.
 */
const shares: Readonly<Record<string, number>> = { prompt: 0.5, pending: 0.75, tries: 0.75, state: 0.75 };

/** The share of a store that a record with this key may fill. */
export function shareOf(key: string): number {
  const kind = key.slice(0, Math.max(0, key.indexOf(":")));
  return Object.hasOwn(shares, kind) ? (shares[kind] ?? 1) : 1;
}

/** For a record that does not fit into the store. `limits` names the options. */
export function full(key: string, limits: string): Error {
  const what =
    shareOf(key) === 1 ? "The store is full" : "The store is so full that the rest is kept for grants";
  return unavailable(`${what} (${limits}), and nothing in it has expired.`, storeUnavailableCauses.full);
}
