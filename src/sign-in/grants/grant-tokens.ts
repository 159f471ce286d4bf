import { entraTimeoutCauses } from "../../errors/causes/tokens.js";
import { settleOrAbort, withDeadline } from "../../async/deadline.js";
import { runWithoutUserContext } from "../../context/ambient.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { emit } from "../../events/events.js";
import type { RefreshedToken } from "../../exchange/refresh-token-exchange.js";
import { digest } from "../../sealing/digest.js";
import { fraction } from "../../runtime/runtime.js";
import type { AccessToken } from "../../sources/token-source.js";
import type { SignInContext } from "../sign-in-context.js";
import { reindexMs } from "./account-index.js";
import { refreshWithClaim } from "./claimed-refresh.js";
import type { GrantTokenRequest } from "./grant.js";
import {
  auditedRefresh,
  endStoredGrant,
  recordOf,
  type GivenToken,
  type GrantsState,
} from "./grants-state.js";
import { findKept } from "./kept-tokens.js";
import { afterRefresh } from "./record-changes.js";
import type { GrantRecord, KeptToken, StoredGrant } from "./record.js";

/** No token is used for longer without a look at the store, where a sign-out in another process shows. */
const useMs = 55_000;
/** Early enough to look at the store before `useMs` is over. The jitter keeps users from doing so all at once. */
const lookAgainMs = 25_000;
const jitterMs = 10_000;
/** How long a refresh may take altogether; each step has a shorter limit of its own. */
const overallMs = 60_000;
/** How often the store is read again because the principal signed in or out meanwhile. */
const maxLooks = 3;

/** An access token of the principal's grant, refreshed if needed. `undefined` when no grant serves the request. */
export async function grantToken(
  state: GrantsState,
  principalKey: string,
  request: GrantTokenRequest,
): Promise<AccessToken | undefined> {
  const { forgotten, refused } = state;
  request.signal.throwIfAborted();
  for (let tries = 0; tries < maxLooks; tries += 1) {
    const still = forgotten.begin(principalKey);
    const found = await runWithoutUserContext(() => loadToken(state, principalKey, request));
    if (found === undefined) return undefined;
    // It may have been refused, or the principal signed out, while this call waited.
    if (still() && !refused.has(principalKey, found.token, found.obtainedAt)) return accessToken(found);
  }
  return undefined;
}

/** The stored token, or a new one when that has become old. */
async function loadToken(
  state: GrantsState,
  principalKey: string,
  request: GrantTokenRequest,
): Promise<GivenToken | undefined> {
  const { core, refused, seal } = state;
  const readAt = core.now();
  let opener: ((text: string) => readonly KeptToken[]) | undefined;
  const makeReady = () => (opener ??= seal.tokensOpener(principalKey));
  const reading = recordOf(state, principalKey).raw();
  // The store's client sends at the end of this turn of the event loop. The wait for its answer is long enough
  // to derive a key in.
  setImmediate(makeReady);
  const text = await reading;
  if (text === undefined) {
    request.onNothing?.();
    return undefined;
  }
  const isRefused = ({ token, obtainedAt }: KeptToken): boolean =>
    refused.has(principalKey, token, obtainedAt);
  const kept = findKept(makeReady()(text), request, readAt, isRefused);
  if (kept === undefined)
    return settleOrAbort(refreshOnce(state, principalKey, request, text), request.signal);
  if (kept.refreshAt <= readAt)
    refreshInBackground(state, principalKey, { ...request, ...demandOf(kept) }, text);
  return given(core, kept, readAt);
}

/** One refresh for each demand. A caller that leaves does not cancel it for the others. */
function refreshOnce(
  state: GrantsState,
  principalKey: string,
  request: GrantTokenRequest,
  text: string,
): Promise<GivenToken | undefined> {
  return state.refreshes.run(refreshKey(principalKey, request), () =>
    withDeadline(overallMs, undefined, timedOut, (signal) =>
      state.issuer.refreshes === "parallel"
        ? refresh(state, { principalKey, request, signal, mayRetry: true }, text)
        : refreshAlone(state, { principalKey, request, signal }, text),
    ),
  );
}

async function refreshAlone(
  state: GrantsState,
  call: Omit<Refresh, "mayRetry">,
  text: string,
): Promise<GivenToken | undefined> {
  const serves = (grant: StoredGrant): boolean => covers(grant, call.request);
  const kept = await refreshWithClaim(state, { ...call, serves }, text);
  return kept === undefined ? undefined : given(state.core, kept, state.core.now());
}

function refreshInBackground(
  state: GrantsState,
  principalKey: string,
  request: GrantTokenRequest,
  text: string,
): void {
  refreshOnce(state, principalKey, request, text).catch((cause: unknown) => {
    const code = isHostedAgentIdentityError(cause) ? cause.code : "token_exchange_failed";
    const { serverLabel } = request.resource;
    emit(state.core.onEvent, { type: "background_refresh_failed", serverLabel, code });
  });
}

