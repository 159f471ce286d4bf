import type { Answer } from "./answer.js";
import type { SeenGrant } from "../grants/grant.js";
import type { SeenText } from "../grants/sealed-cell.js";
import { bind, type Bound } from "./bind.js";
import { chatTexts } from "./chat-texts.js";
import { dropHeld, dropWaiting, type Pending, readHeld, type WaitedFor } from "./pending.js";
import { type KeptMessages, readMessages, together, type WaitingMessages } from "./prompt.js";
import { givenMs, type Question, repeatMs, type SeenQuestion } from "./question.js";
import {
  type Chat,
  confirmAgain,
  connected,
  isOver,
  lookAtGrant,
  nameOf,
  type Redeemed,
  refused,
  type RefusedCode,
  refusedCodes,
} from "./redeemed.js";

export function isGiven({ state }: Question): boolean {
  return state === "given" || state === "told";
}

export function isOpen({ state }: Question): boolean {
  return state === "asked" || state === "yes";
}

/** Leaves a sign-in before its code was typed. Its question counts as one that was asked and cancelled. */
export function cancelCode(
  chat: Chat,
  asked: SeenQuestion | undefined,
  { id, pending }: WaitedFor,
): Promise<Redeemed> {
  const { generation, ticket, arrived } = pending;
  const question = { id, generation, account: arrived.account, serverLabel: ticket.serverLabel };
  const before = asked?.question.state === "refused" ? asked.question.messages : undefined;
  return cancel(chat, before, (messages) =>
    chat.questions.ask({ ...question, state: "refused", reason: "cancelled", messages }, asked),
  );
}

/** Ends the question before anything is dropped: a cancel that is cut off in between can be repeated. */
async function cancel(
  chat: Chat,
  before: WaitingMessages | undefined,
  end: (messages: WaitingMessages | undefined) => Promise<SeenQuestion | undefined>,
): Promise<Redeemed> {
  const kept = await readMessages(chat.service.core, chat.owner, chat.conversation);
  const waiting = together(kept?.messages, before);
  const named = waiting && { title: waiting.title, earlier: waiting.earlier };
  return (await end(named)) === undefined ? another(chat, "cancel") : leave(chat, named);
}

/** Drops the messages that wait in this conversation, and what waits for a code. */
async function leave(chat: Chat, named: WaitingMessages | undefined): Promise<Redeemed> {
  const { core } = chat.service;
  await (await readMessages(core, chat.owner, chat.conversation))?.remove();
  await dropWaiting(core, chat.owner);
  return { status: "refused", reason: "cancelled", say: chatTexts.cancelled(named) };
}

/** Reads an answer to a question that was asked, or an ordinary message after it (`answer` is `undefined`). */
export async function redeemAnswer(
  chat: Chat,
  asked: SeenQuestion,
  answer: Answer | undefined,
  seen?: SeenForYes,
): Promise<Redeemed> {
  const { question } = asked;
  // While a turn answers, "stop" is for the agent.
  if (answer === undefined || (answer === "cancel" && isGiven(question))) {
    if (isOpen(question) && !(await isOver(chat, question)))
      return confirmAgain(chat, asked, "confirm_first");
    // The answer has reached the user, who has moved on: a later yes is about something else.
    if (!isOpen(question) && question.state !== "given") await chat.questions.end(asked);
    return { status: "not_a_code" };
  }
  if (question.state === "refused") return refusedAgain(chat, question, answer);
  if (isGiven(question)) return tellOfGiven(chat, asked);
  return answer === "yes" ? accept(chat, asked, seen) : decline(chat, asked, answer);
}

/** What ended the question, in case that was lost. A cancel that was cut off goes on. */
async function refusedAgain(chat: Chat, { reason, messages }: Question, answer: Answer): Promise<Redeemed> {
  const code = refusedCodes.find((one) => one === reason) ?? "expired";
  if (code !== "cancelled") return refused(code);
  if (answer === "cancel") return leave(chat, messages);
  return { status: "refused", reason: code, say: chatTexts.cancelled(messages) };
}

/** Nobody knows whether its turn still runs. The message must not be acted on twice, so the user decides. */
async function tellOfGiven({ questions }: Chat, asked: SeenQuestion): Promise<Redeemed> {
  const { question } = asked;
  if (question.state !== "told")
    await questions.change(asked, { ...question, state: "told" }, repeatMs).catch(() => undefined);
  return connected(question, givenBefore(question));
}

/** What a yes hears whose message was given to a turn before, if there was one. */
function givenBefore({ account, messages }: Question): string {
  const say = messages?.prompt === undefined ? chatTexts.bound : chatTexts.on_its_way;
  return say(nameOf(account), messages);
}

async function decline(chat: Chat, asked: SeenQuestion, answer: "no" | "cancel"): Promise<Redeemed> {
  const { question } = asked;
  if (question.state === "failed") return tellOfGiven(chat, asked);
  // Of a no and a yes at the same time one counts, and a yes may have been carried out.
  if (answer === "cancel" && question.state === "asked")
    return cancel(chat, undefined, (messages) => refuse(chat, asked, "cancelled", messages));
  const reason = question.state === "yes" ? "answered_before" : "declined";
  return (await refuse(chat, asked, reason)) === undefined ? another(chat, answer) : refused(reason);
}

