import { clocksOf, endAt, isPast, type End } from "../../async/clocks.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { keyedName, keyring, derivedSecrets } from "../../sealing/keyring.js";
import type { StartedStore } from "../stores/started-store.js";
import { storeCorruptCauses } from "../../errors/causes/sign-in.js";

/** What a record may be. The kind stands before its name in clear, so that a store can tell them apart. */
export type RecordKind =
  | "grant"
  | "index"
  | "pin"
  | "ticket"
  | "long-running"
  | "works"
  | "pending"
  | "tries"
  | "prompt"
  | "state";

/**
 * The name of a record before it is keyed. Only {@link keyedStore} may hand names to a store: it is made of
 * what anybody may know, such as a client id and an object id.
 */
export function recordName(kind: RecordKind, ...parts: readonly string[]): string {
  return `${kind}:${JSON.stringify(parts)}`;
}

/** The secret that names records, as the store keeps it. */
interface NameSecret {
  readonly v: 1;
  readonly secret: string;
  /** When it was first written and when last, in milliseconds since the epoch. */
  readonly begun: number;
  readonly written: number;
}

/** Longer than any record lives. It is written again when it has become old. */
const ttlMs = 400 * 24 * 3_600_000;
const rewriteMs = 30 * 24 * 3_600_000;
/** A store that lost its data, and was filled by another process since, is noticed after this long. */
const lookMs = 30_000;

/**
 * The store with keyed names (HMAC-SHA-256): whoever can read it cannot look for a person whom they know.
 *
 * The secret is derived from the encryption key with which the store was begun, and is kept in the store itself,
 * sealed once with each key. So names stay as they are when keys are replaced: nobody's grant becomes one that
 * can be neither used nor ended. Where each copy stands follows from its key alone.
 */
export function keyedStore(
  store: StartedStore,
  encryptionKeys: readonly (string | Uint8Array)[],
  now: () => number,
): StartedStore {
  const keys = encryptionKeys.map(keyPlace);
  let secret: Buffer | undefined;
  let begun = 0;
  const clocks = clocksOf(now);
  let freshUntil: End | undefined;
  let reading: Promise<Buffer> | undefined;

  const read = async (tries = 5): Promise<Buffer> => {
    const wall = now();
    const until = endAt(clocks, wall + lookMs);
    const texts = await Promise.all(keys.map(({ place }) => store.get(place)));
    const found = texts.map((text, n) => (text === undefined ? undefined : keys[n]?.open(text)));
    const counts = oldest(found) ?? mine(texts, wall);
    const kept = await Promise.all(
      keys.map(async ({ place, seal }, n) => {
        const before = found[n];
        if (before?.secret === counts.secret && wall - before.written < rewriteMs) return true;
        return store.compareAndSet(place, texts[n], seal({ ...counts, written: wall }), ttlMs);
      }),
    );
    // Somebody else has just written: what they wrote counts as much as ours.
    if (kept.includes(false)) {
      if (tries > 1) return read(tries - 1);
      throw new HostedAgentIdentityError("store_unavailable", "The store's value changed too often.");
    }
    secret = Buffer.from(counts.secret, "base64url");
    begun = counts.begun;
    freshUntil = until;
    return secret;
  };

  /** What to write where the store has nothing that can be read. */
  const mine = (texts: readonly unknown[], at: number): Pick<NameSecret, "v" | "secret" | "begun"> => {
    if (secret !== undefined) return { v: 1, secret: secret.toString("base64url"), begun };
    // Beginning anew would hide everything that is stored.
    if (texts.some((text) => text !== undefined)) throw unreadable();
    return { v: 1, secret: (keys[0] as KeyPlace).own.toString("base64url"), begun: at };
  };

  const withSecret = <T>(step: (secret: Buffer) => Promise<T>): Promise<T> => {
    if (secret !== undefined && freshUntil !== undefined && !isPast(clocks, freshUntil)) return step(secret);
    reading ??= read().finally(() => (reading = undefined));
    return reading.then(step);
  };
  const named = <T>(name: string, step: (name: string) => Promise<T>): Promise<T> =>
    withSecret((key) => step(keyedName(key, name.slice(0, name.indexOf(":")), name)));

  return {
    shared: store.shared,
    async start() {
      await store.start();
      await withSecret(async () => undefined);
    },
    get: (name) => named(name, (key) => store.get(key)),
    setIfAbsent: (name, value, ttl) => named(name, (key) => store.setIfAbsent(key, value, ttl)),
    increment: (name, ttl) => named(name, (key) => store.increment(key, ttl)),
    compareAndSet: (name, expected, value, ttl) =>
      named(name, (key) => store.compareAndSet(key, expected, value, ttl)),
    take: (name) => named(name, (key) => store.take(key)),
    delete: (name) => named(name, (key) => store.delete(key)),
    close: async () => store.close?.(),
  };
}

interface KeyPlace {
  /** Derived from the key; names records in a store that was begun with it. */
  readonly own: Buffer;
  /** Where the copy that is sealed with this key stands. */
  readonly place: string;
  seal(secret: NameSecret): string;
  open(text: string): NameSecret | undefined;
}

function keyPlace(key: string | Uint8Array): KeyPlace {
  const ring = keyring([key]);
  const [own = Buffer.alloc(0)] = derivedSecrets([key], "record-names", []);
  return {
    own,
    place: keyedName(own, "names", "names"),
    seal: (secret) => ring.seal("names", [], secret),
    open(text) {
      const found = ring.open("names", [], text) as NameSecret | undefined;
      return found?.v === 1 ? found : undefined;
    },
  };
}

/** Where two keys know different secrets, every process has to take the same one, whatever the order of its keys. */
function oldest(found: readonly (NameSecret | undefined)[]): NameSecret | undefined {
  const known = found.filter((one) => one !== undefined);
  return known.sort((a, b) => a.begun - b.begun || (a.secret < b.secret ? -1 : 1))[0];
}

function unreadable(): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "store_corrupt",
    "The record that names all others in the store was changed. It was left as it is.",
    storeCorruptCauses.names,
  );
}
