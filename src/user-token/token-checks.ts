import { issuersOf } from "../entra/clouds.js";
import type { EntraAppFacts } from "../entra/tenants.js";
import { audiencesOf, clientOf, scopesOf, stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { UserTokenError } from "../errors.js";
import type { TokenUse } from "../context/internals.js";

/** Whose tokens are taken: `persons` for an agent, `both` for an MCP server, `applications` for a service of agents. */
export type TakenSubjects = "persons" | "applications" | "both";

/** What the claims of a token with a good signature are held against. */
export interface ClaimRules {
  readonly app: EntraAppFacts;
  /** The audiences of resources that may get the caller's own token, and the name by which each resource goes. */
  readonly passthroughAudiences: ReadonlyMap<string, string>;
  readonly requiredScopes: readonly string[];
  /** Client ids, lower case; `undefined` allows every client. */
  readonly clients: readonly string[] | undefined;
  readonly takes: TakenSubjects;
  readonly clockToleranceS: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Checks issuer, audience, lifetime, subject, scopes and client, and says what the token is good for. */
export function checkClaims(claims: TokenClaims, tid: string, rules: ClaimRules): TokenUse {
  checkIssuer(claims, tid, rules.app);
  const use = useOf(claims, rules);
  checkLifetime(claims, rules);
  checkSubject(claims, rules.takes);
  // Required scopes are scopes of our own app; a resource checks those of its own tokens itself.
  if (use.use === "app") checkScopes(claims, rules.requiredScopes);
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

const ourOwn: TokenUse = Object.freeze({ use: "app" });

function useOf(claims: TokenClaims, { app, passthroughAudiences }: ClaimRules): TokenUse {
  const audiences = audiencesOf(claims);
  // Entra issues one audience. A token for several would be good in several places at once.
  const actual = audiences.length === 1 ? audiences[0] : undefined;
  if (actual !== undefined && app.audiences.includes(actual)) return ourOwn;
  const audience = actual === undefined ? undefined : passthroughAudiences.get(actual);
  if (audience !== undefined) return { use: "resource", audience };
  const expected = [...app.audiences, ...passthroughAudiences.keys()];
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

/** The token has to say whom it stands for, and that has to be somebody who is taken here. Rule 18. */
function checkSubject(claims: TokenClaims, takes: TakenSubjects): void {
  const subject = subjectOf(claims);
  switch (subject.kind) {
    case "person":
      if (takes !== "applications") return;
      throw new UserTokenError(
        "user_token_subject",
        "The token stands for a person, not for an application.",
      );
    case "application":
      if (takes !== "persons") return;
      throw new UserTokenError("user_token_app_only");
    case "agent_user":
      throw new UserTokenError("user_token_agent_user");
    case "unclear":
      throw new UserTokenError(
        "user_token_subject",
        `The token says neither that it stands for a person nor for an application: ${subject.detail}.`,
      );
  }
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
