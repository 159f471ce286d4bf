import type { WaitingMessages } from "./prompt.js";

/**
 * Everything that sign-in says in a chat. The words that people can answer with are in `answer.ts`, and those of the
 * pages in `pages/`.
 */
export const chatTexts = {
  nothing_waiting:
    "That looks like a sign-in code, but this chat is not waiting for one. A code works for five minutes and once. Type a code only into your own chat, where you were asked to sign in; send your message again to get a new link.",
  expired: "That code has expired or was used before. Send your message again to get a new link.",
  too_many_tries: "There were too many wrong codes. Send your message again to get a new link.",
  other_account:
    "This chat is connected to another account and keeps to it. Disconnect that account first, then sign in again.",
  declined:
    "All right, nothing was connected. To use another account, send your message again to get a new link.",
  answered_before:
    'You answered "yes" before. If that connected an account that is not yours, disconnect it on the connections page.',
  on_its_way: (account: string): string =>
    `Connected as ${account}. Your message was on its way. If no answer comes, send it again.`,
  nearly:
    'That is not a whole code. Copy all nine characters from the sign-in page and send nothing else. This was not counted as a try, and it was not passed on. If you did not mean a code, answer "cancel" to leave the sign-in, and send your message again.',
  cancelled: (waiting: WaitingMessages | undefined): string =>
    joined(
      "All right, the sign-in was cancelled and nothing was connected.",
      waiting && notRun(titlesIn(waiting)),
    ),
  wrong_code: (triesLeft: number, fits: boolean): string =>
    joined(
      fits
        ? "That code is not right. It is of an earlier sign-in or of another chat."
        : "That code is not right. There is a mistake in it.",
      next(triesLeft, "Use the code of the newest sign-in page"),
    ),
  several_codes: (triesLeft: number): string =>
    joined(
      "There is more than one code in your message, so none was used.",
      next(triesLeft, "Send only the one on the newest sign-in page"),
    ),
  confirm: (asked: AskedOf, waiting: WaitingMessages | undefined): string =>
    joined(
      `Is ${asked.account} your account? Answer "yes", and ${asked.agent} will use ${asked.serverLabel} as this account whenever you ask here. Answer "no" if it is not yours, or "cancel" to leave the sign-in.`,
      waiting && willRun(waiting),
    ),
  /** An ordinary message while the question is open. */
  confirm_first: (asked: AskedOf, waiting: WaitingMessages | undefined): string =>
    `Your message was not passed on, because a question is open here. ${chatTexts.confirm(asked, waiting)} Then send your message again.`,
  bound: (account: string, waiting: WaitingMessages | undefined): string =>
    joined(`Connected as ${account}.`, waiting && nowRuns(waiting)),
} as const;

/** What the question names. */
interface AskedOf {
  readonly account: string;
  readonly agent: string;
  readonly serverLabel: string;
}

function joined(...sentences: readonly (string | undefined)[]): string {
  return sentences.filter((sentence) => sentence !== undefined && sentence !== "").join(" ");
}

function next(triesLeft: number, advice: string): string {
  if (triesLeft === 0) return "Send your message again to get a new link.";
  return `${advice}; ${triesLeft === 1 ? "1 try is left" : `${triesLeft} tries are left`}.`;
}

function willRun(waiting: WaitingMessages): string {
  return waiting.prompt === undefined
    ? notKept(waiting)
    : joined(`After the "yes", ${quoted(waiting.title)} is answered.`, notRun(waiting.earlier));
}

function nowRuns(waiting: WaitingMessages): string {
  return waiting.prompt === undefined
    ? notKept(waiting)
    : joined(`Answering ${quoted(waiting.title)} now.`, notRun(waiting.earlier));
}

/** The newest message was too long to be kept. */
function notKept({ title, earlier }: WaitingMessages): string {
  return joined(`${quoted(title)} is too long to be kept: send it again after the sign-in.`, notRun(earlier));
}

function notRun(titles: readonly string[]): string | undefined {
  if (titles.length === 0) return undefined;
  const names = titles.map(quoted).join(", ");
  return titles.length === 1
    ? `${names} also waited and is not answered: send it again if you still want it.`
    : `${names} also waited and are not answered: send them again if you still want them.`;
}

function titlesIn({ title, earlier }: WaitingMessages): readonly string[] {
  return [...earlier, title];
}

function quoted(title: string): string {
  return title === "" ? "your message without text" : `“${title}”`;
}
