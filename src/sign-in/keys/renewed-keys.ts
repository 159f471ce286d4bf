import { clocksOf } from "../../async/clocks.js";
import { withDeadline } from "../../async/deadline.js";
import { singleFlight } from "../../async/single-flight.js";
import { runWithoutUserContext } from "../../context/ambient.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { emit, type OnEvent } from "../../events/events.js";
import { either, func } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import type { OptionCheck } from "../../options/option-table.js";
import { type EncryptionKeys, encryptionKeysOption, keyring, type Keyring } from "../../sealing/keyring.js";
import { wrappedStore } from "../stores/wrapped-store.js";
import type { StartedStore } from "../stores/started-store.js";

/** The option `encryptionKeys` of `createSignIn()`. */
export const keysOption: OptionCheck<EncryptionKeys | (() => EncryptionKeys | Promise<EncryptionKeys>)> =
  either(
    encryptionKeysOption,
    func<() => EncryptionKeys | Promise<EncryptionKeys>>("a function that returns them"),
  );

/** The keys of a sign-in service, which may change while it runs. */
export interface RenewedKeys {
  /** Uses whatever keys there are now. */
  readonly ring: Keyring;
  /** The keys as they are now; the same list until they change. Throws `encryption_keys_unavailable` before the first. */
  current(): EncryptionKeys;
  /** Waits for the first keys. `undefined` where there is nothing to wait for. Throws `encryption_keys_unavailable`. */
  ready(): Promise<void> | undefined;
  /** Asks for the keys again if one of these texts was sealed with a key that is not known. Never throws. */
  learn(texts: () => readonly (string | undefined)[]): Promise<void> | undefined;
}

const renewMs = 3_600_000;
/** Anybody can make a text that looks as if it were sealed with an unknown key. */
const restMs = 10_000;
/** Less than a step of the store may take, which may wait for it. */
const limitMs = 4_000;
const maxKeys = 16;

export function renewedKeys(
  given: EncryptionKeys | (() => EncryptionKeys | Promise<EncryptionKeys>),
  { now, onEvent }: { readonly now: () => number; readonly onEvent?: OnEvent | undefined },
): RenewedKeys {
  if (typeof given !== "function") {
    const ring = keyring(given);
    return { ring, current: () => given, ready: () => undefined, learn: () => undefined };
  }
  const clocks = clocksOf(now);
  const flights = singleFlight<void>();
  let known: { readonly keys: EncryptionKeys; readonly ring: Keyring } | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  const ask = (): Promise<void> =>
    flights.run("keys", async () => {
      askedAt = clocks.age();
      const keys = await withDeadline(limitMs, undefined, unavailable, () =>
        runWithoutUserContext(async () => checked(await given())),
      );
      if (known === undefined || !areSame(known.keys, keys)) known = { keys, ring: keyring(keys) };
    });
  /** The old keys stay when this fails. */
  const renew = (): Promise<void> =>
    ask().catch((cause: unknown) => {
      const code = isHostedAgentIdentityError(cause) ? cause.code : "encryption_keys_unavailable";
      emit(onEvent, { type: "encryption_keys_failed", code });
    });
  const latest = (): { readonly keys: EncryptionKeys; readonly ring: Keyring } => {
    if (known === undefined) throw unavailable();
    return known;
  };
  const learn: RenewedKeys["learn"] = (texts) => {
    if (known === undefined || clocks.age() - askedAt < restMs) return undefined;
    const { ring } = known;
    return texts().some((text) => text !== undefined && !ring.knows(text)) ? renew() : undefined;
  };
  const opened = (sealed: string): string => {
    void learn(() => [sealed]);
    return sealed;
  };
  return {
    ring: {
      seal: (...asked) => latest().ring.seal(...asked),
      open: (purpose, binding, sealed) => latest().ring.open(purpose, binding, opened(sealed)),
      opener: (...asked) => latest().ring.opener(...asked),
      isCurrent: (sealed) => latest().ring.isCurrent(sealed),
      knows: (sealed) => latest().ring.knows(sealed),
      namesOf: (...asked) => latest().ring.namesOf(...asked),
    },
    current: () => latest().keys,
    ready() {
      if (known === undefined)
        return ask().catch((cause: unknown) => {
          throw isHostedAgentIdentityError(cause) ? cause : unavailable();
        });
      if (clocks.age() - askedAt > renewMs) void renew();
      return undefined;
    },
    learn,
  };
}

function checked(keys: EncryptionKeys): EncryptionKeys {
  const at = "createSignIn: encryptionKeys()";
  const read = encryptionKeysOption.read(keys, at);
  if (read.length > maxKeys) throw invalid(at, `expected at most ${maxKeys} keys.`);
  return read;
}

function areSame(a: EncryptionKeys, b: EncryptionKeys): boolean {
  const texts = (keys: EncryptionKeys): readonly string[] =>
    keys.map((key) => (typeof key === "string" ? key : Buffer.from(key).toString("base64")));
  const [before, after] = [texts(a), texts(b)];
  return before.length === after.length && before.every((text, n) => text === after[n]);
}

function unavailable(): HostedAgentIdentityError {
  return new HostedAgentIdentityError("encryption_keys_unavailable");
}

/**
 * The store of a service whose keys may change: a record that another process sealed with a newer key is handed on only
 * after this one has asked for it. Otherwise it would count as none, and be overwritten.
 */
export function learningStore(store: StartedStore, keys: RenewedKeys): StartedStore {
  const { scan } = store;
  const read = async (value: Promise<string | undefined>): Promise<string | undefined> => {
    const text = await value;
    await keys.learn(() => [text]);
    return text;
  };
  return {
    ...wrappedStore(store, async (key, step) => {
      await keys.ready();
      return step(key);
    }),
    async get(key) {
      await keys.ready();
      return read(store.get(key));
    },
    async take(key) {
      await keys.ready();
      return read(store.take(key));
    },
    scan:
      scan === undefined
        ? undefined
        : async (...asked) => {
            await keys.ready();
            const page = await scan(...asked);
            await keys.learn(() => page.records.map(([, value]) => value));
            return page;
          },
    async start() {
      await keys.ready();
      await store.start();
    },
  };
}
