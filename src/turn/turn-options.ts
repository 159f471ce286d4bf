import { runtimeOptions } from "../runtime/runtime.js";
import { policyOption } from "../consent/link-policy.js";
import { contextOption } from "../context/internals.js";
import {
  abortSignal,
  check,
  func,
  list,
  made,
  milliseconds,
  optional,
  orElse,
  text,
} from "../options/checks.js";
import { readOptions, type Checked, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { agentReferenceOption } from "../foundry/items.js";
import type { RunLimits } from "./run-pieces.js";
import type { RunTurnOptions } from "./run-turn.js";
import type { DrainOptions } from "./running-turns.js";
import type { Preparable, ResumedTurn } from "./turn.js";
import type { WithConsentOptions } from "./with-consent.js";

/** The code of a turn. */
export const runCheck: OptionCheck<(turn: never) => unknown> = func<(turn: never) => unknown>(
  "the function that runs a turn",
);

/** The option `prepare`. */
export const prepareOption: OptionCheck<readonly Preparable[] | undefined> = optional(
  list(made<Preparable>("what userAccess() returned", { token: "function" })),
);

/** The option `onError`. */
export const onErrorOption: OptionCheck<((error: unknown) => void) | undefined> =
  optional(func<(error: unknown) => void>());

/** How long a run may take; see {@link RunLimits}. */
export const runLimitRows: OptionTable<Partial<RunLimits>, keyof RunLimits> = {
  turnTimeoutMs: orElse(milliseconds(0, Number.MAX_SAFE_INTEGER), 30 * 60_000),
  idleTimeoutMs: orElse(milliseconds(0, Number.MAX_SAFE_INTEGER), 5 * 60_000),
  windDownMs: orElse(milliseconds(0), 2_000),
};

const resumedOption = optional(
  made<ResumedTurn>("what turn.resumed of the earlier turn was", { tools: "object" }),
);

/** The options of `withConsent()`. */
export const withConsentOptions: OptionTable<WithConsentOptions, keyof RunLimits> = {
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

/** The options of `runTurn()`. */
export const runTurnOptions: OptionTable<RunTurnOptions> = {
  operationId: optional(text()),
  resumed: resumedOption,
  signal: optional(abortSignal),
  prepare: prepareOption,
  context: optional(contextOption),
  policy: optional(policyOption),
};

/** The options of `drain()`. */
export const drainOptions: OptionTable<DrainOptions, "timeoutMs"> = {
  timeoutMs: orElse(milliseconds(0, Number.MAX_SAFE_INTEGER), 20_000),
};

/** The options, with their defaults. Throws `invalid_option`. */
export function checkWithConsent(
  run: unknown,
  options: WithConsentOptions,
): Checked<WithConsentOptions, keyof RunLimits> {
  runCheck.read(run, "withConsent: run");
  return readOptions("withConsent", withConsentOptions, options);
}

/** Throws `invalid_option`. */
export function checkRunTurn(run: unknown, options: RunTurnOptions): void {
  runCheck.read(run, "runTurn: run");
  readOptions("runTurn", runTurnOptions, options);
}

/** How long a drain may take, in milliseconds. Throws `invalid_option`. */
export function drainMs(options: DrainOptions): number {
  return readOptions("drain", drainOptions, options).timeoutMs;
}
