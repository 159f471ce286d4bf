import { func, type OptionCheck } from "../errors.js";

/** Gives random bytes; `node:crypto`'s `randomBytes` outside tests. */
export type RandomBytes = (length: number) => Uint8Array;

/** What the ids of the Responses protocol begin with. Source: `IdGenerator` of the agentserver packages. */
export const idPrefixes = {
  response: "caresp",
  message: "msg",
  consentRequest: "oacr",
} as const;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const entropyLength = 32;
/** The largest multiple of the alphabet's length in a byte: bytes beyond it would favour its beginning. */
const unbiased = 256 - (256 % alphabet.length);

/**
 * A new id, `{prefix}_{partition key, 18}{32 alphanumerics}`. It inherits the partition key of `near`, an id
 * of the same conversation, because the platform's storage keeps a conversation in one partition.
 */
export function newId(prefix: string, random: RandomBytes, near?: string): string {
  return `${prefix}_${partitionKeyOf(near) ?? newPartitionKey(random)}${entropy(random)}`;
}

/** The partition key inside an id, or `undefined` when it is not of a known form. */
export function partitionKeyOf(id: string | undefined): string | undefined {
  const body = id === undefined ? undefined : /^[A-Za-z0-9]+_([A-Za-z0-9]+)$/.exec(id)?.[1];
  if (body?.length === 50) return body.slice(0, 18);
  // Ids of earlier generations carry 16 characters of it, at the end.
  if (body?.length === 48) return `${body.slice(-16)}00`;
  return undefined;
}

function newPartitionKey(random: RandomBytes): string {
  return `${Array.from(random(8), (byte) => byte.toString(16).padStart(2, "0")).join("")}00`;
}

function entropy(random: RandomBytes): string {
  let text = "";
  while (text.length < entropyLength) {
    for (const byte of random(entropyLength)) {
      if (byte < unbiased && text.length < entropyLength) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** The option `random`. */
export const randomBytesOption: OptionCheck<RandomBytes> = func<RandomBytes>(
  "a function that gives so many random bytes",
);
