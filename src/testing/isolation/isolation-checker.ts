import type { EntraUser } from "../entra/directory-objects.js";
import type { Answer } from "./ask.js";
import { noncesIn, receiptsIn } from "./marks.js";
import type { Thread } from "./plan.js";
import type { IsolationFault } from "./report.js";
import type { WitnessCall } from "./witness.js";

/** A question that somebody asks. */
export interface Question {
  /** `undefined` for somebody who comes without a user token. */
  readonly user: EntraUser | undefined;
  /** From 1. */
  readonly turn: number;
  readonly stream: boolean;
  readonly thread: Thread;
  /** It came with a token for some resource, which that resource's server could have sent on. */
  readonly replayed: boolean;
  readonly nonce: string;
}

/** Compares every token with who asked, and every answer with who is told it, as they come. */
export interface IsolationChecker {
  /** Before a question is sent. */
  asks(question: Question): void;
  /** Returns whether the answer is whole and shows that it is the asker's. */
  answered(question: Question, answer: Answer): boolean;
  /** What somebody was told who wanted to cancel a turn of another one. */
  refused(question: Question, text: string): void;
  /** Somebody's turn was cancelled by who may not. */
  cancelled(owner: EntraUser, turn: number, by: string): void;
  /** What reached the witness after the last answer. */
  finish(): void;
  /** Each once: a call that is sent again, or a session of many calls, is one fault. */
  readonly faults: readonly IsolationFault[];
  readonly tokensChecked: number;
  readonly answersChecked: number;
}

export interface IsolationCheckerOptions {
  /** All that the emulator knows. */
  readonly users: readonly EntraUser[];
  /** What reached the witness; it grows. */
  readonly calls: readonly WitnessCall[];
  /** Whether a text holds a token that the emulator has given out. */
  readonly holdsToken: (text: string) => boolean;
  readonly seed: number;
}

export function isolationChecker({
  users,
  calls,
  holdsToken,
  seed,
}: IsolationCheckerOptions): IsolationChecker {
  const questions = new Map<string, Question>();
  const receipts = new Map<string, WitnessCall>();
  const faults = new Map<string, IsolationFault>();
  let read = calls.length;
  let tokensChecked = 0;
  let answersChecked = 0;

  const nameOf = (oid: string | undefined): string =>
    oid === undefined ? nobody : (users.find((user) => user.oid === oid)?.name ?? "an unknown person");
  const add = (fault: IsolationFault): void => void faults.set(fault.text, fault);

  function found(kind: IsolationFault["kind"], question: Question, what: string, whose?: string): void {
    const { user, turn, stream, thread } = question;
    const who = question.replayed ? `a server with ${nameOf(user?.oid)}'s token` : nameOf(user?.oid);
    const how = `${stream ? "streamed" : "as JSON"}, ${threads[thread]}, seed ${seed}`;
    const text = `Question ${turn} of ${who} ${what} (${how}).`;
    add({ kind, who, ...(whose === undefined ? {} : { whose }), turn, text });
  }

  function readCalls(): void {
    for (const call of calls.slice(read)) {
      if (call.receipt !== undefined) receipts.set(call.receipt, call);
      aboutSession(call);
      aboutToken(call);
    }
    read = calls.length;
  }

  /** A session belongs to who opened it, whatever is done in it. */
  function aboutSession({ oid, sessionOf }: WitnessCall): void {
    if (oid === undefined || sessionOf === undefined || oid === sessionOf) return;
    const [who, whose] = [nameOf(oid), nameOf(sessionOf)];
    const text = `A call for ${who} went out in an MCP session that ${whose} had opened (seed ${seed}).`;
    add({ kind: "shared_session", who, whose, text });
  }

  function aboutToken({ token, oid, nonces, method, replayed }: WitnessCall): void {
    const nobodys = nobodysTokens[token];
    if (nobodys !== undefined) {
      const text = `The MCP server was called (${method}) with ${nobodys} (seed ${seed}).`;
      add({ kind: "wrong_token", who: "the agent", text });
    }
    if (token === "none") return;
    for (const question of nonces.flatMap((nonce) => questions.get(nonce) ?? [])) {
      tokensChecked += 1;
      if (oid === undefined) continue;
      if (oid === question.user?.oid) {
        if (question.replayed && replayed !== true)
          found("replayed_token", question, "reached the MCP server with another token of that person");
        continue;
      }
      const whose = nameOf(oid);
      found("wrong_token", question, `reached the MCP server with ${whose}'s token`, whose);
    }
  }

  function aboutAnswer(question: Question, text: string): void {
    const own = question.user?.oid;
    const told = new Set<string | undefined>([own]);
    const toldOf = (oid: string | undefined, what: (whose: string) => string): void => {
      if (told.has(oid)) return;
      told.add(oid);
      found("wrong_answer", question, what(nameOf(oid)), nameOf(oid));
    };
    for (const call of receiptsIn(text).flatMap((receipt) => receipts.get(receipt) ?? [])) {
      if (call.oid === own && (call.replayed === true) !== question.replayed)
        found("replayed_token", question, "was answered with what another token of that person had fetched");
      toldOf(call.oid, (whose) => `was answered with what the MCP server told ${whose}`);
    }
    for (const { user } of noncesIn(text).flatMap((nonce) => questions.get(nonce) ?? [])) {
      toldOf(user?.oid, (whose) => `was answered with a question of ${whose}`);
    }
    for (const { oid } of users) {
      if (text.includes(oid)) toldOf(oid, (whose) => `was answered with the object id of ${whose}`);
    }
    if (holdsToken(text)) found("token_shown", question, "was answered with a token in the text");
  }

  function isItsOwn({ user }: Question, { complete, text }: Answer): boolean {
    if (user === undefined || !complete) return false;
    return text.includes(user.oid) || receiptsIn(text).some((one) => receipts.get(one)?.oid === user.oid);
  }

  return {
    asks: (question) => void questions.set(question.nonce, question),
    answered(question, answer) {
      readCalls();
      aboutAnswer(question, answer.text);
      const isChecked = isItsOwn(question, answer);
      if (isChecked) answersChecked += 1;
      return isChecked;
    },
    refused(question, text) {
      readCalls();
      aboutAnswer(question, text);
    },
    cancelled({ name }, turn, by) {
      const text = `Question ${turn} of ${name} was cancelled by ${by} (seed ${seed}).`;
      add({ kind: "cancelled_turn", who: by, whose: name, turn, text });
    },
    finish: readCalls,
    get faults() {
      return [...faults.values()];
    },
    get tokensChecked() {
      return tokensChecked;
    },
    get answersChecked() {
      return answersChecked;
    },
  };
}

/** Good tokens that stand for no person here. */
const nobodysTokens: Readonly<Partial<Record<WitnessCall["token"], string>>> = {
  application: "an application's token",
  other_audience: "a token for another server, such as the user token itself",
};

const nobody = "somebody without a user token";

const threads: Readonly<Record<Thread, string>> = {
  new: "in a conversation of its own",
  own: "going on from an earlier response",
  shared: "in a conversation shared with others",
  other: "going on from another person's response",
  stranger: "in a conversation shared with others",
};
