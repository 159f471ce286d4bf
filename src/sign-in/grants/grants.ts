import { runWithoutUserContext } from "../../context/ambient.js";
import { forgottenPrincipals } from "../../context/forgotten.js";
import { digest } from "../../sealing/digest.js";
import { emit } from "../../events/events.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { settleOrAbort, withDeadline } from "../../async/deadline.js";
import { entraTimeoutCauses } from "../../errors/causes/tokens.js";
import { exchangeRefreshToken, type RefreshedToken } from "../../exchange/refresh-token-exchange.js";
import type { AccessToken } from "../../sources/token-source.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import { fraction } from "../../runtime/random.js";
import { guardedStore } from "../stores/guarded-store.js";
import { accountIndex, reindexMs } from "./account-index.js";
import { endOfGrant } from "./end-of-grant.js";
import type { Grant, Grants, GrantTokenRequest } from "./grant.js";
import { findKept } from "./kept-tokens.js";
import { afterRefresh, afterSignIn, checkOwner, isSame } from "./record-changes.js";
import { noRecord, recordSeal, type GrantRecord, type KeptToken, type StoredGrant } from "./record.js";
import { refusedTokens } from "./refused-tokens.js";
import { sealedCell, type Cell } from "./sealed-cell.js";
import { singleFlight } from "../../async/single-flight.js";
import { recordName } from "./record-names.js";

/** Entra lets a refresh token lie unused for 90 days (facts: refresh tokens); each use starts them again. */
const lifetimeMs = 90 * 24 * 3_600_000;
/** A sign-out in another process is noticed after this long: nothing is handed out for longer unasked. */
const useMs = 55_000;
/** Early enough that the next look at the store is done before, and not by every user at once. */
const lookAgainMs = 25_000;
const jitterMs = 10_000;
/** How long refreshing may take altogether; each step has a shorter limit of its own. */
const overallMs = 60_000;
/** How often the store is asked again because the principal signed in or out meanwhile. */
const maxLooks = 3;

/**
 * The grants of one agent: kept in the store, sealed for their principal, refreshed when needed. Nothing of
 * them is kept in the process beyond the work in flight, so a token is as good as the record it was read from.
 */
