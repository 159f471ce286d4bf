import type { Account } from "../grants/grant.js";
import { isSame } from "../grants/record-changes.js";
import type { SignInContext } from "../sign-in-context.js";
import { ownerRoom, placeIn, type OwnerRoom, type Seen } from "./owner-room.js";
import { pendingLimits } from "./pending.js";
import type { WaitingMessages } from "./prompt.js";

/** What a chat was asked after the right code, and how far the answer has been carried out. */
export interface Question {
  /** Of the sign-in. The same code, typed again after a failure, finds its question by it. */
  readonly id: string;
  readonly state: QuestionState;
  /** The principal's generation when the user came back from Entra. After a sign-out the question does not count. */
  readonly generation: number;
  readonly account: Account;
  readonly serverLabel: string;
  /** The link of the sign-in that the yes stores, which waits under the question's id. Absent once it is stored. */
  readonly ticketId?: string | undefined;
  /** The interrupted messages, once a turn was given the newest one, and the names of those that a cancel drops. */
  readonly messages?: WaitingMessages | undefined;
  /** Why it was refused. */
  readonly reason?: string | undefined;
  /** Of the `given` that a process wrote: it takes back its own only. */
  readonly turn?: string | undefined;
}

/**
 * `asked`: there is no answer yet. `yes`: it is being carried out, or that was cut off. `refused`: it is over. `given`: the
 * account is connected and a turn answers the interrupted message, as far as is known. `told`: so, and the user was told
 * that the answer may be lost. `failed`: that turn has failed, and a yes gives the message to another one.
 */
export type QuestionState = "asked" | "yes" | "refused" | "given" | "told" | "failed";

/** A question as it was read. */
export interface SeenQuestion {
  readonly question: Question;
  readonly seen: Seen;
}

/** The questions of one chat. Every change is made to exactly what was read. */
export interface Questions {
  read(): Promise<SeenQuestion | undefined>;
  /**
   * Asks, in place of what was asked before. The yes is to the account that was named last. `undefined` when another
   * process asked at the same time.
   */
  ask(question: Question, asked?: SeenQuestion): Promise<SeenQuestion | undefined>;
  /** `undefined` when another process was faster. */
  change(asked: SeenQuestion, to: Question, ttlMs?: number): Promise<SeenQuestion | undefined>;
  remove(asked: SeenQuestion): Promise<void>;
  /** The same, where a failure does not matter: what it leaves behind answers one more message, and expires. */
  end(asked: SeenQuestion): Promise<void>;
}

/** How long the chat waits for an answer, or for it to be repeated after a failure. */
const answerMs = 5 * 60_000;
/** As long as a turn may take. */
export const givenMs: number = 30 * 60_000;
/** Some questions are said again for a while before they are answered, and then wait for their turn. */
const listMs = 2 * givenMs;
/** How long what ended a question is said again, in case it was lost. After another message it is not. */
export const repeatMs: number = 60_000;

/**
 * After a sign-out no question, or none about this account, holds a message or a refresh token. They stay: their
 * answers are still not for the model, and are refused.
 */
export async function dropQuestions(
  core: SignInContext,
  owner: string,
  account?: Pick<Account, "tid" | "oid">,
): Promise<void> {
  const room = roomOf(core, owner);
  for (const name of await room.names()) {
    const seen = await room.look(name);
    const question = seen?.value as Question | undefined;
    if (seen === undefined || question === undefined) continue;
    if (account !== undefined && !isSame(question.account, account)) continue;
    const isOpen = question.state === "asked" || question.state === "yes";
    const over = isOpen ? question : { ...question, state: "refused", reason: "expired" };
    await room.swap(name, seen, { ...over, ticketId: undefined, messages: undefined }, answerMs);
  }
}

/** The messages that the questions of a principal hold: a turn was given them, or a cancel named them. */
export async function messagesOfQuestions(
  core: SignInContext,
  owner: string,
): Promise<readonly WaitingMessages[]> {
  const room = roomOf(core, owner);
  const all: WaitingMessages[] = [];
  for (const name of await room.names()) {
    const question = (await room.look(name))?.value as Question | undefined;
    if (question?.messages !== undefined) all.push(question.messages);
  }
  return all;
}

function roomOf(core: SignInContext, owner: string): OwnerRoom {
  return ownerRoom(core, owner, "pending", "unconfirmed", { ...pendingLimits, ttlMs: answerMs, listMs });
}

/** The question of a principal's conversation. */
export function questionsOf(core: SignInContext, owner: string, conversation: string | undefined): Questions {
  const room = roomOf(core, owner);
  const place = placeIn(conversation);
  const read = (seen: Seen | undefined): SeenQuestion | undefined => {
    const question = seen?.value as Question | undefined;
    return seen === undefined || question === undefined ? undefined : { question, seen };
  };
  return {
    read: async () => read(await room.look(place)),
    ask: async (question, asked) => read(await room.keep(place, question, asked?.seen)),
    change: async ({ seen }, to, ttlMs = answerMs) => read(await room.swap(place, seen, to, ttlMs)),
    remove: ({ seen }) => room.remove(place, seen),
    end: ({ seen }) => room.remove(place, seen).catch(() => undefined),
  };
}
