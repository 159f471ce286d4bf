import { policyOption, type ConsentLinkPolicy } from "../consent/link-policy.js";
import { bytes, made, milliseconds, optional, orElse, text } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { agentReferenceOption, type AgentReference } from "../foundry/items.js";
import { waitingOperations, type Operations } from "./operations.js";
import type { RunLimits } from "./run-pieces.js";
import type { RunningTurns } from "./running-turns.js";
import { keepAliveMsOf } from "./to-sse.js";
import type { TurnRequest } from "./turn-request.js";
import type { TurnSignIn } from "./turn-sign-in.js";
import { onErrorOption, prepareOption, runCheck, runLimitRows } from "./turn-options.js";
import type { Preparable, RunOutput, Turn } from "./turn.js";
import { forIds, type RandomBytes, type Runtime, runtimeOptions } from "../runtime/runtime.js";

/** A turn that answers `POST /responses`. */
export interface ResponsesTurn extends Turn {
  /** The prompt as text; the same as `request.input`. */
  readonly input: string;
  readonly request: TurnRequest;
  /** The id of the response that this turn writes. */
  readonly responseId: string;
}

/** How `POST /responses` is answered. */
export interface ResponsesOptions extends Pick<Runtime, "now" | "random" | "onEvent"> {
  /**
   * Accesses whose tokens are got before the run starts, so that no tool acts twice. If the user has to sign
   * in again for one, the request is answered 401 with a challenge.
   */
  readonly prepare?: readonly Preparable[];
  /**
   * What `createSignIn()` or `remoteSignIn()` returned. The newest message of the user is given to it before
   * anything else sees it: a code, or the yes after it, is answered here and never reaches the run. A message
   * that has to wait for the sign-in is kept, and run after the yes.
   */
  readonly signIn?: TurnSignIn;
  readonly policy?: ConsentLinkPolicy;
  /** Default: what the request says, else `FOUNDRY_AGENT_NAME` and `FOUNDRY_AGENT_VERSION`. */
  readonly agentReference?: AgentReference;
  /** What the response says it was made with. Default: what the request says, else the agent's name. */
  readonly model?: string;
  /** How large a body may be where no body parser has read it, in bytes: as sent, and as unpacked. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** What `runningTurns()` returned: to cancel turns, and to let them finish when the agent has to stop. */
  readonly turns?: RunningTurns;
  /**
   * A stream on which nothing comes for so long, in milliseconds, gets a comment that keeps it open. 0 for
   * never. Default: `SSE_KEEPALIVE_INTERVAL` of the environment, in seconds; never if it is not set.
   */
  readonly keepAliveMs?: number;
  /** How long a run may take, in milliseconds; 0 for no limit. Default 30 minutes. */
  readonly turnTimeoutMs?: number;
  /**
   * How long a run may yield nothing, in milliseconds; 0 for no limit. Default 5 minutes. A model or a tool that
   * no longer answers ends the turn by then, instead of the person's patience.
   */
  readonly idleTimeoutMs?: number;
  /**
   * How long a turn that was cancelled, or that asks for consent, waits for its run's `finally`, in milliseconds.
   * Default 2 000.
   */
  readonly windDownMs?: number;
  /**
   * Takes the error of a failed turn as it was thrown, and what a run's `finally` throws after its turn was ended; the
   * client is told only what is safe.
   */
  readonly onError?: (error: unknown) => void;
}

/** The code of a turn. */
export type ResponsesRun = (turn: ResponsesTurn) => RunOutput;

/** {@link ResponsesOptions}, checked and complete. */
export interface ResponsesSettings extends ResponsesOptions, RunLimits {
  readonly turnTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly windDownMs: number;
  readonly maxBodyBytes: number;
  readonly keepAliveMs: number;
  readonly random: RandomBytes;
  /** The turns that wait for a sign-in. */
  readonly operations: Operations;
}

/** The options of `responses()`, here and in the adapters. */
export const responsesOptions: OptionTable<ResponsesOptions, "maxBodyBytes" | "random" | keyof RunLimits> = {
  prepare: prepareOption,
  signIn: optional(
    made<TurnSignIn>("what createSignIn() or remoteSignIn() returned", {
      redeem: "function",
      keepPrompt: "function",
      settle: "function",
    }),
  ),
  policy: optional(policyOption),
  agentReference: agentReferenceOption,
  model: optional(text()),
  maxBodyBytes: orElse(bytes(), 4 * 1024 * 1024),
  turns: optional(
    made<RunningTurns & { begin: unknown }>("what runningTurns() returned", { begin: "function" }),
  ),
  keepAliveMs: optional(milliseconds(0, Number.MAX_SAFE_INTEGER)),
  ...runLimitRows,
  onError: onErrorOption,
  now: runtimeOptions.now,
  random: runtimeOptions.random,
  onEvent: runtimeOptions.onEvent,
};

/** Checks run and options once, when a handler is made. Throws `invalid_option`. */
export function responsesSettings(run: ResponsesRun, options: ResponsesOptions): ResponsesSettings {
  runCheck.read(run, "responses: run");
  const settings = readOptions("responses", responsesOptions, options);
  const keepAliveMs = keepAliveMsOf(settings.keepAliveMs, process.env);
  return { ...settings, random: forIds(settings.random), keepAliveMs, operations: waitingOperations() };
}
