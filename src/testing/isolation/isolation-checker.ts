import type { EntraUser } from "../entra/directory-objects.js";
import type { Answer } from "./ask.js";
import { noncesIn, receiptsIn } from "./marks.js";
import type { Thread } from "./plan.js";
import type { IsolationFault } from "./report.js";
import { asking, type WitnessCall } from "./witness.js";

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
  readonly elicitationsChecked: number;
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

/** What has been compared so far. */
interface Checked extends IsolationCheckerOptions {
  /** By nonce. */
  readonly questions: Map<string, Question>;
  readonly receipts: Map<string, WitnessCall>;
  /** By text: a fault that is found again is the same one. */
  readonly faults: Map<string, IsolationFault>;
  /** How many of `calls` have been looked at. */
  read: number;
  tokensChecked: number;
  answersChecked: number;
  elicitationsChecked: number;
}

export function isolationChecker(options: IsolationCheckerOptions): IsolationChecker {
  const checked: Checked = {
    ...options,
    questions: new Map(),
    receipts: new Map(),
    faults: new Map(),
    read: options.calls.length,
    tokensChecked: 0,
    answersChecked: 0,
    elicitationsChecked: 0,
  };
  return {
    asks: (question) => void checked.questions.set(question.nonce, question),
    answered(question, answer) {
      readCalls(checked);
      checkAnswer(checked, question, answer.text);
      const isChecked = isItsOwn(checked, question, answer);
      if (isChecked) checked.answersChecked += 1;
      return isChecked;
    },
    refused(question, text) {
      readCalls(checked);
      checkAnswer(checked, question, text);
    },
    cancelled({ name }, turn, by) {
      const text = `Question ${turn} of ${name} was cancelled by ${by} (seed ${checked.seed}).`;
      add(checked, { kind: "cancelled_turn", who: by, whose: name, turn, text });
    },
    finish: () => readCalls(checked),
    get faults() {
      return [...checked.faults.values()];
    },
    get tokensChecked() {
      return checked.tokensChecked;
    },
    get answersChecked() {
      return checked.answersChecked;
    },
    get elicitationsChecked() {
      return checked.elicitationsChecked;
    },
  };
}

function readCalls(checked: Checked): void {
  for (const call of checked.calls.slice(checked.read)) {
    if (call.receipt !== undefined) checked.receipts.set(call.receipt, call);
    if (call.method === asking && call.oid === call.sessionOf) checked.elicitationsChecked += 1;
    checkSession(checked, call);
    checkToken(checked, call);
  }
  checked.read = checked.calls.length;
}

/** A session belongs to the user who opened it, whatever is done in it. */
function checkSession(checked: Checked, { oid, sessionOf }: WitnessCall): void {
  if (oid === undefined || sessionOf === undefined || oid === sessionOf) return;
  const [who, whose] = [nameOf(checked, oid), nameOf(checked, sessionOf)];
  const text = `A call for ${who} went out in an MCP session that ${whose} had opened (seed ${checked.seed}).`;
  add(checked, { kind: "shared_session", who, whose, text });
}

function checkToken(checked: Checked, { token, oid, nonces, method, replayed }: WitnessCall): void {
  const impersonal = impersonalTokens[token];
  if (impersonal !== undefined) {
    const text = `The MCP server was called (${method}) with ${impersonal} (seed ${checked.seed}).`;
    add(checked, { kind: "wrong_token", who: "the agent", text });
  }
  if (token === "none") return;
  for (const question of nonces.flatMap((nonce) => checked.questions.get(nonce) ?? [])) {
    checked.tokensChecked += 1;
    if (oid === undefined) continue;
    if (oid === question.user?.oid) {
      if (question.replayed && replayed !== true)
        found(
          checked,
          "replayed_token",
          question,
          "reached the MCP server with another token of that person",
        );
      continue;
    }
    const whose = nameOf(checked, oid);
    found(checked, "wrong_token", question, `reached the MCP server with ${whose}'s token`, whose);
  }
}

function checkAnswer(checked: Checked, question: Question, text: string): void {
  const own = question.user?.oid;
  const told = new Set<string | undefined>([own]);
  const toldOf = (oid: string | undefined, what: (whose: string) => string): void => {
    if (told.has(oid)) return;
    told.add(oid);
    const whose = nameOf(checked, oid);
    found(checked, "wrong_answer", question, what(whose), whose);
  };
  for (const call of receiptsIn(text).flatMap((receipt) => checked.receipts.get(receipt) ?? [])) {
    if (call.oid === own && (call.replayed === true) !== question.replayed)
      found(
        checked,
        "replayed_token",
        question,
        "was answered with what another token of that person had fetched",
      );
    toldOf(call.oid, (whose) => `was answered with what the MCP server told ${whose}`);
  }
  for (const { user } of noncesIn(text).flatMap((nonce) => checked.questions.get(nonce) ?? [])) {
    toldOf(user?.oid, (whose) => `was answered with a question of ${whose}`);
  }
  for (const { oid } of checked.users) {
    if (text.includes(oid)) toldOf(oid, (whose) => `was answered with the object id of ${whose}`);
  }
  if (checked.holdsToken(text))
    found(checked, "token_shown", question, "was answered with a token in the text");
}

function isItsOwn({ receipts }: Checked, { user }: Question, { complete, text }: Answer): boolean {
  if (user === undefined || !complete) return false;
  return text.includes(user.oid) || receiptsIn(text).some((one) => receipts.get(one)?.oid === user.oid);
}

function found(
  checked: Checked,
  kind: IsolationFault["kind"],
  question: Question,
  what: string,
  whose?: string,
): void {
  const { user, turn, stream, thread } = question;
  const name = nameOf(checked, user?.oid);
  const who = question.replayed ? `a server with ${name}'s token` : name;
  const how = `${stream ? "streamed" : "as JSON"}, ${threads[thread]}, seed ${checked.seed}`;
  const text = `Question ${turn} of ${who} ${what} (${how}).`;
  add(checked, { kind, who, whose, turn, text });
}

function add({ faults }: Checked, fault: IsolationFault): void {
  faults.set(fault.text, fault);
}

function nameOf({ users }: Checked, oid: string | undefined): string {
  if (oid === undefined) return nobody;
  return users.find((user) => user.oid === oid)?.name ?? "an unknown person";
}

/** Good tokens that stand for no person. */
const impersonalTokens: Readonly<Partial<Record<WitnessCall["token"], string>>> = {
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
