import { func, list, made, milliseconds, optional, orElse } from "../options/checks.js";
import { type OptionCheck, type OptionTable } from "../options/option-table.js";
import type { RunLimits } from "./run-pieces.js";
import type { Preparable, ResumedTurn } from "./turn.js";

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

/** The option `resumed`. */
export const resumedOption: OptionCheck<ResumedTurn | undefined> = optional(
  made<ResumedTurn>("what turn.resumed of the earlier turn was", { tools: "object" }),
);
