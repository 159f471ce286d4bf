import { randomUUID } from "node:crypto";
import type { EntraUser } from "../entra/directory-objects.js";
import { ask, type Answer } from "./ask.js";
import type { IsolationChecker } from "./isolation-checker.js";
import { newNonce } from "./marks.js";
import type { IsolationOptions } from "./options.js";
import type { PlannedTurn } from "./plan.js";

/** Everybody's talk with the agent. */
export interface Conversation {
  /** Asks one question as it was planned. Never rejects: what goes wrong is an answer, too. */
  ask(
    user: EntraUser,
    turn: number,
    how: PlannedTurn,
    userToken: string,
    onResponse?: (responseId: string) => void,
  ): Promise<Answered>;
  readonly questions: number;
  readonly answered: number;
  /** How many are under way. */
  readonly underWay: number;
}

export interface Answered {
  readonly answer: Answer;
  /** Whether the answer is whole and shows that it is the asker's. */
  readonly isItsOwn: boolean;
}

/** Each question goes to the agent, and question and answer go to the judge. */
export function startConversation(
  {
    agent,
    prompt = (nonce) => `Who am I? (${nonce})`,
    tokenHeader = "x-client-user-token",
    timeoutMs = 10_000,
  }: IsolationOptions,
  judge: IsolationChecker,
): Conversation {
  const shared = `conv_${randomUUID().replaceAll("-", "")}`;
  const lastResponses = new Map<string, string>();
  const counts = { questions: 0, answered: 0, underWay: 0 };

  function bodyFields({ thread }: PlannedTurn, { oid }: EntraUser): Record<string, unknown> {
    if (thread === "shared" || thread === "stranger") {
      return { conversation: { id: shared }, agent_session_id: shared };
    }
    const others = [...lastResponses].filter(([whose]) => whose !== oid);
    const previous =
      thread === "own" ? lastResponses.get(oid) : thread === "other" ? others.at(-1)?.[1] : undefined;
    return previous === undefined ? {} : { previous_response_id: previous };
  }

  return {
    get questions() {
      return counts.questions;
    },
    get answered() {
      return counts.answered;
    },
    get underWay() {
      return counts.underWay;
    },
    async ask(person, turn, how, userToken, onResponse) {
      const { stream, thread, leaveAfterMs, readMs, replayed = false } = how;
      const user = thread === "stranger" ? undefined : person;
      const question = { user, turn, stream, thread, replayed, nonce: newNonce() };
      const bearer = tokenHeader.toLowerCase() === "authorization" ? `Bearer ${userToken}` : userToken;
      counts.questions += 1;
      counts.underWay += 1;
      judge.asks(question);
      const answer = await ask({
        agent,
        body: { input: prompt(question.nonce, person), stream, ...bodyFields(how, person) },
        headers: user === undefined ? {} : { [tokenHeader]: bearer },
        leaveAfterMs,
        readMs,
        timeoutMs,
        onResponse,
      });
      counts.underWay -= 1;
      if (answer.complete) counts.answered += 1;
      if (user !== undefined && answer.responseId !== undefined)
        lastResponses.set(user.oid, answer.responseId);
      return { answer, isItsOwn: judge.answered(question, answer) };
    },
  };
}
