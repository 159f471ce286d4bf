import { setTimeout as sleep } from "node:timers/promises";
import type { EntraUser } from "../entra/directory-objects.js";
import type { Answered, Conversation } from "./conversation.js";
import type { IsolationChecker } from "./isolation-checker.js";
import type { PlannedTurn } from "./plan.js";
import type { Troubles } from "./troubles.js";

/** Everybody who asks, in the three parts of a check. Each part ends when all of its questions have. */
export interface People {
  /** The first question of each. Returns why, if nobody was answered. */
  allAtOnce(): Promise<readonly Silence[]>;
  /** The rest of the plan, each at their own pace. */
  plannedTurns(): Promise<void>;
  /** All is well again: now everybody has to be answered. Returns who was not. */
  lastTurns(): Promise<readonly Silence[]>;
}

/** A question that was not answered, or not so that one sees whose answer it is. */
export interface Silence {
  readonly who: string;
  readonly turn: number;
  /** What came instead; "" for an answer that shows nothing. */
  readonly outcome: string;
}

export interface PeopleOptions {
  readonly users: readonly EntraUser[];
  /** A row of turns for each of them. */
  readonly plan: readonly (readonly PlannedTurn[])[];
  readonly userToken: (user: EntraUser) => Promise<string>;
  readonly conversation: Conversation;
  readonly judge: IsolationChecker;
  readonly troubles: Troubles;
}

/** How long an agent may take until it serves everybody again. */
const recoveryMs = 10_000;

const lastTurn: PlannedTurn = { pauseMs: 0, stream: true, thread: "new", renew: true, readMs: 0 };

export function people({ users, plan, userToken, conversation, judge, troubles }: PeopleOptions): People {
  const parts = users.map((user, n) => ({ user, turns: [...(plan[n] ?? []).entries()] }));

  /** One person's part of the plan. Ends with the first fault, whoever finds it. */
  async function talk(user: EntraUser, turns: (typeof parts)[number]["turns"]): Promise<Answered[]> {
    const answers: Answered[] = [];
    let token = await userToken(user);
    for (const [turn, how] of turns) {
      await sleep(how.pauseMs);
      if (judge.faults.length > 0) break;
      if (how.renew) token = await userToken(user);
      await troubles.before(user, how.trouble);
      answers.push(await conversation.ask(user, turn + 1, how, token));
    }
    return answers;
  }

  /** Asks again until every wait is over. */
  async function lastQuestion(user: EntraUser, turn: number): Promise<Silence[]> {
    const until = Date.now() + recoveryMs;
    while (judge.faults.length === 0) {
      const { answer, isItsOwn } = await conversation.ask(user, turn, lastTurn, await userToken(user));
      if (isItsOwn) break;
      if (Date.now() > until) return [{ who: user.name, turn, outcome: answer.outcome }];
      await sleep(250);
    }
    return [];
  }

  return {
    async allAtOnce() {
      const answers = (await allOf(parts.map(({ user, turns }) => talk(user, turns.slice(0, 1))))).flat();
      if (answers.some(({ isItsOwn }) => isItsOwn)) return [];
      return [{ who: "everybody", turn: 1, outcome: answers[0]?.answer.outcome ?? "" }];
    },
    async plannedTurns() {
      await allOf(parts.map(({ user, turns }) => talk(user, turns.slice(1))));
    },
    lastTurns: async () =>
      (await allOf(parts.map(({ user, turns }) => lastQuestion(user, turns.length + 1)))).flat(),
  };
}

/** Waits for all of them, also where one fails: nobody talks on when the check is over. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