/** A refresh under way. */
interface Refresh {
  readonly principalKey: string;
  readonly request: GrantTokenRequest;
  readonly signal: AbortSignal;
  /** Whether it may begin again when the record has changed meanwhile. */
  readonly mayRetry: boolean;
}

/** Refreshes what the record's `text` holds. */
async function refresh(state: GrantsState, call: Refresh, text: string): Promise<GivenToken | undefined> {
  const { principalKey, request, signal } = call;
  const { core, issuer } = state;
  const started = state.seal.open(principalKey, text);
  if (started?.grant === undefined || !covers(started.grant, request)) return undefined;
  const { account, refreshToken } = started.grant;
  const { scopes, claims } = request;
  const resource = request.resource.url;
  let answer: RefreshedToken;
  try {
    const asked = { resource, refreshToken, account, scopes, claims };
    const beforeSend = (): void => signal.throwIfAborted();
    answer = await auditedRefresh(state, principalKey, { ...asked, signal, beforeSend });
  } catch (cause) {
    const reason = issuer.verdict(cause);
    if (reason !== "revoked" && reason !== "account_disabled") throw cause;
    // Another process may have stored a new sign-in while this one used the old token.
    const ended = await endStoredGrant(state, principalKey, reason, refreshToken);
    if (ended === "another") return refreshNewer(state, call, text);
    if (reason === "account_disabled") throw cause;
    return undefined;
  }
  const obtainedAt = core.now();
  const { token, refreshAt, expiresAt } = answer;
  const kept: KeptToken = { url: resource, scopes, claims, token, obtainedAt, refreshAt, expiresAt };
  const isKept = await keepRefreshed(state, principalKey, { text, started, kept }, answer.refreshToken);
  // Signed out meanwhile, or in again: this token belongs to a grant that has ended.
  return isKept ? given(state.core, kept, obtainedAt) : refreshNewer(state, call, text);
}

/** Begins again with the record as it is now, if it has changed. Once. */
async function refreshNewer(
  state: GrantsState,
  call: Refresh,
  text: string,
): Promise<GivenToken | undefined> {
  const newer = await recordOf(state, call.principalKey).raw();
  return call.mayRetry && newer !== undefined && newer !== text
    ? refresh(state, { ...call, mayRetry: false }, newer)
    : undefined;
}

/** Writes the new token into the record. `false` when the grant it came from has ended meanwhile. */
async function keepRefreshed(
  state: GrantsState,
  principalKey: string,
  done: { readonly text: string; readonly started: GrantRecord; readonly kept: KeptToken },
  refreshToken: string | undefined,
): Promise<boolean> {
  const { text, started, kept } = done;
  const { keys } = state.core;
  const { grant } = started;
  if (grant === undefined) return false;
  const { obtainedAt } = kept;
  // The index first, as in a sign-in: this write may be the first with a new key, which outlives the old one.
  const isDue = obtainedAt - grant.indexedAt > reindexMs || !keys.isCurrent(text);
  if (isDue) await state.index.add(grant.account, principalKey, grant.until);
  const record = recordOf(state, principalKey);
  const next = await record.update((current) => afterRefresh(current, started, refreshToken, kept), { text });
  if (next === undefined) return false;
  if (isDue)
    await record.update((current) =>
      current.grant === undefined
        ? undefined
        : { ...current, grant: { ...current.grant, indexedAt: obtainedAt } },
    );
  return true;
}

function given({ random }: SignInContext, kept: KeptToken, readAt: number): GivenToken {
  return {
    token: kept.token,
    expiresAt: kept.expiresAt,
    refreshAt: readAt + lookAgainMs + fraction(random) * jitterMs,
    useUntil: readAt + useMs,
    source: "sign_in",
    obtainedAt: kept.obtainedAt,
  };
}

function accessToken({ obtainedAt: _, ...token }: GivenToken): AccessToken {
  return token;
}

function covers(grant: StoredGrant, { resource, scopes }: GrantTokenRequest): boolean {
  return grant.resources.includes(resource.url) && scopes.every((scope) => grant.scopes.includes(scope));
}

/** The demand that a token was made for, so that its successor can take its place. */
function demandOf({ scopes, claims }: KeptToken): Pick<GrantTokenRequest, "scopes" | "claims"> {
  return { scopes, claims };
}

function refreshKey(principalKey: string, { resource, scopes, claims }: GrantTokenRequest): string {
  return digest(principalKey, resource.url, scopes, claims);
}

function timedOut(): Error {
  return new HostedAgentIdentityError(
    "entra_timeout",
    `No token within ${overallMs} ms.`,
    entraTimeoutCauses.signIn,
  );
}
