import type { UserContext } from "../context/user-context.js";
import { policyOption, type ConsentLinkPolicy } from "../consent/link-policy.js";
import { contextOption } from "../context/internals.js";
import type { ConsentRequest } from "../errors.js";
import { responseIdFor } from "../foundry/ids.js";
import { abortSignal, optional, text } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { isCancelled, refusedIn } from "./failure.js";
import { idBytes } from "../runtime/runtime.js";
import { prepareOption, resumedOption, runCheck } from "./turn-options.js";
import { turnScope } from "./turn-scope.js";
import type { Preparable, ResumedTurn, Turn } from "./turn.js";

/** How a turn is run. */
export interface RunTurnOptions {
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal;
  /** Accesses whose tokens are got before the run starts, so that no tool acts twice. */
  readonly prepare?: readonly Preparable[];
  /** Default: the context of the calling code. */
  readonly context?: UserContext;
  readonly policy?: ConsentLinkPolicy;
  /** The operation this turn belongs to. Default: the response id of the request, or a new id. */
  readonly operationId?: string;
  /** What is known of the turns that this one resumes. The run gets it as `turn.resumed`. */
  readonly resumed?: ResumedTurn;
}

/** How a turn ended. */
export type TurnResult<T> =
  | { readonly status: "completed"; readonly value: T }
  | { readonly status: "consent_required"; readonly requests: readonly ConsentRequest[] };

/**
 * Runs one turn of any protocol: its result, or what the user has to do first, however the run ended and
 * whether or not the framework took the signal. Any other error is thrown as it is, and `sign_in_required` and
 * `step_up_required` also where the run has swallowed them. The context is not ended
 * here: whoever made it does. Throws `no_user_context`, `context_ended`, `turn_cancelled`,
 * `consent_link_refused` and whatever the run throws.
 *
 * Entry point: `hosted-agent-identity/turn`.
 *
 * @example
 * ```ts
 * import { type UserAccess } from "hosted-agent-identity";
 * import { runTurn } from "hosted-agent-identity/turn";
 *
 * export async function answer(contacts: UserAccess): Promise<string> {
 *   const result = await runTurn(async ({ signal }) => (await contacts.fetch(contacts.url, { signal })).text());
 *   return result.status === "completed" ? result.value : `Please open: ${result.requests.map(({ link }) => link).join(", ")}`;
 * }
 * ```
 * @group Turns
 */
export async function runTurn<T>(
  run: (turn: Turn) => T | Promise<T>,
  options: RunTurnOptions = {},
): Promise<TurnResult<T>> {
  runCheck.read(run, "runTurn: run");
  readOptions("runTurn", runTurnOptions, options);
  const scope = turnScope(options);
  const { signal, context, prepare } = scope;
  const turn: Turn = {
    signal,
    context,
    operationId: options.operationId ?? responseIdFor(context.platform, undefined, idBytes),
    resumed: options.resumed,
  };
  try {
    const outcome = await settled(async () => {
      if (options.prepare !== undefined) await scope.whileLive(() => prepare(options.prepare ?? []));
      signal.throwIfAborted();
      return scope.whileLive(async () => run(turn));
    });
    if ("error" in outcome) scope.note(outcome.error);
    const requests = await scope.requests();
    if (requests.length > 0) return { status: "consent_required", requests };
    const signInDemand = scope.signInDemand();
    if (signInDemand !== undefined && !("error" in outcome && isCancelled(outcome.error))) throw signInDemand;
    if ("error" in outcome) throw refusedIn(outcome.error, context);
    return { status: "completed", value: outcome.value };
  } finally {
    scope.stop();
  }
}

/** The options of `runTurn()`. */
export const runTurnOptions: OptionTable<RunTurnOptions> = {
  operationId: optional(text()),
  resumed: resumedOption,
  signal: optional(abortSignal),
  prepare: prepareOption,
  context: optional(contextOption),
  policy: optional(policyOption),
};

async function settled<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}
