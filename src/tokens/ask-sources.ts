import { boundedMap } from "../async/bounded-map.js";
import { digest } from "../sealing/digest.js";
import { joinClaims } from "../entra/claims-request.js";
import { isTokenExchangeError, NoTokenError, type SkippedSource } from "../errors.js";
import type { MayKeep } from "./flights.js";
import { skipOf } from "../sources/skip-of.js";
import type { AccessToken, TokenAnswer, TokenRequest, TokenSource } from "../sources/token-source.js";

/** For which user tokens a later source stood in, and what it had to meet. Least recently used first out. */
export type FallbackSources = Map<string, FallbackSource>;

interface FallbackSource {
  readonly principal: string;
  readonly source: TokenSource;
  readonly claims: string | undefined;
}

/** How one source is asked. */
export type AskSource = (source: TokenSource, request: TokenRequest) => Promise<TokenAnswer>;

const maxStandIns = 10_000;
/** In characters. Longer ones are not remembered: the sources are asked in their order again. */
const maxClaims = 2_048;

/** Makes the memory of one access. */
export function fallbackSources(): FallbackSources {
  return boundedMap(maxStandIns);
}

/**
 * Asks the sources in order. After a refusal that the user can end, a later source is asked for a token that
 * meets the same demand; it may ask the user only if no source before it can. After any other refusal nobody
 * is asked. A source that stood in for a refused user token is asked first from then on.
 */
export async function askSources(
  sources: readonly TokenSource[],
  request: TokenRequest,
  ask: AskSource,
  principal: string,
  won: FallbackSources,
  mayKeep: MayKeep,
): Promise<AccessToken> {
  const keyOf = (): string => digest(principal, request.assertion?.hash, request.scopes, request.claims);
  const again = won.size > 0 ? await askStandIn(request, ask, won, keyOf(), mayKeep) : undefined;
  if (again !== undefined) return again;
  const skipped: SkippedSource[] = [];
  let needed: Needed | undefined;
  let { claims } = request;
  for (const source of sources) {
    const asked = { ...request, claims, silent: needed !== undefined && needed.requests.length > 0 };
    const skip = skipOf(source, asked);
    if (skip !== undefined) {
      skipped.push({ source: source.kind, ...skip });
      continue;
    }
    const answer = await ask(source, asked);
    if (answer.status === "token") {
      if (needed !== undefined && request.assertion !== undefined && mayKeep())
        remember(won, keyOf(), { principal, source, claims });
      return answer.token;
    }
    if (answer.status === "skipped") {
      skipped.push({ source: source.kind, reason: answer.reason, detail: answer.detail });
      continue;
    }
    if (isTokenExchangeError(answer.error)) claims = joinClaims(claims, answer.error.claims);
    // A refusal says what is wrong; a link also says what to do about it.
    if (needed === undefined || needed.requests.length === 0) needed = moreUseful(needed, answer);
  }
  throw needed?.error ?? new NoTokenError(skipped);
}

type Needed = Extract<TokenAnswer, { readonly status: "needs" }>;

function moreUseful(before: Needed | undefined, answer: Needed): Needed {
  return before !== undefined && answer.requests.length === 0 ? before : answer;
}

async function askStandIn(
  request: TokenRequest,
  ask: AskSource,
  won: FallbackSources,
  key: string,
  mayKeep: MayKeep,
): Promise<AccessToken | undefined> {
  const known = won.get(key);
  if (known === undefined) return undefined;
  won.delete(key);
  const answer = await ask(known.source, { ...request, claims: known.claims, silent: true });
  if (answer.status !== "token") return undefined;
  if (mayKeep()) remember(won, key, known);
  return answer.token;
}

function remember(won: FallbackSources, key: string, standIn: FallbackSource): void {
  if ((standIn.claims?.length ?? 0) > maxClaims) return;
  won.set(key, standIn);
}