export function grants(core: SignInContext): Grants {
  const { app, keys, now, onEvent } = core;
  const store = guardedStore(core.store);
  const seal = recordSeal(core);
  const index = accountIndex(core, store, async (principalKey, account) => {
    const { grant } = await recordOf(principalKey).read();
    return grant !== undefined && isSame(grant.account, account);
  });
  const refused = refusedTokens(now);
  const flights = singleFlight<GivenToken | undefined>();
  const listeners = new Set<(principalKey: string) => void>();
  const forgotten = forgottenPrincipals();

  const recordOf = (principalKey: string): Cell<GrantRecord> =>
    sealedCell<GrantRecord>(store, {
      key: recordName("grant", ...recordBinding(core, principalKey)),
      ttlMs: lifetimeMs,
      ttlOf: ({ grant }) => Math.max(1, Math.min(lifetimeMs, (grant?.until ?? Infinity) - now())),
      none: noRecord,
      seal: (record) => seal.seal(principalKey, record),
      open: (text) => seal.open(principalKey, text),
    });

  const changed = (principalKey: string): void => {
    forgotten.add(principalKey);
    for (const listener of listeners) listener(principalKey);
  };

  /** Ends the grant, or only the one with this refresh token; tells whether there is another one now. */
  const end = async (
    principalKey: string,
    reason: "signed_out" | "revoked" | "account_disabled",
    refreshToken?: string,
  ): Promise<"ended" | "another"> => {
    let ended: StoredGrant | undefined;
    let another = false;
    try {
      await recordOf(principalKey).update(({ grant, generation }) => {
        another = grant !== undefined && refreshToken !== undefined && grant.refreshToken !== refreshToken;
        ended = another ? undefined : grant;
        // A sign-out counts even with nothing to end: long-running work may hang on it.
        if (ended === undefined && refreshToken !== undefined) return undefined;
        return { generation: Math.max(now(), generation + 1), grant: undefined, tokens: [] };
      });
    } finally {
      changed(principalKey);
    }
    if (ended !== undefined) {
      emit(onEvent, { type: "grant_ended", oid: ended.account.oid, reason });
      // A platform user stays in it: the chat keeps to its account, and has to be found to be forgotten.
      if (!isPlatform(principalKey)) await index.remove(ended.account, principalKey);
    }
    return another ? "another" : "ended";
  };

  /** What the store has, refreshed if it is old. */
  const load = async (principalKey: string, request: GrantTokenRequest): Promise<GivenToken | undefined> => {
    const readAt = now();
    let opener: ((text: string) => readonly KeptToken[]) | undefined;
    const makeReady = () => (opener ??= seal.tokensOpener(principalKey));
    const reading = recordOf(principalKey).raw();
    // A client sends what it was given in this turn of the event loop when the turn is over; the wait for the
    // answer is long enough to derive a key in.
    setImmediate(makeReady);
    const text = await reading;
    if (text === undefined) return undefined;
    const isRefused = ({ token, obtainedAt }: KeptToken): boolean =>
      refused.has(principalKey, token, obtainedAt);
    const kept = findKept(makeReady()(text), request, readAt, isRefused);
    if (kept === undefined) return settleOrAbort(refreshOnce(principalKey, request, text), request.signal);
    if (kept.refreshAt <= readAt) refreshInBackground(principalKey, { ...request, ...demandOf(kept) }, text);
    return given(kept, readAt);
  };

  /** One refresh for each demand; a caller that leaves does not cancel it for the others. */
  const refreshOnce = (
    principalKey: string,
    request: GrantTokenRequest,
    text: string,
  ): Promise<GivenToken | undefined> =>
    flights.run(flightKey(principalKey, request), () =>
      withDeadline(overallMs, undefined, timedOut, (signal) =>
        refresh(principalKey, request, text, signal, true),
      ),
    );

  const refreshInBackground = (principalKey: string, request: GrantTokenRequest, text: string): void => {
    refreshOnce(principalKey, request, text).catch((cause: unknown) => {
      const code = isHostedAgentIdentityError(cause) ? cause.code : "token_exchange_failed";
      const { serverLabel } = request.resource;
      emit(onEvent, { type: "background_refresh_failed", serverLabel, code });
    });
  };

  const refresh = async (
    principalKey: string,
    request: GrantTokenRequest,
    text: string,
    signal: AbortSignal,
    mayRetry: boolean,
  ): Promise<GivenToken | undefined> => {
    const started = seal.open(principalKey, text);
    if (started?.grant === undefined || !covers(started.grant, request)) return undefined;
    const { account, refreshToken } = started.grant;
    const { scopes, claims } = request;
    const resource = request.resource.url;
    const anew = async (): Promise<GivenToken | undefined> => {
      const newer = await recordOf(principalKey).raw();
      return mayRetry && newer !== undefined && newer !== text
        ? refresh(principalKey, request, newer, signal, false)
        : undefined;
    };
    let answer: RefreshedToken;
    try {
      answer = await exchangeRefreshToken(app, { resource, refreshToken, account, scopes, claims, signal });
    } catch (cause) {
      const reason = endOfGrant(cause);
      if (reason === undefined) throw cause;
      // Another process may have brought a new sign-in while this one used the old token.
      if ((await end(principalKey, reason, refreshToken)) === "another") return anew();
      if (reason === "account_disabled") throw cause;
      return undefined;
    }
    const obtainedAt = now();
    const kept: KeptToken = {
      url: request.resource.url,
      scopes,
      ...(claims === undefined ? {} : { claims }),
      token: answer.token,
      obtainedAt,
      refreshAt: answer.refreshAt,
      expiresAt: answer.expiresAt,
    };
    // First the index, as for a sign-in: this write may be the first with a new key, which outlives the old one.
    const isDue = obtainedAt - started.grant.indexedAt > reindexMs || !keys.isCurrent(text);
    if (isDue) await index.add(account, principalKey, started.grant.until);
    const next = await recordOf(principalKey).update(
      (current) => afterRefresh(current, started, answer.refreshToken, kept),
      text,
    );
    // Signed out meanwhile, or in again: this token belongs to what is no more.
    if (next === undefined) return anew();
    if (isDue)
      await recordOf(principalKey).update((current) =>
        current.grant === undefined
          ? undefined
          : { ...current, grant: { ...current.grant, indexedAt: obtainedAt } },
      );
    return given(kept, obtainedAt);
  };

  const given = (kept: KeptToken, readAt: number): GivenToken => ({
    token: kept.token,
    expiresAt: kept.expiresAt,
    refreshAt: readAt + lookAgainMs + fraction(core.random) * jitterMs,
    useUntil: readAt + useMs,
    source: "sign_in",
    obtainedAt: kept.obtainedAt,
  });

  return {
    async find(principalKey) {
      const { grant, generation } = await recordOf(principalKey).read();
      return grant === undefined ? undefined : publicGrant(grant, generation);
    },

    async keep(principalKey, signedIn, first, generation) {
      checkOwner(principalKey, signedIn.account);
      // First the index: a grant that is in no index could not be found to be taken back.
      await index.add(signedIn.account, principalKey, signedIn.until);
      const kept = await recordOf(principalKey).update((current) =>
        generation !== undefined && current.generation !== generation
          ? undefined
          : afterSignIn(current, signedIn, first, now()),
      );
      if (kept === undefined) return "signed_out";
      emit(onEvent, { type: "grant_stored", oid: signedIn.account.oid, reason: "signed_in" });
      changed(principalKey);
      return "kept";
    },

    async token(principalKey, request) {
      request.signal.throwIfAborted();
      for (let tries = 0; tries < maxLooks; tries += 1) {
        const still = forgotten.begin(principalKey);
        const found = await runWithoutUserContext(() => load(principalKey, request));
        if (found === undefined) return undefined;
        // Refused, or signed out, while this caller waited for the store or for what another one had begun.
        if (still() && !refused.has(principalKey, found.token, found.obtainedAt)) return accessToken(found);
      }
      return undefined;
    },

    async remove(principalKey, user) {
      try {
        await end(principalKey, "signed_out");
      } finally {
        if (user !== undefined) changed(user);
      }
    },

    async removeAccount(account) {
      for (const principalKey of await index.list(account)) {
        const grant = (await recordOf(principalKey).read()).grant;
        if (grant !== undefined && isSame(grant.account, account)) await end(principalKey, "signed_out");
        await index.remove(account, principalKey);
      }
    },

    async generation(principalKey) {
      const known = (await recordOf(principalKey).read()).generation;
      if (known !== 0) return known;
      const made = await recordOf(principalKey).update((current) =>
        current.generation === 0 ? { ...current, generation: now() } : undefined,
      );
      return made?.generation ?? (await recordOf(principalKey).read()).generation;
    },

    async knownEpoch(principalKey) {
      return (await recordOf(principalKey).read()).generation || undefined;
    },

    principalsOf: (account) => index.list(account),
    forget: (principalKey, token) => refused.add(principalKey, token),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

interface GivenToken extends AccessToken {
  readonly obtainedAt: number;
}

function accessToken({ obtainedAt: _, ...token }: GivenToken): AccessToken {
  return token;
}

function covers(grant: StoredGrant, { resource, scopes }: GrantTokenRequest): boolean {
  return grant.resources.includes(resource.url) && scopes.every((scope) => grant.scopes.includes(scope));
}

function publicGrant(grant: StoredGrant, generation: number): Grant {
  const { account, refreshToken, resources, scopes, signedInAt, updatedAt, until } = grant;
  const known = { account, refreshToken, resources, scopes, signedInAt, updatedAt, generation };
  return until === undefined ? known : { ...known, until };
}

/** The same demand as a token was made for, so that its successor can take its place. */
function demandOf({ scopes, claims }: KeptToken): Pick<GrantTokenRequest, "scopes" | "claims"> {
  return { scopes, claims };
}

function isPlatform(principalKey: string): boolean {
  return principalKey.startsWith('["platform"');
}

function flightKey(principalKey: string, { resource, scopes, claims }: GrantTokenRequest): string {
  return digest(principalKey, resource.url, scopes, claims);
}

function timedOut(): Error {
  return new HostedAgentIdentityError(
    "entra_timeout",
    `No token within ${overallMs} ms.`,
    entraTimeoutCauses.signIn,
  );
}
