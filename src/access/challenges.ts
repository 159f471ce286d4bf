import type { AuthenticationDemand } from "../errors.js";
import { authenticationDemand, claimsOfDemand, claimsRequest } from "./claims-challenge.js";

/**
 * The challenges of an answer, also where a gateway has renamed the header: Amazon API Gateway passes no
 * `WWW-Authenticate` of a server on. Source: docs.aws.amazon.com, API Gateway, known issues for REST APIs.
 */
export function challengeHeader(headers: Headers): string | null {
  return headers.get("www-authenticate") ?? headers.get("x-amzn-remapped-www-authenticate");
}

/** One challenge of a `WWW-Authenticate` header. Names are lower case; values are as the server wrote them. */
export interface Challenge {
  readonly scheme: string;
  /** What Negotiate and the like carry instead of parameters. */
  readonly token68?: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer headers are not read: no real server sends them, and they cost time. In characters. */
export const maxChallengeLength = 16_384;
const maxChallenges = 64;

const separators = /[ \t,]*/y;
const space = /[ \t]*/y;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const quoted = /"((?:[^"\\]|\\[^])*)"/y;
/** Wider than a token: padded base64 and addresses come without quotes, too. */
const bare = /[^\s,"]*/y;
/** JSON whose own quotes are not escaped, as Microsoft.Identity.Web writes claims with 403. */
const unescaped = /"(\{"\w[^]*?\})"(?=[ \t]*(?:,|$))/y;
const unreadable = /(?:"(?:[^"\\]|\\[^])*"|[^",])+/y;

/**
 * Reads `WWW-Authenticate`, also several of them joined: several challenges, quoted commas, parameters in any
 * order. Unreadable text is skipped up to the next comma; an unclosed quote ends the reading.
 * Every value is attacker-controlled. Source: RFC 9110 sections 5.6 and 11.6.1.
 */
export function parseChallenges(header: string | null): readonly Challenge[] {
  if (header === null || header.length > maxChallengeLength) return [];
  const challenges: (Challenge & { readonly parameters: Record<string, string> })[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  let mayBeUnescaped = true;
  const takeValue = (name: string): string | undefined => {
    if (header[at] !== '"') return take(bare);
    const json = name === "claims" && mayBeUnescaped ? take(unescaped) : undefined;
    // Tried once, because it reads to the end of the header.
    mayBeUnescaped &&= name !== "claims";
    return json ?? take(quoted)?.replace(/\\([^])/g, "$1");
  };

  for (take(separators); at < header.length && challenges.length < maxChallenges; take(separators)) {
    const name = take(token)?.toLowerCase();
    if (name === undefined) {
      if (take(unreadable) === undefined) break;
      continue;
    }
    take(space);
    if (header[at] !== "=") {
      const parameters = Object.create(null) as Record<string, string>;
      challenges.push({ scheme: name, token68: take(token68), parameters });
      continue;
    }
    at += 1;
    take(space);
    const value = takeValue(name);
    if (value === undefined) break;
    const parameters = challenges.at(-1)?.parameters ?? {};
    // The first of two parameters of one name counts; a second one is an attempt to confuse.
    if (!Object.hasOwn(parameters, name)) parameters[name] = value;
  }
  return challenges;
}

/** What a Bearer challenge asks for. */
export interface BearerChallenge {
  readonly error?: string | undefined;
  /** Scopes as the server names them. */
  readonly scopes: readonly string[];
  /** A claims request for Entra, as a JSON string. */
  readonly claims?: string | undefined;
  /** How the person should have signed in. Source: RFC 9470. */
  readonly authentication?: AuthenticationDemand | undefined;
}

/**
 * What the Bearer challenges of an answer ask for, or `undefined`. Of several, the most specific one counts. Links in
 * a challenge are ignored: consent links come only from errors of a resource that opted in.
 */
export function bearerChallenge(header: string | null): BearerChallenge | undefined {
  const read = parseChallenges(header)
    .filter(({ scheme }) => scheme === "bearer")
    .map(({ parameters }) => meaning(parameters));
  return (
    read.find(({ claims }) => claims !== undefined) ??
    read.find(({ authentication }) => authentication !== undefined) ??
    read.find(({ error }) => error !== undefined) ??
    read[0]
  );
}

function meaning(parameters: Challenge["parameters"]): BearerChallenge {
  const { error, scope = "" } = parameters;
  const authentication = error === userAuthentication ? authenticationDemand(parameters) : undefined;
  const claims = claimsRequest(parameters["claims"]) ?? claimsOfDemand(authentication);
  return {
    error,
    scopes: scope.split(" ").filter((one) => one !== ""),
    claims,
    authentication,
  };
}

const userAuthentication = "insufficient_user_authentication";
