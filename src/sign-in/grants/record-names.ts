import type { KeyObject } from "node:crypto";
import { boundedMap } from "../../async/bounded-map.js";
import { type EncryptionKeys, keyedName } from "../../sealing/keyring.js";
import type { StartedStore } from "../stores/started-store.js";
import { wrappedStore } from "../stores/wrapped-store.js";
import { nameSecret, withNameSecret } from "./name-secret.js";

/** What a record may be. The kind stands before its name in clear, so that a store can tell them apart. */
export type RecordKind =
  | "grant"
  | "claim"
  | "index"
  | "pin"
  | "long-running"
  | "works"
  | "pending"
  | "tries"
  | "prompt"
  | "state";

/**
 * The name of a record before it is keyed. Only {@link keyedStore} may hand names to a store: this one is made of
 * what anybody may know, such as a client id and an object id.
 */
export function recordName(kind: RecordKind, ...parts: readonly string[]): string {
  return `${kind}:${JSON.stringify(parts)}`;
}

/** A sign-in names each of its records several times. */
const maxNames = 256;

/** The store with keyed names (HMAC-SHA-256): whoever can read it cannot look up a user they know. */
export function keyedStore(
  store: StartedStore,
  keys: EncryptionKeys | (() => EncryptionKeys),
  now: () => number,
): StartedStore {
  const state = nameSecret(store, typeof keys === "function" ? keys : () => keys, now);
  const names = boundedMap<string, { readonly secret: KeyObject; readonly keyed: string }>(maxNames);
  const keyedWith = (secret: KeyObject, name: string): string => {
    const known = names.get(name);
    if (known?.secret === secret) return known.keyed;
    const keyed = keyedName(secret, name.slice(0, name.indexOf(":")), name);
    names.set(name, { secret, keyed });
    return keyed;
  };
  return {
    ...wrappedStore(store, (name, step) => withNameSecret(state, (secret) => step(keyedWith(secret, name)))),
    // The kind stands before a name in clear, so a prefix of it is one of the stored key, too.
    scan: store.scan,
    async start() {
      await store.start();
      await withNameSecret(state, async () => undefined);
    },
  };
}
