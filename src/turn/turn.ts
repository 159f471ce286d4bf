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
}

/** What a run gives: answer text, or events of the Responses protocol. */
export type RunOutput = AsyncIterable<string | RunEvent>;

/** Something that can get its token before the run starts: what `userAccess()` returned. */
export interface Preparable {
  token(context: UserContext, options: { signal: AbortSignal }): Promise<unknown>;
}
