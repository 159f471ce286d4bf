import { HostedAgentIdentityError, NoTokenError, type SkippedSource } from "../errors.js";
import type { BackOff } from "./back-off.js";
import type { AccessToken, TokenRequest, TokenSource } from "./token-source.js";

/**
 * Asks the sources in order. After a refusal that the user can end, a later source may only answer
 * silently; after any other refusal nobody is asked. Rule 8.
 */
export async function askSources(
  sources: readonly TokenSource[],
  request: TokenRequest,
  waits: BackOff,
  principal: string,
): Promise<AccessToken> {
  const skipped: SkippedSource[] = [];
  let needed: HostedAgentIdentityError | undefined;
  for (const source of sources) {
    const skip = source.skip(request);
    if (skip !== undefined) {
      skipped.push({ source: source.kind, ...skip });
      continue;
    }
    const answer = await withBackOff(source, request, waits, principal);
    if (answer.status === "token") return answer.token;
    if (answer.status === "skipped")
      skipped.push({ source: source.kind, reason: answer.reason, detail: answer.detail });
    else needed ??= answer.error;
  }
  throw needed ?? new NoTokenError(skipped);
}

async function withBackOff(
  source: TokenSource,
  request: TokenRequest,
  waits: BackOff,
  principal: string,
): ReturnType<TokenSource["acquire"]> {
  if (!source.cached) return source.acquire(request);
  waits.check(principal);
  try {
    const answer = await source.acquire(request);
    waits.note(principal, answer.status === "needs" ? answer.error : undefined);
    return answer;
  } catch (cause) {
    waits.note(
      principal,
      cause instanceof HostedAgentIdentityError ? cause : new HostedAgentIdentityError("entra_unreachable"),
    );
    throw cause;
  }
}
