import type { UserContext } from "../context/user-context.js";
import type { RunEvent } from "../foundry/events.js";

/** One response of the agent, as the code that makes it sees it. */
export interface Turn {
  /**
   * Give it to the framework. Aborts with a `ConsentRequiredError` when the user has to open a link first, with
   * `sign_in_required` or `step_up_required` when the caller has to sign its user in again, and with `turn_cancelled` when the client has gone. Afterwards nothing more is taken from the run.
   */
  readonly signal: AbortSignal;
  /** Who is asking. It ends with the turn. */
  readonly context: UserContext;
  /**
   * The same for a turn and for the turns that resume it after a sign-in: an idempotency key for tools that write.
   * The id of the first response.
   */
  readonly operationId: string;
  /** What the interrupted turns of this operation have done; `undefined` where this turn resumes none. */
  readonly resumed?: ResumedTurn | undefined;
}

/**
 * What is known of the turns that this one resumes.
 * @group Turns
 */
export interface ResumedTurn {
  /** The tools that were called, in the order of the calls. A resumed run that calls one again repeats its effect. */
  readonly tools: readonly ToolRun[];
}

/**
 * A tool call of an interrupted turn.
 * @group Turns
 */
export interface ToolRun {
  readonly name: string;
  /** The MCP server, where the call went to one. */
  readonly serverLabel?: string;
  /**
   * `under_way`: it was sent, and the turn ended before its answer. It may have had its effect. `asked`: the server
   * asked the user to open a page first, and expects the call again.
   */
  readonly state: "answered" | "failed" | "under_way" | "asked";
}

/** What a run gives: answer text, or events of the Responses protocol. */
export type RunOutput = AsyncIterable<string | RunEvent | (RunEvent & Readonly<Record<string, unknown>>)>;

/** Something that can get its token before the run starts: what `userAccess()` returned. */
export interface Preparable {
  token(context: UserContext, options: { signal: AbortSignal }): Promise<unknown>;
}
