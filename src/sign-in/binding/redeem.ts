import { liveInternalsOf } from "../../context/internals.js";
import { signInProof } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { answerIn } from "./answer.js";
import { chatTexts } from "./chat-texts.js";
import { looksOurs, typedCodes } from "./code.js";
import { codeWaitedFor } from "./pending.js";
import { questionsOf, repeatMs } from "./question.js";
import { cancelCode, isGiven, isOpen, lookForYes, redeemAnswer } from "./redeem-answer.js";
import { lookForCode, redeemTyped } from "./redeem-code.js";
import { type Chat, isOver, type Redeemed } from "./redeemed.js";

/** The chat of a context. `undefined` for a user known by a token: the account is compared with the token instead. */
function chatOf(service: SignInInternals, context: UserContext): Chat | undefined {
  const { principal, principalKey: owner, platform } = context;
  if (principal === undefined || owner === undefined || signInProof(principal)?.by !== "code")
    return undefined;
  const conversation = platform.conversationId;
  return { service, owner, conversation, questions: questionsOf(service.core, owner, conversation) };
}

/**
 * Reads a code, or the yes after it, from the user's newest message. Only sign-ins of the context's principal are
 * looked at. A wrong code counts against each of them, over all processes.
 *
 * Each step does its work first, and only then removes what it began with. So when the store fails in the middle, or
 * the process dies, the same message can be sent again, and is not taken for one to the model.
 */
export async function redeem(
  service: SignInInternals,
  context: UserContext,
  text: string,
): Promise<Redeemed> {
  liveInternalsOf(context);
  const chat = chatOf(service, context);
  if (chat === undefined) return { status: "not_a_code" };
  const { core, answers } = service;
  const { codes, likely, nearly } = typedCodes(text, core.agent);
  // What the message most likely needs is read with the question.
  if (codes.some(looksOurs)) {
    const [question, seen] = await Promise.all([chat.questions.read(), lookForCode(chat)]);
    return redeemTyped(chat, question, codes, seen);
  }
  const answer = answerIn(text, answers, core.agent);
  const [asked, seen] = await Promise.all([
    chat.questions.read(),
    answer === "yes" && codes.length === 0 ? lookForYes(chat) : undefined,
  ]);
  // After a sign-out the question refuses its answer, and nothing else is about it.
  const isAsked = asked !== undefined && isOpen(asked.question) && codes.length === 0;
  if (isAsked && (answer !== undefined || !(await isOver(chat, asked.question))))
    return redeemAnswer(chat, asked, answer, seen);
  const typed = [...codes, ...likely];
  const isLikeOurs = typed.length > 0 || nearly || answer === "cancel";
  // All of this is for the agent, unless a code is waited for.
  const waitedFor = isLikeOurs ? await codeWaitedFor(core, chat.owner) : undefined;
  if (waitedFor !== undefined) {
    if (typed.length > 0) return redeemTyped(chat, asked, typed);
    return nearly ? { status: "nearly_a_code", say: chatTexts.nearly } : cancelCode(chat, asked, waitedFor);
  }
  return asked === undefined ? { status: "not_a_code" } : redeemAnswer(chat, asked, answer);
}

/**
 * Ends the question of a message that was `bound`: its turn has answered the interrupted message, or has failed, and
 * then a yes gives the message to the next turn. While the answer is being sent, a yes is still about this question: the
 * process may die before the answer arrives.
 */
export async function settle(
  service: SignInInternals,
  context: UserContext,
  end: "sending" | "answered" | "failed",
): Promise<void> {
  const chat = chatOf(service, context);
  const asked = await chat?.questions.read();
  if (chat === undefined || asked === undefined || !isGiven(asked.question)) return;
  const { question } = asked;
  if (end === "failed") await chat.questions.change(asked, { ...question, state: "failed" });
  else if (end === "sending") await chat.questions.change(asked, { ...question, state: "told" }, repeatMs);
  else await chat.questions.remove(asked);
}
