import type { TokenUse } from "../context/state.js";
import { allowsTenant, issuersOf, isGuid, type EntraAppFacts } from "../entra/clouds.js";
import {
  audiencesOf,
  clientOf,
  scopesOf,
  stringClaim,
  type TokenClaims,
  decodeClaims,
} from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { UserTokenError, type ErrorCode, type UserTokenFault } from "../errors.js";
import { wrongTokens, type WrongToken } from "../errors/causes/user-token.js";
import { parseJson } from "../input/json-limits.js";

/** Which subjects are accepted: `persons` by an agent, `both` by an MCP server, `applications` by a service for agents. */
export type TakenSubjects = "persons" | "applications" | "both";

/** What the claims of a token are checked against. */
export interface ClaimRules {
  readonly app: Pick<EntraAppFacts, "audiences" | "allowedTenants" | "cloud">;
  /** The audiences of passthrough resources, each with the audience that names its resource. */
  readonly passthroughAudiences: ReadonlyMap<string, string>;
  readonly requiredScopes: readonly string[];
  /** Client ids, lower case; `undefined` allows every client. */
  readonly clients: readonly string[] | undefined;
  readonly takes: TakenSubjects;
  readonly clockToleranceS: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How far the clocks of Entra and a host may differ by default, in seconds. */
export const defaultClockToleranceS = 60;

/** One check of a token's claims: returns the error to refuse the token with, or `undefined`. */
export type TokenCheck = (claims: TokenClaims, rules: ClaimRules) => UserTokenError | undefined;

/**
 * All checks of a token's claims, in the order in which a verifier makes them. The verifier throws the first error;
 * the command `inspect` prints every one, so both agree.
 */
export const tokenChecks: Readonly<Record<TokenCheckName, TokenCheck>> = {
  tenant: checkTenant,
  issuer: checkIssuer,
  audience: checkAudience,
  lifetime: checkLifetime,
  subject: checkSubject,
  scopes: checkScopes,
  client: checkClient,
};

const checks: readonly TokenCheck[] = Object.values(tokenChecks);

/** The name of a check of {@link tokenChecks}. */
export type TokenCheckName = "tenant" | "issuer" | "audience" | "lifetime" | "subject" | "scopes" | "client";

/** Runs every check and returns what the token is good for. Throws the first error. */
export function checkClaims(claims: TokenClaims, rules: ClaimRules): TokenUse {
  for (const check of checks) {
    const error = check(claims, rules);
    if (error !== undefined) throw error;
  }
  return useOf(claims, rules) ?? ourOwn;
}

/** The tenant must be listed before its id becomes part of a URL. */
export function checkTenant(
  { tid }: TokenClaims,
  { app }: { readonly app: Pick<EntraAppFacts, "allowedTenants"> },
): UserTokenError | undefined {
  if (!isGuid(tid)) return new UserTokenError("user_token_tenant", "The user token names no tenant.");
  if (tid.toLowerCase() === personalAccounts && !isListed(app, personalAccounts))
    return wrongToken("user_token_tenant", "personal", ".", { actual: personalAccounts });
  return isListed(app, tid.toLowerCase()) ? undefined : notListed(tid.toLowerCase());
}

/** The tenant of personal Microsoft accounts. */
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad";

/** A function is asked by admitTenant(), which waits for it. */
function isListed({ allowedTenants }: Pick<EntraAppFacts, "allowedTenants">, tid: string): boolean {
  return typeof allowedTenants === "function" || allowedTenants.includes(tid);
}

/**
 * Asks whether the tenant of a token is allowed, where a function says so. `tid` is a GUID in lower case. Throws
 * `user_token_tenant`, `tenants_unavailable`.
 */
export async function admitTenant(app: EntraAppFacts, tid: string): Promise<void> {
  if (!(await allowsTenant(app, tid))) throw notListed(tid);
}

function notListed(tid: string): UserTokenError {
  return new UserTokenError(
    "user_token_tenant",
    `The user token's tenant ${JSON.stringify(tid)} is not listed.`,
    { actual: tid },
  );
}

function checkIssuer(claims: TokenClaims, { app }: ClaimRules): UserTokenError | undefined {
  const actual = stringClaim(claims, "iss");
  const expected = issuersOf(app.cloud, (claims.tid ?? "").toLowerCase());
  if (actual !== undefined && expected.includes(actual)) return undefined;
  return new UserTokenError(
    "user_token_issuer",
    `The user token's issuer is ${quoted(actual)}; expected ${either(expected)}.`,
    { expected, actual },
  );
}

const ourOwn: TokenUse = Object.freeze({ use: "app" });

/** What the audience makes the token good for; `undefined` for an audience that is not accepted. */
export function useOf(
  claims: TokenClaims,
  { app, passthroughAudiences }: Pick<ClaimRules, "app" | "passthroughAudiences">,
): TokenUse | undefined {
  const audiences = audiencesOf(claims);
  // Entra issues one audience. A token with several would be good for several resources at once.
  const actual = audiences.length === 1 ? audiences[0] : undefined;
  if (actual !== undefined && app.audiences.includes(actual)) return ourOwn;
  const audience = actual === undefined ? undefined : passthroughAudiences.get(actual);
  return audience === undefined ? undefined : { use: "resource", audience };
}

function checkAudience(claims: TokenClaims, rules: ClaimRules): UserTokenError | undefined {
  if (useOf(claims, rules) !== undefined) return undefined;
  const actual = audiencesOf(claims).join(" ");
  const expected = [...rules.app.audiences, ...rules.passthroughAudiences.keys()];
  const but = `audience is ${quoted(actual)}; expected ${either(expected)}.`;
  const kind = wrongAudience(claims, expected);
  return kind === undefined
    ? new UserTokenError("user_token_audience", `The user token's ${but}`, { expected, actual })
    : wrongToken("user_token_audience", kind, `. Its ${but}`, { expected, actual });
}

/** Microsoft Graph's names in every cloud, and its client id. */
const graphAudiences: ReadonlySet<string> = new Set([
  "00000003-0000-0000-c000-000000000000",
  "https://graph.microsoft.com",
  "https://graph.microsoft.us",
  "https://dod-graph.microsoft.us",
  "https://microsoftgraph.chinacloudapi.cn",
]);
/** Client ids of other Microsoft APIs: Azure Resource Manager, Azure AD Graph, Key Vault, Cognitive Services, DevOps, Office. */
const microsoftApis: ReadonlySet<string> = new Set([
  "797f4846-ba00-4fd7-ba43-dac1f8f63013",
  "00000002-0000-0000-c000-000000000000",
  "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
  "7d312290-28c8-473c-a0ed-8e53749b6d6d",
  "499b84ac-1321-427f-aa17-267ca6975798",
  "00000002-0000-0ff1-ce00-000000000000",
  "00000003-0000-0ff1-ce00-000000000000",
]);
const microsoftHosts =
  /^https:\/\/(?:[a-z0-9-]+\.)*(?:azure\.(?:com|net|us|cn)|microsoft\.(?:com|us)|windows\.net|office(?:365)?\.com|sharepoint\.com|botframework\.com|chinacloudapi\.cn)$/;

/**
 * Which of the tokens that are commonly wrong this one is, by its audience; `undefined` for any other. `expected` are
 * the audiences that would do.
 */
export function wrongAudience(claims: TokenClaims, expected: readonly string[]): WrongToken | undefined {
  const [actual, ...others] = audiencesOf(claims);
  if (actual === undefined || others.length > 0) return undefined;
  const plain = actual.toLowerCase().replace(/\/$/, "");
  if (/^https:\/\/ai\.azure\.(?:com|us)$/.test(plain)) return "foundrys";
  if (graphAudiences.has(plain)) return "graph";
  if (microsoftApis.has(plain) || microsoftHosts.test(plain)) return "microsofts";
  if (isIdToken(claims)) return "idToken";
  if (expected.some((one) => one.toLowerCase().replace(/\/$/, "") === plain)) return "spelled";
  return claims.ver === "1.0" && !isGuid(actual) ? "version1" : undefined;
}

/** An access token names the client and, for a person, its scopes; an ID token has neither. */
function isIdToken(claims: TokenClaims): boolean {
  return ["scp", "azp", "appid", "idtyp"].every((name) => claims[name] === undefined);
}

/** The error for a token of the table: it says which one it is, and what to ask for. */
function wrongToken(
  code: ErrorCode,
  kind: WrongToken,
  rest: string,
  fault: UserTokenFault = {},
): UserTokenError {
  const { is, help } = wrongTokens[kind];
  return new UserTokenError(code, `The user token ${is}${rest}`, fault, { help });
}

/**
 * The error for a signature that does not match. What Microsoft signs for its own APIs has a `nonce` in the header, which
 * is not what was signed: it was sent unchanged, and nobody else can verify it.
 * Source: learn.microsoft.com, troubleshoot/entra, "troubleshoot signature validation errors".
 */
export function signatureError(
  header: Readonly<Record<string, unknown>>,
  claims: TokenClaims,
  { audiences: expected }: Pick<EntraAppFacts, "audiences">,
): UserTokenError {
  if (header["nonce"] === undefined) return new UserTokenError("user_token_signature");
  const kind = wrongAudience(claims, expected) === "graph" ? "graph" : "microsofts";
  return wrongToken(
    "user_token_audience",
    kind,
    ": its header has a nonce, so only that API can verify it.",
    {
      expected,
    },
  );
}

function checkLifetime(
  { exp, nbf }: TokenClaims,
  { clockToleranceS, now }: ClaimRules,
): UserTokenError | undefined {
  const seconds = now / 1000;
  if (!isNumber(exp))
    return new UserTokenError("user_token_expired", "The user token does not say when it expires.");
  if (seconds >= exp + clockToleranceS)
    return new UserTokenError("user_token_expired", `The user token expired at ${instant(exp)}.`);
  if (nbf === undefined) return undefined;
  if (!isNumber(nbf) || seconds < nbf - clockToleranceS) {
    return new UserTokenError(
      "user_token_not_yet_valid",
      isNumber(nbf) ? `The user token is not valid before ${instant(nbf)}.` : undefined,
    );
  }
  return undefined;
}

/** The token must say what its subject is: a missing claim proves nothing. */
function checkSubject(claims: TokenClaims, { takes }: ClaimRules): UserTokenError | undefined {
  const subject = subjectOf(claims);
  switch (subject.kind) {
    case "person":
      if (takes !== "applications") return undefined;
      return new UserTokenError(
        "user_token_subject",
        "The token stands for a person, not for an application.",
      );
    case "application":
      if (takes !== "persons") return undefined;
      return new UserTokenError("user_token_app_only");
    case "agent_user":
      return new UserTokenError("user_token_agent_user");
    case "unclear":
      if (isIdToken(claims) && isGuid(claims.oid)) return wrongToken("user_token_subject", "idToken", ".");
      return new UserTokenError(
        "user_token_subject",
        `The token says neither that it stands for a person nor for an application: ${subject.detail}.`,
      );
  }
}

/** Required scopes are those of our own app. A resource checks the scopes of its own tokens. */
function checkScopes(claims: TokenClaims, rules: ClaimRules): UserTokenError | undefined {
  const required = rules.requiredScopes;
  if (required.length === 0 || useOf(claims, rules)?.use !== "app") return undefined;
  const granted = scopesOf(claims);
  if (required.every((scope) => granted.includes(scope))) return undefined;
  return new UserTokenError(
    "user_token_scope",
    `The user token's scopes are ${quoted(granted.join(" "))}; expected ${quoted(required.join(" "))}.`,
    { expected: required, actual: granted.join(" ") },
  );
}

function checkClient(claims: TokenClaims, { clients }: ClaimRules): UserTokenError | undefined {
  const actual = clientOf(claims);
  if (clients === undefined || (actual !== undefined && clients.includes(actual.toLowerCase())))
    return undefined;
  return new UserTokenError(
    "user_token_client",
    `The user token was issued to the client ${quoted(actual)}.`,
    { actual },
  );
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Seconds since 1970 as text. Even a signed token may hold a number outside the range of dates. */
function instant(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function quoted(value: string | undefined): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}

function either(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(" or ");
}

/** What an unverified token says about itself, as far as verifying it needs. */
export interface UnverifiedToken {
  /** A listed tenant, lower case. */
  readonly tid: string;
  readonly kid: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: TokenClaims;
}

/** Throws `user_token_too_large` or `user_token_malformed` for what cannot be a signed JSON Web Token. */
export function checkShape(token: string, maxTokenBytes: number): void {
  if (typeof token !== "string") throw new UserTokenError("user_token_malformed");
  const bytes = Buffer.byteLength(token);
  if (bytes > maxTokenBytes) {
    throw new UserTokenError(
      "user_token_too_large",
      `The user token has ${bytes} bytes; the limit is ${maxTokenBytes}.`,
    );
  }
  // An empty signature passes here, so that `alg: none` gets its own error.
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) throw malformed(token);
}

/** The error for what has not the three readable parts of a signed token. */
export function malformed(token: string): UserTokenError {
  const parts = token.split(".").length;
  if (parts === 5) return wrongToken("user_token_malformed", "encrypted", ".");
  // A refresh token begins with "0." or "1.", a code as well; neither has three parts that can be read.
  return /^[\w.~!*$+/=-]{40,}$/.test(token)
    ? wrongToken("user_token_malformed", "opaque", ".")
    : new UserTokenError("user_token_malformed");
}

/**
 * Reads what is needed to find the key. Checks algorithm and tenant before any URL is built from the token: a caller
 * must not choose what this process fetches.
 */
export function readUnverified(
  token: string,
  app: EntraAppFacts,
  readHeader: typeof decodeHeader = decodeHeader,
): UnverifiedToken {
  const header = readHeader(token);
  const claims = decodeClaims(token);
  if (header === undefined || claims === undefined) throw malformed(token);
  if (header["alg"] !== "RS256") throw new UserTokenError("user_token_algorithm");
  const unlisted = checkTenant(claims, { app });
  if (unlisted !== undefined) throw unlisted;
  const { kid } = header;
  if (typeof kid !== "string" || kid === "") {
    throw new UserTokenError("user_token_key_unknown", "The user token does not name its key.");
  }
  return { tid: (claims.tid ?? "").toLowerCase(), kid, header, claims };
}

/** The unverified header of a token; `undefined` when it cannot be read. */
export function decodeHeader(token: string): Readonly<Record<string, unknown>> | undefined {
  const [part = ""] = token.split(".", 1);
  try {
    const value = parseJson(Buffer.from(part, "base64url"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads headers as {@link decodeHeader} does, and remembers the last one: all tokens that one key signs for one purpose
 * begin with the same header.
 */
export function headerReader(): typeof decodeHeader {
  let text = "";
  let header: ReturnType<typeof decodeHeader>;
  return (token) => {
    if (text !== "" && token.startsWith(text)) return header;
    header = decodeHeader(token);
    text = header === undefined ? "" : token.slice(0, token.indexOf(".") + 1);
    return header;
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