/** Ends a question, and repeats the refusal for a while, in case it was lost. `undefined` when another answer was faster. */
async function refuse(
  { service, owner, questions }: Chat,
  asked: SeenQuestion,
  reason: RefusedCode,
  messages?: WaitingMessages,
): Promise<SeenQuestion | undefined> {
  const { question } = asked;
  const over = { ...question, state: "refused", reason, ticketId: undefined, messages } as const;
  const refusal = await questions.change(asked, over, repeatMs);
  // Nobody can store it any more. If this fails, it expires.
  if (refusal !== undefined && question.ticketId !== undefined)
    await dropHeld(service.core, owner, question.id).catch(() => undefined);
  return refusal;
}

/** Another answer came at the same time. What it left is what this one finds. */
async function another(chat: Chat, answer: Answer): Promise<Redeemed> {
  const asked = await chat.questions.read();
  return asked === undefined ? refused("expired") : redeemAnswer(chat, asked, answer);
}

/** What a yes needs from the store beside its question. */
export interface SeenForYes {
  readonly record: SeenGrant;
  readonly kept: KeptMessages | undefined;
}

export async function lookForYes(chat: Chat): Promise<SeenForYes> {
  const { service, owner, conversation } = chat;
  const [record, kept] = await Promise.all([
    lookAtGrant(chat),
    readMessages(service.core, owner, conversation),
  ]);
  return { record, kept };
}

/** Carries a yes out, or goes on with one that was cut off. */
export async function accept(chat: Chat, asked: SeenQuestion, before?: SeenForYes): Promise<Redeemed> {
  const { questions } = chat;
  const { question } = asked;
  // What a sign-out has emptied stores nothing, whatever its generation says.
  const isEmpty = question.ticketId === undefined && question.state !== "failed";
  const seen = before ?? (await lookForYes(chat));
  if (isEmpty || (await isOver(chat, question, seen.record))) {
    await refuse(chat, asked, "expired");
    return refused("expired");
  }
  const { core, grantsOf } = chat.service;
  const isHeld = question.ticketId !== undefined;
  const [accepted, pending, list] = await Promise.all([
    question.state === "asked" ? questions.change(asked, { ...question, state: "yes" }) : asked,
    isHeld ? readHeld(core, chat.owner, question.id) : undefined,
    isHeld ? grantsOf(core.agent).lookAtList(question.account) : undefined,
  ]);
  return accepted === undefined ? another(chat, "yes") : carryOut(chat, accepted, { ...seen, pending, list });
}

/** What carrying a yes out needs, too. */
interface SeenForAccepted extends SeenForYes {
  readonly pending: Pending | undefined;
  readonly list: SeenText | undefined;
}

/** Stores what the yes is to. A sign-out meanwhile is noticed when the grant is written. */
async function carryOut(chat: Chat, asked: SeenQuestion, seen: SeenForAccepted): Promise<Redeemed> {
  const outcome = await stored(chat, asked.question, seen);
  if (outcome === "bound") return giveMessage(chat, asked, seen.kept);
  const reason = outcome === "pinned_account" ? "other_account" : "expired";
  await refuse(chat, asked, reason);
  return refused(reason);
}

async function stored(
  chat: Chat,
  { id, ticketId }: Question,
  { record, pending, list }: SeenForAccepted,
): Promise<Bound> {
  // Stored before: what came after that was cut off, or another process carries out the same yes.
  const isStored = ({ usedBy }: SeenGrant): boolean => ticketId === undefined || usedBy(ticketId) === id;
  if (isStored(record)) return "bound";
  if (pending !== undefined)
    return bind(chat.service, pending.ticket, pending.arrived, pending.generation, { id, record, list });
  return isStored(await lookAtGrant(chat)) ? "bound" : "signed_out";
}

/** Gives the interrupted message to the turn of this yes, and to no other one. */
async function giveMessage(
  chat: Chat,
  asked: SeenQuestion,
  kept: KeptMessages | undefined,
): Promise<Redeemed> {
  const { core } = chat.service;
  const { question } = asked;
  const turn = Buffer.from(core.random(16)).toString("base64url");
  const messages = together(kept?.messages, question.messages);
  // Without a message there is no turn whose end anybody tells.
  const [state, ttlMs] =
    messages?.prompt === undefined ? ["told" as const, repeatMs] : ["given" as const, givenMs];
  const given: Question = { ...question, state, ticketId: undefined, messages, turn };
  try {
    const [changed] = await Promise.all([
      chat.questions.change(asked, given, ttlMs),
      // It is stored, and the grant says by which question. If this fails, it expires.
      question.ticketId && dropHeld(core, chat.owner, question.id).catch(() => undefined),
    ]);
    if (changed === undefined) return connected(question, givenBefore(given));
    await kept?.remove();
  } catch (cause) {
    await takeBack(chat, given).catch(() => undefined);
    throw cause;
  }
  return {
    ...connected(question, chatTexts.bound(nameOf(question.account), messages)),
    prompt: messages?.prompt,
  };
}

/**
 * A write that failed may have happened, or still happen: the message was given to nobody all the same. What is there
 * is written anew, because a late write finds only what it was made for.
 */
async function takeBack({ questions }: Chat, { id, turn }: Question): Promise<void> {
  for (let tries = 0; tries < 2; tries += 1) {
    const asked = await questions.read();
    if (asked?.question.id !== id) return;
    const { question } = asked;
    const isLate = question.state === "yes" || question.state === "failed";
    if (!isLate && question.turn !== turn) return;
    const back: Question = isLate ? question : { ...question, state: "failed" };
    if ((await questions.change(asked, back)) !== undefined) return;
  }
}
