import { boundedMap } from "../async/bounded-map.js";
import { joinClaims } from "../entra/claims-request.js";
import { isTokenExchangeError, NoTokenError, type SkippedSource } from "../errors.js";
import { digest } from "../sealing/digest.js";
import { skipOf } from "../sources/skip-of.js";
import type { AccessToken, TokenAnswer, TokenRequest, TokenSource } from "../sources/token-source.js";
import type { MayKeep } from "./flights.js";

/**
 * By user token and request: the later source that gave a token after an earlier one had been refused, and what that
 * token had to meet. Least recently used first out.
 */
export type FallbackSources = Map<string, FallbackSource>;

interface FallbackSource {
  readonly principal: string;
  readonly source: TokenSource;
  readonly claims: string | undefined;
}

/** How the sources of one acquisition are asked. */
export interface SourceRound {
  readonly sources: readonly TokenSource[];
  readonly request: TokenRequest;
  readonly principal: string;
  readonly fallbacks: FallbackSources;
  readonly mayKeep: MayKeep;
  ask(source: TokenSource, request: TokenRequest): Promise<TokenAnswer>;
}

const maxFallbacks = 10_000;
/** In characters. Longer ones are not remembered: the sources are asked in their order again. */
const maxClaims = 2_048;

/** Makes the memory of one access. */
export function fallbackSources(): FallbackSources {
  return boundedMap(maxFallbacks);
}

/**
 * Asks the sources in order. After a refusal that the user can end, a later source is asked for a token that meets the
 * same demand; it may ask the user only if no source before it can. Any other refusal ends the round. A source that
 * gave a token after an earlier one was refused is asked first from then on.
 */
export async function askSources(round: SourceRound): Promise<AccessToken> {
  const { sources, request, fallbacks, mayKeep } = round;
  const again = fallbacks.size > 0 ? await askFallback(round) : undefined;
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
    const answer = await round.ask(source, asked);
    if (answer.status === "token") {
      if (needed !== undefined && request.assertion !== undefined && mayKeep())
        remember(round, { principal: round.principal, source, claims });
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

async function askFallback(round: SourceRound): Promise<AccessToken | undefined> {
  const { request, fallbacks, mayKeep } = round;
  const key = fallbackKey(round);
  const known = fallbacks.get(key);
  if (known === undefined) return undefined;
  fallbacks.delete(key);
  const answer = await round.ask(known.source, { ...request, claims: known.claims, silent: true });
  if (answer.status !== "token") return undefined;
  if (mayKeep()) remember(round, known);
  return answer.token;
}

function remember(round: SourceRound, fallback: FallbackSource): void {
  if ((fallback.claims?.length ?? 0) > maxClaims) return;
  round.fallbacks.set(fallbackKey(round), fallback);
}

function fallbackKey({ principal, request }: SourceRound): string {
  return digest(principal, request.assertion?.hash, request.scopes, request.claims);
}
