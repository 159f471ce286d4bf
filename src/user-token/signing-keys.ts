import type { CryptoKey, JSONWebKeySet } from "jose";
import type * as Jwks from "jose/jwks/local";
import { signingKeysUrl, type CloudEndpoints } from "../entra/clouds.js";
import { isHostedAgentIdentityError, loadPackage, UserTokenError } from "../errors.js";
import { type Clocks } from "../async/clocks.js";
import { withDeadline } from "../async/deadline.js";
import { singleFlight } from "../async/single-flight.js";
import { parseJson, boundedText } from "../input/json-limits.js";
import { runWithoutUserContext } from "../context/ambient.js";
import type { FetchLike } from "../runtime/runtime.js";

/** How the published keys of the listed tenants are kept. */
export interface SigningKeysOptions {
  readonly cloud: CloudEndpoints;
  readonly fetch: FetchLike;
  readonly clocks: Clocks;
  /** How long one request for keys may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** The public signing keys of tenants, fetched when needed. */
export interface SigningKeys {
  /** Throws `user_token_key_unknown`, or `signing_keys_unavailable` when the keys cannot be fetched. */
  keyFor(tenantId: string, kid: string): Promise<CryptoKey>;
  /** Whether a fresh key set still has this key. Fetches nothing. */
  stillHas(tenantId: string, kid: string): boolean;
  /** Fetches a tenant's keys, unless they are fresh. Throws `signing_keys_unavailable`. */
  fetch(tenantId: string): Promise<void>;
}

/** A key set younger than this is not fetched again, unless a key is missing. */
const freshMs = 10 * 60_000;
/** How long the current keys serve while they cannot be refreshed. */
const staleMs = 60 * 60_000;
/** No request for a missing key this soon after the last one, so that random key ids cause no storm of requests. */
const cooldownMs = 30_000;
/** The largest answer of the keys endpoint that is read; Entra's has some 20 kilobytes. */
export const maxKeyBytes = 1_048_576;
/** How long a failure stops further requests. */
const failurePauseMs = 1_000;

/**
 * Fetches each tenant's keys once for all users, outside any user context. Pass only listed tenants: the URL is built
 * from the tenant id.
 */
export function signingKeys(options: SigningKeysOptions): SigningKeys {
  const sets = new Map<string, KeySet>();
  const setOf = (tenantId: string): KeySet => {
    let set = sets.get(tenantId);
    if (set === undefined) {
      set = keySet(signingKeysUrl(options.cloud, tenantId), options);
      sets.set(tenantId, set);
    }
    return set;
  };
  return {
    keyFor: (tenantId, kid) => setOf(tenantId).keyFor(kid),
    stillHas: (tenantId, kid) => sets.get(tenantId)?.stillHas(kid) ?? false,
    fetch: (tenantId) => setOf(tenantId).fetch(),
  };
}

/** Loads what reads keys. */
export async function loadJwks(): Promise<Pick<typeof Jwks, "createLocalJWKSet">> {
  return loadPackage("jose", "Verifying a user token", () => import("jose/jwks/local"));
}

interface KeySet {
  fetch(): Promise<void>;
  keyFor(kid: string): Promise<CryptoKey>;
  stillHas(kid: string): boolean;
}

interface LoadedKeys {
  readonly kids: ReadonlySet<string>;
  /** On the steady clock, so that setting the wall clock back makes no key set younger. */
  readonly at: number;
  readonly find: (header: { alg: string; kid: string }) => Promise<CryptoKey>;
  /** The keys of this set that were found before. */
  readonly found: Map<string, CryptoKey>;
}

function keySet(url: string, options: SigningKeysOptions): KeySet {
  const { age } = options.clocks;
  let loaded: LoadedKeys | undefined;
  const loading = singleFlight<void>();
  let failedAt = Number.NEGATIVE_INFINITY;

  const youngerThan = (ms: number): boolean => loaded !== undefined && age() - loaded.at < ms;

  /** One request for all who wait, and none shortly after a failure. */
  const refresh = (): Promise<void> =>
    loading.run(url, async () => {
      if (age() - failedAt < failurePauseMs) throw unavailable();
      try {
        loaded = await runWithoutUserContext(() => load(url, options));
      } catch (cause) {
        failedAt = age();
        // jose could not be loaded: another try does not help.
        throw isHostedAgentIdentityError(cause) ? cause : unavailable(cause);
      }
    });

  const known = (kid: string): boolean => loaded?.kids.has(kid) ?? false;

  async function find(kid: string): Promise<CryptoKey> {
    if (!youngerThan(known(kid) ? freshMs : cooldownMs)) {
      try {
        await refresh();
      } catch (error) {
        if (!known(kid) || !youngerThan(staleMs)) throw error;
      }
    }
    if (loaded === undefined || !known(kid)) throw new UserTokenError("user_token_key_unknown");
    const { find, found } = loaded;
    try {
      const key = await find({ alg: "RS256", kid });
      found.set(kid, key);
      return key;
    } catch (cause) {
      // Two keys under one id, or a key that is not RSA: this token cannot be checked with either.
      throw new UserTokenError("user_token_key_unknown", undefined, {}, { cause });
    }
  }

  return {
    fetch: async () => (youngerThan(freshMs) ? undefined : refresh()),
    stillHas: (kid) => youngerThan(freshMs) && known(kid),
    async keyFor(kid) {
      return (youngerThan(freshMs) ? loaded?.found.get(kid) : undefined) ?? find(kid);
    },
  };
}

async function load(url: string, { fetch, clocks, timeoutMs }: SigningKeysOptions): Promise<LoadedKeys> {
  const { createLocalJWKSet } = await loadJwks();
  const late = (): Error => new Error(`The keys endpoint did not answer within ${timeoutMs} ms.`);
  const published = await withDeadline(timeoutMs, undefined, late, async (signal) => {
    // A redirect would leave the configured cloud.
    const init: RequestInit = { headers: { accept: "application/json" }, redirect: "manual", signal };
    const response = await fetch(url, init);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`The keys endpoint answered ${response.status}.`);
    }
    const text = await boundedText(response, maxKeyBytes);
    if (text === undefined) throw new Error(`The keys endpoint answered more than ${maxKeyBytes} bytes.`);
    return parseJson(text) as JSONWebKeySet;
  });
  const find = createLocalJWKSet(published);
  const kids = new Set(published.keys.flatMap(({ kid }) => kid ?? []));
  return { kids, at: clocks.age(), find, found: new Map() };
}

function unavailable(cause?: unknown): UserTokenError {
  return new UserTokenError(
    "signing_keys_unavailable",
    undefined,
    {},
    { retryAfterMs: failurePauseMs, cause },
  );
}
