import { issuersOf } from "../entra/clouds.js";
import { isGuid, type EntraAppFacts } from "../entra/tenants.js";
import { audiencesOf, clientOf, scopesOf, stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { UserTokenError } from "../errors.js";
import type { TokenUse } from "../context/state.js";
import { userTokenAudienceCauses } from "../errors/causes/set-up.js";

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

/** The name of a check of {@link tokenChecks}. */
export type TokenCheckName = "tenant" | "issuer" | "audience" | "lifetime" | "subject" | "scopes" | "client";

/** Runs every check and returns what the token is good for. Throws the first error. */
export function checkClaims(claims: TokenClaims, rules: ClaimRules): TokenUse {
  for (const check of Object.values(tokenChecks)) {
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
  const listed = tid.toLowerCase();
  if (app.allowedTenants.includes(listed)) return undefined;
  return new UserTokenError(
    "user_token_tenant",
    `The user token's tenant ${JSON.stringify(listed)} is not listed.`,
    { actual: listed },
  );
}

function checkIssuer(claims: TokenClaims, { app }: ClaimRules): UserTokenError | undefined {
  const expected = issuersOf(app.cloud, (claims.tid ?? "").toLowerCase());
  const actual = stringClaim(claims, "iss");
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
  return new UserTokenError(
    "user_token_audience",
    `The user token's audience is ${quoted(actual)}; expected ${either(expected)}.`,
    { expected, actual },
    isFoundryAudience(actual) ? userTokenAudienceCauses.foundrys : {},
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
      return new UserTokenError(
        "user_token_subject",
        `The token says neither that it stands for a person nor for an application: ${subject.detail}.`,
      );
  }
}

/** Required scopes are those of our own app. A resource checks the scopes of its own tokens. */
function checkScopes(claims: TokenClaims, rules: ClaimRules): UserTokenError | undefined {
  const required = rules.requiredScopes;
  if (useOf(claims, rules)?.use !== "app") return undefined;
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

/** Whether an audience is Foundry's own API. Such a token can neither be sent on nor exchanged. */
export function isFoundryAudience(audience: string): boolean {
  return /^https:\/\/ai\.azure\.(com|us)\/?$/.test(audience);
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
