import type { GrantTokenRequest } from "./grant.js";
import type { KeptToken } from "./record.js";

/** How much a principal's record may hold. */
const maxTokens = 16;
/** A token this close to its end is not handed out: the access would not send it any more. */
const marginMs = 45_000;

/** The newest token that serves the request, or `undefined`. */
export function findKept(
  tokens: readonly KeptToken[],
  request: Pick<GrantTokenRequest, "resource" | "scopes" | "claims">,
  time: number,
  refused: (token: KeptToken) => boolean,
): KeptToken | undefined {
  let best: KeptToken | undefined;
  for (const token of tokens) {
    const serves =
      token.url === request.resource.url &&
      request.scopes.every((scope) => token.scopes.includes(scope)) &&
      (request.claims === undefined || request.claims === token.claims) &&
      token.expiresAt - marginMs > time;
    if (serves && (best === undefined || token.obtainedAt > best.obtainedAt) && !refused(token)) best = token;
  }
  return best;
}

/** The tokens with a new one, without those it makes superfluous. */
export function withKept(tokens: readonly KeptToken[], made: KeptToken, time: number): readonly KeptToken[] {
  const superfluous = (one: KeptToken): boolean =>
    one.expiresAt - marginMs <= time ||
    (one.url === made.url &&
      one.obtainedAt <= made.obtainedAt &&
      one.scopes.every((scope) => made.scopes.includes(scope)) &&
      (one.claims === undefined || one.claims === made.claims));
  return [...tokens.filter((one) => !superfluous(one)), made].slice(-maxTokens);
}
