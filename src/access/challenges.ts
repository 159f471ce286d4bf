/** One challenge of a `WWW-Authenticate` header. Names are lower case; values are as the server wrote them. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer headers are not read: nobody sends them, and they cost time. */
const maxLength = 16_384;

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const space = /[ \t]*/y;
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads `WWW-Authenticate`: several challenges, quoted commas, parameters in any order. What cannot be read
 * ends the reading; what was read before it stays. Every value is attacker-controlled.
 * Source: RFC 9110 section 11.6.1.
 */
export function parseChallenges(header: string | null): readonly Challenge[] {
  if (header === null || header.length > maxLength) return [];
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  while (at < header.length) {
    take(space);
    if (header[at] === ",") {
      at += 1;
      continue;
    }
    const name = take(token);
    if (name === undefined) break;
    take(space);
    const current = challenges.at(-1);
    if (header[at] === "=" && current !== undefined) {
      at += 1;
      take(space);
      const value = header[at] === '"' ? take(quoted)?.replace(/\\([\s\S])/g, "$1") : take(token);
      if (value === undefined) break;
      // The first of two parameters of one name counts; a second one is an attempt to confuse.
      if (!Object.hasOwn(current.parameters, name.toLowerCase()))
        current.parameters[name.toLowerCase()] = value;
      continue;
    }
    challenges.push({
      scheme: name.toLowerCase(),
      parameters: Object.create(null) as Record<string, string>,
    });
    // Negotiate and the like carry one blob instead of parameters.
    const before = at;
    if (take(token68) !== undefined && header.slice(before, at) === name) at = before;
  }
  return challenges;
}

/** What a Bearer challenge asks for. */
export interface BearerChallenge {
  readonly error?: string;
  /** Scopes as the server names them. */
  readonly scopes: readonly string[];
  /** A claims request for Entra, as a JSON string. */
  readonly claims?: string;
}

/** The Bearer challenge of an answer, or `undefined`. */
export function bearerChallenge(header: string | null): BearerChallenge | undefined {
  const bearer = parseChallenges(header).filter(({ scheme }) => scheme === "bearer");
  const telling =
    bearer.find(({ parameters }) => "claims" in parameters) ??
    bearer.find(({ parameters }) => "error" in parameters) ??
    bearer[0];
  if (telling === undefined) return undefined;
  const { error, scope, claims } = telling.parameters;
  const decoded = claims === undefined ? undefined : claimsRequest(claims);
  return {
    scopes: (scope ?? "").split(" ").filter((one) => one !== ""),
    ...(error === undefined ? {} : { error }),
    ...(decoded === undefined ? {} : { claims: decoded }),
  };
}

/**
 * A claims request in base64, base64url or plain JSON; it counts only if it is an object that speaks about
 * the access token. Source: learn.microsoft.com, identity-platform/claims-challenge.
 */
function claimsRequest(value: string): string | undefined {
  const text = value.trimStart().startsWith("{") ? value : Buffer.from(value, "base64").toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "access_token" in parsed
      ? JSON.stringify(parsed)
      : undefined;
  } catch {
    return undefined;
  }
}
