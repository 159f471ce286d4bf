import { settleOrAbort } from "../async/settle-or-abort.js";
import { internalsOf, liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import type { HostedAgentIdentityError, SkippedSource } from "../errors.js";
import { digest } from "../sealing/digest.js";
import { skipOf } from "../sources/skip-of.js";
import type { AccessToken, TokenRequest } from "../sources/token-source.js";
import {
  acquirerState,
  baseKeyOf,
  openInternalsOf,
  requestOf,
  type AcquireOptions,
  type AcquirerOptions,
  type AcquirerState,
} from "./acquirer-state.js";
import { recordOutcome, refreshInBackground, shareAcquisition, type Acquisition } from "./acquisition.js";
import { forget, forgetPrincipal } from "./forget.js";
import type { AcceptShared } from "./shared-cache.js";
import { usableUntil } from "./token-cache.js";

/** The cache and the sources behind one access. */
export interface Acquirer {
  /** A token that is at hand without waiting, or `undefined`. The hot path. Throws `context_ended`. */
  cachedToken(context: UserContext): AccessToken | undefined;
  acquire(context: UserContext, options?: AcquireOptions): Promise<AccessToken>;
  forget(context: UserContext, token?: string): void;
  skipped(context: UserContext): readonly SkippedSource[];
  /** What the sources that are not skipped would throw, by their kind, as far as they know by themselves. */
  refusals(context: UserContext): ReadonlyMap<string, HostedAgentIdentityError | undefined>;
  /** A token that is still cached for a principal, whose turn may be over. For ending MCP sessions only. */
  cachedTokenOf(principalKey: string): AccessToken | undefined;
  /** The token at hand of a context that may have ended. For ending MCP sessions only. */
  heldFor(context: UserContext): AccessToken | undefined;
  close(): Promise<void>;
}

const retryRefreshMs = 30_000;

/** Makes the acquirer of one access. */
export function acquirer(options: AcquirerOptions): Acquirer {
  const state = acquirerState(options);
  const subscriptions = options.sources.map((source) =>
    source.subscribe?.((principalKey) => forgetPrincipal(state, principalKey)),
  );
  return {
    cachedToken: (context) => cachedToken(state, context),
    acquire: (context, asked = {}) => acquire(state, context, asked),
    forget: (context, token) => forget(state, context, token),
    skipped: (context) => skipped(state, context),
    refusals: (context) => refusals(state, context),
    cachedTokenOf: (principalKey) => state.cache.ofPrincipal(principalKey),
    heldFor: (context) => heldFor(state, context),
    async close() {
      state.closed = true;
      for (const stop of subscriptions) stop?.();
      state.cache.clear();
      state.recentErrors.clear();
      await state.calls.close();
    },
  };
}

function cachedToken(state: AcquirerState, context: UserContext): AccessToken | undefined {
  const internals = openInternalsOf(state, context);
  const key = baseKeyOf(state, context, internals);
  const entry = state.cache.live(key);
  if (entry === undefined) return undefined;
  const time = state.clocks.age();
  if (entry.refreshAt <= time) {
    // The next caller does not start a second refresh, and a failed one is tried again after a while.
    entry.refreshAt = time + retryRefreshMs;
    refreshInBackground(state, context, internals, key);
  }
  return entry.token;
}

async function acquire(
  state: AcquirerState,
  context: UserContext,
  asked: AcquireOptions,
): Promise<AccessToken> {
  const { cache, recentErrors, recentlyRejectedKeys } = state;
  const internals = openInternalsOf(state, context);
  asked.signal?.throwIfAborted();
  const plain = asked.claims === undefined && asked.scopes === undefined;
  const base = baseKeyOf(state, context, internals);
  // Scopes and claims are the server's words, of any length.
  const key = plain ? base : `${base} ${digest(asked.scopes, asked.claims)}`;
  const refusal = internals.refusals.get(key) ?? recentErrors.get(key);
  if (refusal !== undefined) throw refusal;
  // A request for more comes after a refusal of the plain token.
  const { refused = plain ? undefined : cache.get(base)?.token.token } = asked;
  const kept = refused === undefined ? undefined : cache.live(key);
  if (kept !== undefined && kept.token.token !== refused) {
    if (!plain) cache.set(base, kept.principal, kept.token);
    return kept.token;
  }
  const accept: AcceptShared = ({ token }) => token !== refused && !(plain && recentlyRejectedKeys.has(base));
  const token = await waitInTurn(state, { context, internals, asked, key, accept });
  if (!plain && cache.get(key)?.token === token) cache.set(base, context.principalKey ?? "null", token);
  return token;
}

/** Waits for the acquisition as long as the caller's signal and turn allow. The work itself goes on. */
async function waitInTurn(state: AcquirerState, acquisition: Acquisition): Promise<AccessToken> {
  const { context, internals, asked } = acquisition;
  const settled = recordOutcome(shareAcquisition(state, acquisition), acquisition);
  internals.acquisitions.add(settled);
  const over = (): boolean => internals.acquisitions.delete(settled);
  settled.then(over, over);
  const token = await settleOrAbort(settled, asked.signal);
  // The turn may have ended while Entra was asked: nothing is handed out any more.
  liveInternalsOf(context);
  return token;
}

function skipped(state: AcquirerState, context: UserContext): readonly SkippedSource[] {
  const request = unsentRequest(state, context);
  return state.options.sources.flatMap((source) => {
    const skip = skipOf(source, request);
    return skip === undefined ? [] : [{ source: source.kind, ...skip }];
  });
}

function refusals(state: AcquirerState, context: UserContext): ReturnType<Acquirer["refusals"]> {
  const request = unsentRequest(state, context);
  const asked = state.options.sources.filter((source) => skipOf(source, request) === undefined);
  return new Map(asked.map((source) => [source.kind, source.refusal?.(request)]));
}

/** The plain request of a context, to ask sources about without asking for a token. */
function unsentRequest(state: AcquirerState, context: UserContext): TokenRequest {
  const request = requestOf(state, context, openInternalsOf(state, context));
  return { ...request, signal: new AbortController().signal };
}

function heldFor(state: AcquirerState, context: UserContext): AccessToken | undefined {
  if (state.closed) return undefined;
  const entry = state.cache.live(baseKeyOf(state, context, internalsOf(context)));
  if (entry !== undefined) return entry.token;
  const given = state.uncached.get(context);
  return given !== undefined && usableUntil(given) > state.options.now() ? given : undefined;
}
