import type { Account, SeenGrant } from "../grants/grant.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { chatTexts } from "./chat-texts.js";
import { readMessages } from "./prompt.js";
import type { Question, Questions, SeenQuestion } from "./question.js";

/**
 * What the user's newest message was for sign-in. Only a `not_a_code` goes on to the model. For the others show `say`
 * instead, and after `bound` run `prompt`.
 * @group Sign-in
 */
export type Redeemed =
  /** An ordinary message. */
  | { readonly status: "not_a_code" }
  /** A mistyped code, or a part of one, while a code is waited for. It was not compared, and costs no try. */
  | { readonly status: "nearly_a_code"; readonly say: string }
  /** A code that is not waited for, or several: none of them was used. */
  | { readonly status: "wrong_code"; readonly triesLeft: number; readonly say: string }
  /** The code was right, or the question is still open. The user has to confirm that the account is theirs. */
  | {
      readonly status: "confirm";
      readonly account: Account;
      readonly serverLabel: string;
      readonly say: string;
    }
  /** The account is connected. `prompt`: the message that the sign-in interrupted, if it was kept. */
  | {
      readonly status: "bound";
      readonly account: Account;
      readonly serverLabel: string;
      readonly say: string;
      readonly prompt?: string | undefined;
    }
  | { readonly status: "refused"; readonly reason: RefusedCode; readonly say: string };

/** All reasons for a refusal. The sign-in service's answers are checked against this list. */
export const refusedCodes = [
  "nothing_waiting",
  "expired",
  "too_many_tries",
  "other_account",
  "declined",
  "answered_before",
  "cancelled",
] as const;

/**
 * Why a code or an answer was refused. It stored nothing and connected no account. `nothing_waiting`: it looks like
 * a code, but this chat expects none. `other_account`: the chat is pinned to another account. `declined`: the user
 * said no. `answered_before`: a no after a yes, which may have connected the account. `cancelled`: the user has left
 * the sign-in, and the messages that waited are dropped.
 * @group Sign-in
 */
export type RefusedCode = (typeof refusedCodes)[number];

/** A chat in which a message is read. */
export interface Chat {
  readonly service: SignInInternals;
  readonly owner: string;
  readonly conversation: string | undefined;
  readonly questions: Questions;
}

/** A question that is said again lives as long again: its answer is not for the model. */
export async function confirmAgain(
  chat: Chat,
  asked: SeenQuestion,
  how: "confirm" | "confirm_first",
): Promise<Redeemed> {
  await chat.questions.change(asked, asked.question);
  return confirmation(chat, asked.question, how);
}

/** The principal's record as it is now. */
export function lookAtGrant({ service: { core, grantsOf }, owner }: Chat): Promise<SeenGrant> {
  return grantsOf(core.agent).look(owner);
}

/** Whether the user has signed out since. */
export async function isOver(
  chat: Chat,
  { generation }: Pick<Question, "generation">,
  record?: SeenGrant,
): Promise<boolean> {
  return (record ?? (await lookAtGrant(chat))).generation !== generation;
}

export function connected({ account, serverLabel }: Question, say: string): Redeemed & { status: "bound" } {
  return { status: "bound", account, serverLabel, say };
}

export async function confirmation(
  chat: Chat,
  question: Question,
  how: "confirm" | "confirm_first",
): Promise<Redeemed> {
  const { core } = chat.service;
  const { account, serverLabel } = question;
  // It is said again after the yes, so a failure here ends nothing.
  const kept = await readMessages(core, chat.owner, chat.conversation).catch(() => undefined);
  const asked = { account: nameOf(account), agent: core.agent, serverLabel };
  const say = chatTexts[how](asked, kept?.messages);
  return { status: "confirm", account, serverLabel, say };
}

export function refused(reason: Exclude<RefusedCode, "cancelled">): Redeemed {
  return { status: "refused", reason, say: chatTexts[reason] };
}

/** The account's name for display, or its id if it has none. */
export function nameOf({ username, name, oid }: Account): string {
  return username ?? name ?? oid;
}
