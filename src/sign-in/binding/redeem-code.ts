import type { SeenGrant } from "../grants/grant.js";
import { allows, readPin, type Pin } from "../grants/pin.js";
import type { SignInContext } from "../sign-in-context.js";
import { chatTexts } from "./chat-texts.js";
import { codeDigest, looksOurs, sameDigest } from "./code.js";
import { countTry, dropCode, maxTries, readPending, type Waiting, waitingOf } from "./pending.js";
import type { Question, SeenQuestion } from "./question.js";
import { accept } from "./redeem-answer.js";
import {
  type Chat,
  confirmAgain,
  confirmation,
  isOver,
  lookAtGrant,
  type Redeemed,
  refused,
} from "./redeemed.js";

/** What a code needs from the store beside its question. */
export interface SeenForCode {
  readonly waiting: readonly Waiting[];
  readonly record: SeenGrant;
  readonly pinned: Pin;
}

export async function lookForCode(chat: Chat): Promise<SeenForCode> {
  const { service, owner } = chat;
  const [waiting, record, pinned] = await Promise.all([
    waitingOf(service.core, owner).read(),
    lookAtGrant(chat),
    readPin(service.core, owner),
  ]);
  return { waiting, record, pinned };
}

/** Compares what was typed with the codes that are waited for, and asks whether the account is the user's. */
export async function redeemTyped(
  chat: Chat,
  asked: SeenQuestion | undefined,
  codes: readonly string[],
  seen?: SeenForCode,
): Promise<Redeemed> {
  const { service, owner, questions } = chat;
  const { core } = service;
  const { waiting, record, pinned } = seen ?? (await lookForCode(chat));
  if (waiting.length === 0)
    return codes.some(looksOurs) ? refused("nothing_waiting") : { status: "not_a_code" };
  const [only] = waiting.length === 1 ? waiting : [];
  const [{ found, triesLeft }, onlyPending] = await Promise.all([
    findWaiting(core, owner, waiting, codes),
    only && readPending(core, owner, only),
  ]);
  if (found === undefined && triesLeft === undefined) return refused("too_many_tries");
  if (found === undefined) return wrongCode(triesLeft ?? 0, codes);
  if (asked?.question.id === found.id) return askAgain(chat, asked);
  if (found.expiresAt <= core.now()) return refused("expired");
  const pending = only === undefined ? await readPending(core, owner, found) : onlyPending;
  if (pending === undefined || (await isOver(chat, pending, record))) return refused("expired");
  const { account } = pending.arrived;
  if (!allows(pinned, account)) return refused("other_account");
  const question: Question = {
    id: found.id,
    // The chat has said yes to this account before.
    state: pinned !== undefined ? "yes" : "asked",
    generation: pending.generation,
    account,
    serverLabel: pending.ticket.serverLabel,
    ticketId: pending.ticket.id,
  };
  const asking = (await questions.ask(question, asked)) ?? (await questions.read());
  if (asking?.question.id !== found.id) return refused("expired");
  const dropped = dropCode(core, owner, found).catch(() => undefined);
  if (asking.question.state !== "asked") {
    await dropped;
    return askAgain(chat, asking);
  }
  const [said] = await Promise.all([confirmation(chat, asking.question, "confirm"), dropped]);
  return said;
}

/** The code of a question that was asked: typed the first time, or again because the answer was lost. */
async function askAgain(chat: Chat, asked: SeenQuestion): Promise<Redeemed> {
  const { question } = asked;
  if (question.state === "yes" || question.state === "failed") return accept(chat, asked);
  if (question.state !== "asked" || (await isOver(chat, question))) return refused("expired");
  return confirmAgain(chat, asked, "confirm");
}

/**
 * Counts the tries before it compares, so that parallel tries cannot exceed the limit: each code in a message is one,
 * and of several none is compared.
 */
async function findWaiting(
  core: SignInContext,
  owner: string,
  waiting: readonly Waiting[],
  codes: readonly string[],
): Promise<{ readonly found: Waiting | undefined; readonly triesLeft: number | undefined }> {
  const digest = codes.length === 1 ? codeDigest(codes[0] ?? "") : "";
  let found: Waiting | undefined;
  let triesLeft: number | undefined;
  for (const ticketId of new Set(waiting.map((one) => one.ticketId))) {
    let tries = 0;
    for (let n = 0; n < codes.length && tries <= maxTries; n += 1)
      tries = await countTry(core, owner, ticketId);
    if (tries > maxTries) continue;
    triesLeft = Math.max(triesLeft ?? 0, maxTries - tries);
    for (const one of waiting) {
      // All of them, also after a match, so that the time it takes tells nothing.
      if (one.ticketId === ticketId && sameDigest(one.digest, digest)) found = one;
    }
  }
  return { found, triesLeft };
}

function wrongCode(triesLeft: number, codes: readonly string[]): Redeemed {
  const say =
    codes.length === 1
      ? chatTexts.wrong_code(triesLeft, codes.every(looksOurs))
      : chatTexts.several_codes(triesLeft);
  return { status: "wrong_code", triesLeft, say };
}
