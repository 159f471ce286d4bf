import { liveTurnOf } from "../context/ambient.js";
import type { ClientScope, UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { AccessToken } from "../sources/token-source.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { inSessionOf } from "./session-messages.js";
import { sessionIdsOf, type SessionOwners } from "./sessions.js";

/** How requests of pooled clients are sent. */
export interface StreamWire {
  asUser(context: UserContext, url: string, init: OutgoingInit): Promise<Response>;
  withToken(token: AccessToken, url: string, init: OutgoingInit): Promise<Response>;
}

/** A request that a pooled client makes by itself. */
export interface OwnRequest {
  readonly wire: StreamWire;
  readonly scope: ClientScope;
  readonly url: string;
  readonly init: OutgoingInit;
}

/** What such requests need. */
export interface OwnRequestOptions {
  readonly acquirer: Pick<Acquirer, "cachedToken" | "acquire" | "standingTokenOf">;
  readonly sessions: SessionOwners | undefined;
}

/** A token for what a pooled client does by itself: that of a turn that holds it, or one that is cached. */
export async function tokenFor(
  { acquirer }: Pick<OwnRequestOptions, "acquirer">,
  scope: ClientScope,
): Promise<AccessToken | undefined> {
  const turn = liveTurnOf(scope);
  if (turn === undefined) return acquirer.standingTokenOf(scope.principalKey);
  try {
    return acquirer.cachedToken(turn) ?? (await acquirer.acquire(turn));
  } catch (error) {
    // It has ended while it waited. Another one may go on.
    if (turn.ended) return tokenFor({ acquirer }, scope);
    throw error;
  }
}

/** Sends a request with the token of whoever holds the client, or with one that is cached. */
export async function sendOwn(
  options: OwnRequestOptions,
  { wire, scope, url, init }: OwnRequest,
): Promise<Response> {
  for (const id of sessionIdsOf(init.headers)) options.sessions?.check(id, scope.principalKey);
  const token = scope.closed.aborted ? undefined : await tokenFor(options, scope);
  if (token === undefined) throw new HostedAgentIdentityError("no_user_context");
  return wire.withToken(token, url, init);
}

/** Answers the server in place of the client. Never rejects. */
export async function sendReply(
  options: OwnRequestOptions,
  { wire, scope, url, init }: OwnRequest,
  reply: Readonly<Record<string, unknown>>,
): Promise<void> {
  const posted = inSessionOf(init, JSON.stringify({ jsonrpc: "2.0", ...reply }));
  try {
    const answer = await sendOwn(options, { wire, scope, url, init: posted });
    await answer.body?.cancel();
  } catch {
    // The server stops waiting by itself.
  }
}
