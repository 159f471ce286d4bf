import { hash as digest } from "node:crypto";
import type { compactVerify as CompactVerify } from "jose/jws/compact/verify";
import { boundedMap } from "../async/bounded-map.js";
import { clocksOf, type Clocks, endAt, isPast, type End } from "../async/clocks.js";
import { singleFlight } from "../async/single-flight.js";
import type { Assertion, TokenUse } from "../context/state.js";
import type { VerifiedUser } from "../context/user-context.js";
import { appFactsOption, clientOption, type EntraAppFacts } from "../entra/clouds.js";
import { decodeClaims, stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { isUserTokenError, loadPackage, UserTokenError } from "../errors.js";
import { emit, listener, type OnEvent } from "../events/events.js";
import { listens, traced } from "../events/steps.js";
import {
  bytes,
  clock,
  list,
  made,
  milliseconds,
  optional,
  orElse,
  seconds,
  text,
} from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { readOptions, type Checked, type OptionTable } from "../options/option-table.js";
import { prepareWith } from "../runtime/preparations.js";
import { type Runtime, fetchOption } from "../runtime/runtime.js";
import { loadJwks, signingKeys, type SigningKeys } from "./signing-keys.js";
import {
  admitTenant,
  checkClaims,
  defaultClockToleranceS,
  headerReader,
  type ClaimRules,
  type TakenSubjects,
  checkShape,
  readUnverified,
  signatureError,
  type UnverifiedToken,
} from "./token-checks.js";

/** What user tokens are accepted. */
export interface UserTokenVerifierOptions extends Pick<Runtime, "fetch" | "now" | "onEvent"> {
  /** Your own app. The verifier takes its tenants, audiences and cloud from it. */
  readonly app: EntraAppFacts;
  /**
   * Resources that get the caller's own token. A token with their audience is accepted too, but has a separate
   * principal (`kind: "resource"`), since the resource's server could have sent it. A resource that shares an audience
   * with `app` is refused, unless it has `sameTrust: true`.
   */
  readonly passthroughTo?: readonly PassthroughResource[];
  /** Scopes of your app that the token must have: short names, as in `scp`. */
  readonly requiredScopes?: readonly string[];
  /** Client ids of the applications that may call. Default: any. */
  readonly clients?: readonly string[];
  /** Default 16 384. */
  readonly maxTokenBytes?: number;
  /** How far the clocks of Entra and this host may differ, in seconds. Default 60. */
  readonly clockToleranceS?: number;
  /** How long one request for signing keys may take, in milliseconds. Default 5 000. */
  readonly timeoutMs?: number;
}

/** A resource that gets the caller's own token, as `protectedResource()` describes it. */
export interface PassthroughResource {
  readonly audiences: readonly string[];
  readonly sameTrust?: boolean;
}

/** A verified user. The assertion is not enumerable, so printing, spreading and cloning leave it out. */
export interface VerifiedUserToken {
  readonly user: VerifiedUser;
  readonly assertion: Assertion;
}

/** Verifies a user token, or throws `UserTokenError`. */
export type UserTokenVerifier = (token: string) => Promise<VerifiedUserToken>;

const rememberedTokens = 10_000;
/** Whose keys are fetched before the first user comes. */
const tenantsAtStart = 10;

/**
 * Creates the function that verifies user tokens. It checks that the tenant is listed, the signature against that
 * tenant's keys, issuer, audience (your app's or a passthrough resource's), lifetime, that the subject is a person,
 * scopes and client. It remembers a verified token by its hash, for at most ten minutes and while its key is published.
 *
 * Throws `invalid_option`; what it returns throws {@link UserTokenError} with a `user_token_*` code, or with
 * `signing_keys_unavailable` (status 503).
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, identity-platform/access-tokens, "validate tokens"; RFC 8725.
 *
 * @example
 * ```ts
 * import { userTokenVerifier, type EntraApp, type UserTokenVerifier } from "hosted-agent-identity";
 *
 * export function verifierFor(app: EntraApp): UserTokenVerifier {
 *   return userTokenVerifier({ app, requiredScopes: ["access_as_user"] });
 * }
 * ```
 * @group Context
 */
export function userTokenVerifier(options: UserTokenVerifierOptions): UserTokenVerifier {
  return tokenVerifier(readOptions("userTokenVerifier", verifierOptions, options), "persons");
}

/** A verifier that may accept applications. Only for servers: an agent acts for persons. */
export function tokenVerifier(
  options: Checked<UserTokenVerifierOptions, VerifierDefaults>,
  takes: TakenSubjects,
): UserTokenVerifier {
  const { app, onEvent, maxTokenBytes, clocks, rulesAt, keys } = settingsOf(options, takes);
  const remembered = verifiedTokens(rememberedTokens, clocks);
  const readHeader = headerReader();
  const proving = singleFlight<RememberedToken>();
  const asksTenants = typeof app.allowedTenants === "function";
  let loading: Promise<Jose> | undefined;
  let jose: Jose | undefined;
  const tenants = typeof app.allowedTenants === "function" ? [] : app.allowedTenants;
  prepareWith(app, {
    modules: async () => Promise.all([(loading ??= loadJose()), loadJwks()]),
    network: async () =>
      Promise.all([...new Set([app.tenantId, ...tenants])].slice(0, tenantsAtStart).map(keys.fetch)),
  });

  async function prove(token: string, hash: string, unverified: UnverifiedToken): Promise<RememberedToken> {
    const { tid, kid, header, claims } = unverified;
    if (asksTenants) await admitTenant(app, tid);
    const key = await keys.keyFor(tid, kid);
    // Kept, because with loader hooks (tracing, tsx) every import() asks another thread.
    jose ??= await (loading ??= loadJose());
    try {
      await jose.compactVerify(token, key, { algorithms: ["RS256"] });
    } catch (cause) {
      throw isWrongSignature(cause)
        ? signatureError(header, claims, app)
        : new UserTokenError("user_token_malformed");
    }
    const proven = provenToken(unverified, rulesAt(clocks.now()));
    remembered.remember(hash, proven);
    return proven;
  }

  async function verified(token: string): Promise<VerifiedUserToken> {
    try {
      checkShape(token, maxTokenBytes);
      const hash = digest("sha256", token, "base64url");
      const known = remembered.find(hash);
      if (known !== undefined && keys.stillHas(known.tid, known.kid)) {
        if (asksTenants) await admitTenant(app, known.tid);
        // Decoded again, because claims are not kept in memory. The hash proves that it is the same token.
        return verifiedUserToken(token, hash, known, decodeClaims(token) ?? {});
      }
      remembered.forget(hash);
      let unverified: UnverifiedToken | undefined;
      const proven = await proving.run(hash, () =>
        prove(token, hash, (unverified = readUnverified(token, app, readHeader))),
      );
      // Who waits for another request with the same token reads claims of its own: no two share an object.
      return verifiedUserToken(token, hash, proven, unverified?.claims ?? decodeClaims(token) ?? {});
    } catch (error) {
      if (isUserTokenError(error)) {
        emit(onEvent, { type: "user_token_refused", code: error.code, category: error.category });
      }
      throw error;
    }
  }

  return function verify(token) {
    if (onEvent === undefined || !listens(onEvent)) return verified(token);
    return traced(onEvent, { step: "verify" }, () => verified(token));
  };
}

function loadJose(): Promise<Jose> {
  return loadPackage("jose", "Verifying a user token", () => import("jose/jws/compact/verify"));
}

interface Jose {
  readonly compactVerify: typeof CompactVerify;
}

/** Anything else is an unsupported header, such as `crit`. It does not become a cause: it may quote the token. */
function isWrongSignature(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
}

function provenToken({ tid, kid, claims }: UnverifiedToken, rules: ClaimRules): RememberedToken {
  const use = checkClaims(claims, rules);
  return { tid, kid, use, expiresAt: (claims.exp ?? 0) * 1000 };
}

function verifiedUserToken(
  token: string,
  hash: string,
  { tid, use }: RememberedToken,
  claims: TokenClaims,
): VerifiedUserToken {
  const assertion: Assertion = Object.freeze({ token, hash, claims, ...use });
  const verified = { user: userOf(claims, tid) };
  Object.defineProperty(verified, "assertion", { value: assertion, enumerable: false });
  return Object.freeze(verified as VerifiedUserToken);
}

function userOf(claims: TokenClaims, tid: string): VerifiedUser {
  return Object.freeze({
    tid,
    oid: (claims.oid ?? "").toLowerCase(),
    name: stringClaim(claims, "name"),
    username: stringClaim(claims, "preferred_username") ?? stringClaim(claims, "upn"),
  });
}

interface Settings {
  readonly app: EntraAppFacts;
  readonly onEvent: OnEvent | undefined;
  readonly maxTokenBytes: number;
  readonly clocks: Clocks;
  readonly rulesAt: (now: number) => ClaimRules;
  readonly keys: SigningKeys;
}

/** The options of {@link userTokenVerifier}. */
export const verifierOptions: OptionTable<UserTokenVerifierOptions, VerifierDefaults> = {
  app: appFactsOption,
  passthroughTo: orElse(
    list(made<PassthroughResource>("what protectedResource() returned", { audiences: "list" })),
    [],
  ),
  requiredScopes: orElse(list(text()), []),
  clients: optional(list(clientOption)),
  maxTokenBytes: orElse(bytes(1, 1_048_576), 16_384),
  clockToleranceS: orElse(seconds(0, 600), defaultClockToleranceS),
  timeoutMs: orElse(milliseconds(1, 300_000), 5_000),
  fetch: fetchOption,
  now: clock,
  onEvent: listener,
};

type VerifierDefaults =
  | "passthroughTo"
  | "requiredScopes"
  | "maxTokenBytes"
  | "clockToleranceS"
  | "timeoutMs"
  | "fetch"
  | "now";

function settingsOf(
  options: Checked<UserTokenVerifierOptions, VerifierDefaults>,
  takes: TakenSubjects,
): Settings {
  const { app, fetch, now, onEvent, maxTokenBytes, clockToleranceS, timeoutMs } = options;
  const rules = {
    app,
    passthroughAudiences: passthroughAudiences(app, options.passthroughTo),
    requiredScopes: options.requiredScopes,
    clients: options.clients?.map((client) => client.toLowerCase()),
    takes,
    clockToleranceS,
  };
  const clocks = clocksOf(now);
  return {
    app,
    onEvent,
    maxTokenBytes,
    clocks,
    rulesAt: (at) => ({ ...rules, now: at }),
    keys: signingKeys({ cloud: app.cloud, fetch, clocks, timeoutMs }),
  };
}

/**
 * Each audience with the first audience of its resource, because version 1 and 2 tokens name the same resource
 * differently. Throws `invalid_option` for a resource that shares an audience with our app without `sameTrust`.
 */
function passthroughAudiences(
  app: EntraAppFacts,
  resources: readonly PassthroughResource[],
): ReadonlyMap<string, string> {
  const ours = new Set(app.audiences.map((one) => one.toLowerCase()));
  const named = new Map<string, string>();
  for (const { audiences, sameTrust } of resources) {
    if (sameTrust !== true && audiences.some((one) => ours.has(one.toLowerCase())))
      throw invalid(
        "userTokenVerifier: passthroughTo",
        "expected a resource with audiences of its own, got one that shares an audience with app: its server could act as this agent with every token that is passed on. Give it an app registration of its own, or describe it with sameTrust: true.",
      );
    for (const one of audiences) if (!named.has(one)) named.set(one, audiences[0] ?? one);
  }
  return named;
}

/** What is remembered of a verified token: no token, no claims. */
export interface RememberedToken {
  readonly tid: string;
  readonly kid: string;
  readonly use: TokenUse;
  /** When it was issued to expire, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Verified tokens by the SHA-256 of the whole token. */
interface VerifiedTokens {
  find(hash: string): RememberedToken | undefined;
  remember(hash: string, token: RememberedToken): void;
  forget(hash: string): void;
}

const longestMs = 10 * 60_000;

interface Entry {
  readonly token: RememberedToken;
  readonly end: End;
  /** On the wall clock. If that is set back further, the token may not be valid yet. */
  readonly provenAt: number;
}

/** Remembers at most `max` verified tokens, each for at most ten minutes. The least recently used makes room. */
export function verifiedTokens(max: number, clocks: Clocks): VerifiedTokens {
  const { now } = clocks;
  const entries = boundedMap<string, Entry>(max);
  return {
    find(hash) {
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      entries.delete(hash);
      if (isPast(clocks, entry.end) || now() < entry.provenAt) return undefined;
      entries.set(hash, entry);
      return entry.token;
    },
    remember(hash, token) {
      const provenAt = now();
      const end = endAt(clocks, Math.min(provenAt + longestMs, token.expiresAt));
      entries.set(hash, { token, end, provenAt });
    },
    forget: (hash) => void entries.delete(hash),
  };
}
