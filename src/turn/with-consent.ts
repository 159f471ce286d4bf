import type { UserContext } from "../context/user-context.js";
import { policyOption, type ConsentLinkPolicy, consentLinkRefused } from "../consent/link-policy.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { ResponseEvent } from "../foundry/events.js";
import { contextOption } from "../context/internals.js";
import { responseIdFor } from "../foundry/ids.js";
import { agentReferenceOption, type AgentReference } from "../foundry/items.js";
import { abortSignal, check, func, optional, text } from "../options/checks.js";
import { readOptions, type Checked, type OptionTable } from "../options/option-table.js";
import { emit } from "../events/events.js";
import { failureFrom, isCancelled, refusedIn } from "./failure.js";
import { runPieces, type RunLimits, type RunPieces } from "./run-pieces.js";
import { reportError } from "./report-error.js";
import { openResponse, type OpenResponse } from "./open-response.js";
import { doneItems } from "./output-items.js";
import { startEvents, writeEvent, writeText, endEvents, type Ending } from "./response-writer.js";
import { isCancelledByUser } from "./running-turns.js";
import { onErrorOption, prepareOption, resumedOption, runCheck, runLimitRows } from "./turn-options.js";
import { toolRuns } from "./tool-runs.js";
import { turnScope, type TurnScope } from "./turn-scope.js";
import type { Preparable, ResumedTurn, RunOutput, Turn } from "./turn.js";
import { forIds, runtimeOptions, type Runtime } from "../runtime/runtime.js";

