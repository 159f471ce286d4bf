/**
 * What {@link checkIsolation} found.
 * @group Test kit
 */
export interface IsolationReport {
  /** Empty for an agent that keeps people apart. */
  readonly faults: readonly IsolationFault[];
  /** Run the same plan again with it. What the machine's own timing decides is not in it. */
  readonly seed: number;
  /** How much was asked, and how much of it was answered in full. */
  readonly questions: number;
  readonly answered: number;
  /** Tool calls whose token was compared with who asked: those that name their question. */
  readonly tokensChecked: number;
  /** Answers that showed whose data they hold. */
  readonly answersChecked: number;
  /**
   * Questions of the MCP server that were answered in the session of the call that was under way. 0 where the agent's
   * clients take no forms (`elicitation`), or hold no stream open.
   */
  readonly elicitationsChecked: number;
  /** Questions that were asked with a token for some resource, as its server could: one for each person and app. */
  readonly replaysChecked: number;
  /**
   * Turns that others tried to cancel, and did not. 0 where their own users could not cancel them either: name the
   * route in `cancelPath`, if the agent has one.
   */
  readonly cancelsChecked: number;
  /** What went wrong on purpose, and how often. */
  readonly troubles: Readonly<Record<string, number>>;
}

/**
 * Two people who were not kept apart, or something that could not be checked.
 * @group Test kit
 */
export interface IsolationFault {
  /**
   * `wrong_token`: a question reached the MCP server with another's token, or with one that is nobody's.
   * `wrong_answer`: somebody was shown what is another's. `shared_session`: a call went out in an MCP session that
   * somebody else had opened. `token_shown`: an answer holds a token. `replayed_token`: a token for some resource, which
   * that resource's server could send on, reached what is kept for the person themselves, or the other way round.
   * `cancelled_turn`: a turn was cancelled by who had not started it. `unanswered`: no answer came, or none that shows
   * whose it is, when all was well again.
   */
  readonly kind:
    | "wrong_token"
    | "wrong_answer"
    | "shared_session"
    | "token_shown"
    | "replayed_token"
    | "cancelled_turn"
    | "unanswered";
  /** Who asked, by name; "the agent" where a call is not known to be for anybody. */
  readonly who: string;
  /** Whose token, data or session it was. */
  readonly whose?: string | undefined;
  /** Which of the person's questions, from 1. */
  readonly turn?: number;
  /** All of it in a sentence, with the seed. Holds no token. */
  readonly text: string;
}
