import { issuersOf } from "../entra/clouds.js";
import { isGuid, type EntraAppFacts } from "../entra/tenants.js";
import {
  audiencesOf,
  clientOf,
  isAgentUser,
  isAppOnly,
  scopesOf,
  stringClaim,
  type TokenClaims,
} from "../entra/token-claims.js";
import { UserTokenError } from "../errors.js";
import type { Assertion } from "./internals.js";

/** What the claims of a token with a good signature are held against. */
export interface ClaimRules {
  readonly app: EntraAppFacts;
  /** Audiences of resources that may get the caller's own token. */
  readonly passthroughAudiences: readonly string[];
  readonly requiredScopes: readonly string[];
  /** Client ids, lower case; `undefined` allows every client. */
  readonly clients: readonly string[] | undefined;
  /** Whether a token may stand for an application, too. */
  readonly applications: boolean;
  readonly clockToleranceS: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Checks issuer, audience, lifetime, person, scopes and client, and says what the token is good for. */
export function checkClaims(claims: TokenClaims, tid: string, rules: ClaimRules): Assertion["use"] {
  checkIssuer(claims, tid, rules.app);
  const use = useOf(claims, rules);
  checkLifetime(claims, rules);
  if (rules.applications && isAppOnly(claims)) checkApplication(claims);
  else checkPerson(claims);
  // Required scopes are scopes of our own app; a resource checks those of its own tokens itself.
  if (use === "app") checkScopes(claims, rules.requiredScopes);
  checkClient(claims, rules.clients);
  return use;
}

function checkIssuer(claims: TokenClaims, tid: string, { cloud }: EntraAppFacts): void {
  const expected = issuersOf(cloud, tid);
  const actual = stringClaim(claims, "iss");
  if (actual !== undefined && expected.includes(actual)) return;
  throw new UserTokenError(
    "user_token_issuer",
    `The user token's issuer is ${quoted(actual)}; expected ${either(expected)}.`,
    { expected, actual },
  );
}

function useOf(claims: TokenClaims, { app, passthroughAudiences }: ClaimRules): Assertion["use"] {
  const audiences = audiencesOf(claims);
  // Entra issues one audience. A token for several would be good in several places at once.
  const actual = audiences.length === 1 ? audiences[0] : undefined;
  if (actual !== undefined && app.audiences.includes(actual)) return "app";
  if (actual !== undefined && passthroughAudiences.includes(actual)) return "resource";
  const expected = [...app.audiences, ...passthroughAudiences];
  throw new UserTokenError(
    "user_token_audience",
    `The user token's audience is ${quoted(actual ?? audiences.join(" "))}; expected ${either(expected)}.`,
    { expected, actual: actual ?? audiences.join(" ") },
    /^https:\/\/ai\.azure\.com\/?$/.test(actual ?? "")
      ? {
          help: "That token is Foundry's own. Let the caller ask for a second one, with the scope of this agent's app, and send it in the x-client-user-token header.",
        }
      : {},
  );
}

function checkLifetime({ exp, nbf }: TokenClaims, { clockToleranceS, now }: ClaimRules): void {
  const seconds = now / 1000;
  if (!isNumber(exp))
    throw new UserTokenError("user_token_expired", "The user token does not say when it expires.");
  if (seconds >= exp + clockToleranceS) {
    throw new UserTokenError("user_token_expired", `The user token expired at ${instant(exp)}.`);
  }
  if (nbf === undefined) return;
  if (!isNumber(nbf) || seconds < nbf - clockToleranceS) {
    throw new UserTokenError(
      "user_token_not_yet_valid",
      isNumber(nbf) ? `The user token is not valid before ${instant(nbf)}.` : undefined,
    );
  }
}

function checkPerson(claims: TokenClaims): void {
  if (isAppOnly(claims)) throw new UserTokenError("user_token_app_only");
  if (isAgentUser(claims)) throw new UserTokenError("user_token_agent_user");
  if (!isGuid(claims.oid)) {
    throw new UserTokenError("user_token_app_only", "The user token names no person: it has no oid claim.");
  }
}

/**
 * An application's own token is about its service principal. An id token of a person has no scopes either, and may
 * have roles. Source: learn.microsoft.com, identity-platform/access-token-claims-reference, `idtyp`, `oid` and `sub`.
 */
function checkApplication(claims: TokenClaims): void {
  const itself = claims.idtyp === "app" || (isGuid(claims.oid) && claims["sub"] === claims.oid);
  if (itself && isGuid(claims.oid) && clientOf(claims) !== undefined) return;
  throw new UserTokenError(
    "user_token_app_only",
    "The token stands neither for a person nor an application.",
  );
}

function checkScopes(claims: TokenClaims, required: readonly string[]): void {
  const granted = scopesOf(claims);
  if (required.every((scope) => granted.includes(scope))) return;
  throw new UserTokenError(
    "user_token_scope",
    `The user token's scopes are ${quoted(granted.join(" "))}; expected ${quoted(required.join(" "))}.`,
    { expected: required, actual: granted.join(" ") },
  );
}

function checkClient(claims: TokenClaims, clients: readonly string[] | undefined): void {
  const actual = clientOf(claims);
  if (clients === undefined || (actual !== undefined && clients.includes(actual.toLowerCase()))) return;
  throw new UserTokenError(
    "user_token_client",
    `The user token was issued to the client ${quoted(actual)}.`,
    {
      actual,
    },
  );
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Seconds since 1970 as text. A signed token may still hold a number that no date can show. */
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
