import { getUserContext, runInContext } from "../context/ambient.js";
import {
  beginTurnOn,
  callsInFlight,
  isSignInDemand,
  liveInternalsOf,
  recordConsent,
  recordSignInDemand,
} from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { refusedLink, type ConsentLinkPolicy, consentLinkRefused } from "../consent/link-policy.js";
import { consentIn, uniqueRequests } from "../consent/find-consent-required.js";
import { ConsentRequiredError, HostedAgentIdentityError, type ConsentRequest } from "../errors.js";
import { emit, type OnEvent } from "../events/events.js";
import { settleOrAbort, inBackground } from "../async/deadline.js";
import { ownErrorIn } from "./failure.js";
import type { Preparable, Turn } from "./turn.js";

/** What a turn is watched with. */
export interface TurnScopeOptions {
  /** Default: the context of the calling code. */
  readonly context?: UserContext | undefined;
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined;
  readonly policy?: ConsentLinkPolicy | undefined;
  readonly onEvent?: OnEvent | undefined;
  /** What is known of the turns that this one resumes. */
  readonly resumed?: object | undefined;
}

/**
 * Watches one turn: runs its code as its user, and aborts its signal when the user has to open a link, the caller
 * has to sign its user in again, or the client has gone.
 */
export interface TurnScope extends Pick<Turn, "signal" | "context"> {
  /** Runs work as the turn's user, wherever it is called from. */
  inContext<T>(work: () => T): T;
  /** Waits for work as the turn's user, but not beyond the signal. */
  whileLive<T>(work: () => Promise<T>): Promise<T>;
  /** Gets all tokens now. Throws what stands in the way, unless it was recorded as a request for consent. */
  prepare(accesses: readonly Preparable[]): Promise<void>;
  /** What the caller has to sign its user in again for, if nothing was asked of the user. */
  signInDemand(): HostedAgentIdentityError | undefined;
  /** Remembers what an error asks the user, or the caller, for. Throws `consent_link_refused`. */
  note(error: unknown): void;
  /**
   * What the user has to do, checked; empty when nothing was asked for. Waits for what is being acquired and called, so
   * that a second server's request is among them. Throws `consent_link_refused`.
   */
  requests(): Promise<readonly ConsentRequest[]>;
  cancel(cause?: unknown): void;
  /** Ends the turn with an error of its own. */
  fail(error: Error): void;
  /**
   * Stops watching, once the run has ended: until then it may close its MCP sessions. Tells whether the turn was the
   * outermost one of its context.
   */
  stop(): boolean;
}

/** How long acquisitions and tool calls already under way may take once consent is needed. */
const settleMs = 2_000;

/** Starts to watch a turn. Throws `no_user_context`, `context_ended`. */
export function turnScope(options: TurnScopeOptions): TurnScope {
  const context = options.context ?? getUserContext();
  const internals = liveInternalsOf(context);
  if (options.resumed !== undefined) internals.resumes = true;
  const controller = new AbortController();
  const { signal } = controller;
  const inContext = <T>(work: () => T): T => runInContext(context, work);
  let asked: Promise<void> | undefined;

  const abort = (reason: unknown): void => inContext(() => controller.abort(reason));
  const reason = (): unknown =>
    internals.consentRequests.length > 0
      ? new ConsentRequiredError(internals.consentRequests)
      : internals.signInDemand;
  const onDemand = (): void => {
    if (asked !== undefined) return;
    // A call whose token is still being acquired is sent in between.
    const underWay = Promise.allSettled(internals.acquisitions).then(() =>
      Promise.allSettled(callsInFlight(context)),
    );
    asked = settledWithin(underWay, settleMs, signal).then(() => {
      if (!signal.aborted) abort(reason());
    });
  };
  const fail = (error: Error): void => {
    if (!signal.aborted) abort(error);
  };
  const cancel = (cause?: unknown): void =>
    fail(new HostedAgentIdentityError("turn_cancelled", undefined, { cause }));
  const onOuterAbort = (): void => cancel(options.signal?.reason);
  const checkLinks = (requests: readonly ConsentRequest[]): void => {
    for (const { link, serverLabel } of requests) {
      const refused = refusedLink(link, options.policy);
      if (refused === undefined) continue;
      emit(options.onEvent, consentLinkRefused("turn", link, serverLabel));
      throw refused;
    }
  };
  const note = (error: unknown): void => {
    const found = consentIn(error);
    checkLinks(found?.requests ?? []);
    if (found !== undefined) recordConsent(context, found.requests);
    const own = ownErrorIn(error);
    if (isSignInDemand(own)) recordSignInDemand(context, own);
  };

  const endTurn = beginTurnOn(context);
  const onEnd = (): void => cancel();

  internals.consentListeners.add(onDemand);
  // Adapters end the context when the connection closes.
  internals.endListeners.add(onEnd);
  options.signal?.addEventListener("abort", onOuterAbort, { once: true });
  if (reason() !== undefined) onDemand();
  if (options.signal?.aborted === true) onOuterAbort();

  return {
    signal,
    context,
    inContext,
    whileLive: (work) => settleOrAbort(inContext(work), signal),
    async prepare(accesses) {
      const results = await Promise.allSettled(
        accesses.map((access) => inContext(async () => access.token(context, { signal }))),
      );
      const failures = results.flatMap((result) =>
        result.status === "rejected" ? [result.reason as unknown] : [],
      );
      for (const failure of failures) note(failure);
      if (failures.length > 0 && internals.consentRequests.length === 0) throw failures[0];
      await asked;
    },
    note,
    signInDemand: () => internals.signInDemand,
    async requests() {
      await asked;
      const requests = uniqueRequests(internals.consentRequests);
      checkLinks(requests);
      return requests;
    },
    cancel,
    fail,
    stop() {
      internals.consentListeners.delete(onDemand);
      internals.endListeners.delete(onEnd);
      options.signal?.removeEventListener("abort", onOuterAbort);
      return endTurn();
    },
  };
}

/** Waits until what is in flight now has settled, the time is over, or the signal aborts. */
function settledWithin(work: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      done();
    };
    const timer = inBackground(setTimeout(finish, ms));
    if (signal.aborted) finish();
    else signal.addEventListener("abort", finish, { once: true });
    void work.then(finish);
  });
}
