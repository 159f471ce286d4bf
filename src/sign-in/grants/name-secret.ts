import { createSecretKey, type KeyObject } from "node:crypto";
import { storeCorruptCauses } from "../../errors/causes/sign-in.js";
import { clocksOf, endAt, isPast, type Clocks, type End } from "../../async/clocks.js";
import { singleFlight, type SingleFlight } from "../../async/single-flight.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { derivedSecrets, keyedName, keyring } from "../../sealing/keyring.js";
import type { SignInStore } from "../stores/store.js";

/**
 * The secret that names records. It is derived from the encryption key that the store was started with, and kept in
 * the store itself, sealed once with each key. Names therefore stay the same when keys are replaced; otherwise a
 * grant could be neither used nor ended any more. The place of each sealed copy follows from its key alone.
 */
export interface NameSecretState {
  readonly store: SignInStore;
  /** The keys as they are now. */
  readonly current: () => readonly (string | Uint8Array)[];
  /** Where each key's copy stands, and the keys that this was made from. */
  keys: readonly KeyPlace[];
  from: readonly (string | Uint8Array)[] | undefined;
  readonly clocks: Clocks;
  readonly reads: SingleFlight<KeyObject>;
  /** The secret as this process knows it, and when it has to be read again. */
  known: KnownSecret | undefined;
}

interface KnownSecret {
  readonly secret: KeyObject;
  readonly begun: number;
  readonly freshUntil: End;
}

/** The secret as the store keeps it. */
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
/** How soon a process notices that the store lost its data and another process has filled it since. */
const lookMs = 30_000;
/** How often a copy is written again because another process was faster. */
const maxTries = 5;

/** The secret of a store, not read yet. */
export function nameSecret(
  store: SignInStore,
  current: () => readonly (string | Uint8Array)[],
  now: () => number,
): NameSecretState {
  return {
    store,
    current,
    keys: [],
    from: undefined,
    clocks: clocksOf(now),
    reads: singleFlight(),
    known: undefined,
  };
}

/** Runs a step with the secret, which is read first when that is due. */
export function withNameSecret<T>(
  state: NameSecretState,
  step: (secret: KeyObject) => Promise<T>,
): Promise<T> {
  const encryptionKeys = state.current();
  if (encryptionKeys !== state.from) {
    state.keys = encryptionKeys.map(keyPlace);
    // Read again at once: every key needs a copy of the secret.
    if (state.known !== undefined) state.known = { ...state.known, freshUntil: endAt(state.clocks, 0) };
    state.from = encryptionKeys;
  }
  const { known, clocks, reads } = state;
  if (known !== undefined && !isPast(clocks, known.freshUntil)) return step(known.secret);
  return reads.run("secret", () => readSecret(state, maxTries)).then(step);
}

async function readSecret(state: NameSecretState, tries: number): Promise<KeyObject> {
  const { store, keys, clocks } = state;
  const wall = clocks.now();
  const freshUntil = endAt(clocks, wall + lookMs);
  const texts = await Promise.all(keys.map(({ place }) => store.get(place)));
  const found = texts.map((text, n) => (text === undefined ? undefined : keys[n]?.open(text)));
  const counts = oldest(found) ?? ownSecret(state, texts, wall);
  const kept = await Promise.all(
    keys.map(async ({ place, seal }, n) => {
      const before = found[n];
      if (before?.secret === counts.secret && wall - before.written < rewriteMs) return true;
      return store.compareAndSet(place, texts[n], seal({ ...counts, written: wall }), ttlMs);
    }),
  );
  // Another process has just written. Its secret may be the one that counts.
  if (kept.includes(false)) {
    if (tries > 1) return readSecret(state, tries - 1);
    throw new HostedAgentIdentityError("store_unavailable", "The store's value changed too often.");
  }
  const secret = createSecretKey(counts.secret, "base64url");
  state.known = { secret, begun: counts.begun, freshUntil };
  return secret;
}

/** The secret to write where the store has none that can be read. */
function ownSecret(
  { keys, known }: NameSecretState,
  texts: readonly unknown[],
  at: number,
): Pick<NameSecret, "v" | "secret" | "begun"> {
  if (known !== undefined)
    return { v: 1, secret: known.secret.export().toString("base64url"), begun: known.begun };
  // A new secret would hide every record of the store.
  if (texts.some((text) => text !== undefined)) throw unreadable();
  return { v: 1, secret: (keys[0] as KeyPlace).own.toString("base64url"), begun: at };
}

interface KeyPlace {
  /** Derived from the key. It names the records of a store that was started with this key. */
  readonly own: Buffer;
  /** Where the copy stands that is sealed with this key. */
  readonly place: string;
  seal(secret: NameSecret): string;
  open(text: string): NameSecret | undefined;
}

function keyPlace(key: string | Uint8Array): KeyPlace {
  const ring = keyring([key]);
  const [own = Buffer.alloc(0)] = derivedSecrets([key], "record-names", []);
  return {
    own,
    place: keyedName(createSecretKey(own), "names", "names"),
    seal: (secret) => ring.seal("names", [], secret),
    open(text) {
      const found = ring.open("names", [], text) as NameSecret | undefined;
      return found?.v === 1 ? found : undefined;
    },
  };
}

/** Where two keys hold different secrets, every process has to choose the same one, whatever the order of its keys. */
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