/** How a turn is run and its response written. */
export interface WithConsentOptions extends Pick<Runtime, "now" | "random" | "onEvent"> {
  /** Default: the platform's choice for this request, else a new one. */
  readonly responseId?: string | undefined;
  readonly previousResponseId?: string | undefined;
  readonly agentReference?: AgentReference | undefined;
  /** Accesses whose tokens are got before the run starts, so that no tool acts twice. */
  readonly prepare?: readonly Preparable[] | undefined;
  /** Default: the context of the calling code. */
  readonly context?: UserContext | undefined;
  /** Aborts when the client goes away. Ending the iteration early does the same. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Which consent links may be shown, beyond well-formed ones: those of the turn, and those that items and events of the
   * run have. A turn with another one fails with `consent_link_refused`.
   */
  readonly policy?: ConsentLinkPolicy | undefined;
  /** What the response says it was made with. Default `agent`. */
  readonly model?: string | undefined;
  /** More fields of the response object, for example its metadata. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Called when the user has to open a link first, before the response says so: the place to keep the prompt, and
   * what the operation has done so far, for `resumed` of the turn that goes on. The context is still alive. What it
   * throws goes to `onError` and changes nothing.
   */
  readonly onConsentRequired?: ((interrupted: ResumedTurn) => void | Promise<void>) | undefined;
  /** The operation this turn belongs to. Default: the response id. */
  readonly operationId?: string | undefined;
  /** What is known of the turns that this one resumes. The run gets it as `turn.resumed`. */
  readonly resumed?: ResumedTurn | undefined;
  /** How long the run may take, in milliseconds; 0 for no limit. Default 30 minutes. */
  readonly turnTimeoutMs?: number;
  /** How long the run may yield nothing, in milliseconds; 0 for no limit. Default 5 minutes. */
  readonly idleTimeoutMs?: number;
  /** How long the turn waits for the run's `finally`, in milliseconds. Default 2 000. */
  readonly windDownMs?: number;
  /**
   * Takes the error of a failed turn as it was thrown, and what a run's `finally` throws after its turn was ended; the
   * client is told only what is safe.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Runs one turn and writes its response: a string is answer text, whose lifecycle is written around it; events
 * of your own pass through, renumbered. When the user has to open a link first, the response ends `incomplete`
 * with an `oauth_consent_request` item for each server, however the run ended and whether or not the framework
 * took the signal. When the caller has to sign its user in again, it ends with `response.failed`, whatever the
 * framework did with the error: `sign_in_required`, or `step_up_required` with the claims for the next sign-in in
 * `error.additionalInfo`. Any other error of the run ends it so, too.
 *
 * The run is pulled as its user wherever the events are read, and the context ends when the iteration does.
 * Throws `no_user_context` and `context_ended` at once; the iteration itself does not throw.
 *
 * Entry point: `hosted-agent-identity/turn`.
 * Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md; agent-framework PR 8006 (no reason).
 *
 * @example
 * ```ts
 * import { type UserAccess } from "hosted-agent-identity";
 * import { withConsent } from "hosted-agent-identity/turn";
 *
 * export function answer(contacts: UserAccess) {
 *   return withConsent(
 *     async function* ({ signal }) {
 *       yield "Your contacts: ";
 *       yield await (await contacts.fetch(contacts.url, { signal })).text();
 *     },
 *     { prepare: [contacts] },
 *   );
 * }
 * ```
 * @group Turns
 */
export function withConsent(
  run: (turn: Turn) => RunOutput,
  options: WithConsentOptions = {},
): AsyncIterableIterator<ResponseEvent> {
  runCheck.read(run, "withConsent: run");
  const settings = readOptions("withConsent", withConsentOptions, options);
  return writtenTurn(run, { ...settings, random: forIds(settings.random) });
}

/** {@link WithConsentOptions}, checked and complete. */
export type TurnSettings = Checked<WithConsentOptions, keyof RunLimits | "random">;

/** `withConsent()` for a host that has checked its options when it was made, and the request when it came. */
export function writtenTurn(
  run: (turn: Turn) => RunOutput,
  settings: TurnSettings,
): AsyncIterableIterator<ResponseEvent> {
  const scope = turnScope(settings);
  let response;
  let turn;
  try {
    ({ response, turn } = begin(scope, settings));
  } catch (error) {
    scope.stop();
    throw error;
  }
  const pieces = runPieces(run, turn, scope, settings, (error) => {
    if (!isCancelled(error)) reportError(settings.onError, error);
  });
  const finish = async (): Promise<void> => {
    pieces.stop();
    await pieces.ended();
    // An agent that is another agent's tool runs on the context of that one's turn.
    if (scope.stop()) scope.context.end();
  };
  const events = turnEvents(pieces, scope, response, settings, finish);
  const iterator: AsyncIterableIterator<ResponseEvent> = {
    [Symbol.asyncIterator]: () => iterator,
    next: () => events.next(),
    async return() {
      // First the signal, so that a step that is still being waited for ends.
      scope.cancel();
      try {
        return await events.return(undefined);
      } finally {
        // A generator that was never started does not do it itself.
        await finish();
      }
    },
  };
  return iterator;
}

/** The options of `withConsent()`. */
export const withConsentOptions: OptionTable<WithConsentOptions, keyof RunLimits | "random"> = {
  operationId: optional(text()),
  resumed: resumedOption,
  ...runLimitRows,
  onEvent: runtimeOptions.onEvent,
  responseId: optional(text()),
  previousResponseId: optional(text()),
  agentReference: agentReferenceOption,
  prepare: prepareOption,
  context: optional(contextOption),
  signal: optional(abortSignal),
  policy: optional(policyOption),
  model: optional(text()),
  fields: optional(
    check<Readonly<Record<string, unknown>>>(
      "object",
      "an object of fields of the response",
      (fields: object) => Object.keys(fields).length >= 0,
    ),
  ),
  onConsentRequired: optional(func<NonNullable<WithConsentOptions["onConsentRequired"]>>()),
  onError: onErrorOption,
  now: runtimeOptions.now,
  random: runtimeOptions.random,
};

function begin(
  { signal, context }: TurnScope,
  options: TurnSettings,
): { readonly response: OpenResponse; readonly turn: Turn } {
  const { previousResponseId, agentReference, resumed, onEvent, random } = options;
  const responseId = options.responseId ?? responseIdFor(context.platform, previousResponseId, random);
  const response = openResponse({
    responseId,
    agentReference,
    previousResponseId,
    model: options.model ?? "agent",
    fields: options.fields ?? {},
    now: options.now ?? Date.now,
    random,
    policy: options.policy,
    onRefusedLink: (link, serverLabel) => emit(onEvent, consentLinkRefused("run", link, serverLabel)),
    onDropped: (type) => emit(onEvent, { type: "run_event_dropped", eventType: type.slice(0, 100) }),
  });
  const operationId = options.operationId ?? responseId;
  return { response, turn: { signal, context, operationId, resumed } };
}

async function* turnEvents(
  pieces: RunPieces,
  scope: TurnScope,
  response: OpenResponse,
  options: WithConsentOptions,
  finish: () => Promise<void>,
): AsyncGenerator<ResponseEvent, undefined> {
  // No `yield*`: it takes as long for a list as all the rest of an event.
  for (const event of startEvents(response)) yield event;
  let failure: { readonly error: unknown } | undefined;
  try {
    if (options.prepare !== undefined) await scope.whileLive(() => scope.prepare(options.prepare ?? []));
    for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) {
      for (const event of typeof piece === "string"
        ? writeText(response, piece)
        : writeEvent(response, piece))
        yield event;
    }
    if (response.calls?.isOpen === true) throw new HostedAgentIdentityError("model_stream_cut");
  } catch (error) {
    failure = { error };
    // The run's `finally` begins now, not when the last event has been read.
    pieces.stop();
  }
  for (const event of endEvents(response, await endingOf(scope, failure, response, options))) yield event;
  await finish();
}

/**
 * If the turn asked the user for anything, it is a consent turn, however the run ended; if it asked the caller
 * for a new sign-in, it has failed.
 */
async function endingOf(
  scope: TurnScope,
  failure: { readonly error: unknown } | undefined,
  response: OpenResponse,
  { onError, onConsentRequired, resumed }: WithConsentOptions,
): Promise<Ending> {
  let failed = failure && { error: refusedIn(failure.error, scope.context) };
  try {
    if (failed !== undefined) scope.note(failed.error);
    const requests = await scope.requests();
    if (requests.length > 0) {
      await scope
        .inContext(async () =>
          onConsentRequired?.(toolRuns(scope.context, doneItems(response.items), resumed)),
        )
        .catch((error: unknown) => reportError(onError, error));
      return { status: "consent", requests };
    }
  } catch (error) {
    failed = { error };
  }
  const signInDemand = scope.signInDemand();
  if (signInDemand !== undefined && !isCancelled(failed?.error)) failed = { error: signInDemand };
  if (failed === undefined) return { status: "completed" };
  if (isCancelled(failed.error) && isCancelledByUser(failed.error.cause)) {
    return { status: "cancelled" };
  }
  if (!isCancelled(failed.error)) reportError(onError, failed.error);
  return { status: "failed", error: failureFrom(failed.error, scope.context) };
}
