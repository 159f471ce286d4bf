import { UserContext } from "hosted-agent-identity";
import { newCode } from "../../../src/sign-in/binding/code.js";
import type { Arrived } from "../../../src/sign-in/sign-in-internals.js";
import { project, type Agent, type Told } from "./agent.js";

/** How long a code and a question live, and how long what ended a question is said again. */
const answerMs = 5 * 60_000;
const repeatMs = 60_000;

/** What a person does next. */
export type Deed =
  | "go on"
  | "ask"
  | "say no"
  | "cancel"
  | "guess"
  | "drop a character"
  | "change a character"
  | "type two codes";

/** A process of the agent that may end. */
export interface Chat extends Pick<Agent, "say" | "open"> {
  isDead(): boolean;
}

interface Said {
  readonly text: string;
  /** What it was meant as. */
  readonly as: "question" | "code" | "nearly" | "yes" | "no" | "cancel";
  readonly since: number;
  /** Whether it is said again because nobody knows what became of it. */
  readonly isRepeated: boolean;
}

/** A person who knows only what the chat and the page have shown, and who says again what was not answered. */
export class Person {
  readonly user: string;
  readonly oid: string;
  readonly #now: () => number;
  readonly #random: (bytes: number) => Uint8Array;
  next: "ask" | "sign in" | "type the code" | "answer" = "ask";
  /** The message that got no answer, or an error. */
  again: Said | undefined;
  asked = 0;
  cards = 0;
  failures = 0;
  readonly log: string[] = [];
  #link = "";
  #code = "";
  /** Since when the code may have been made, and the question been asked. */
  #codeSince = 0;
  #questionSince = 0;
  /** Whether somebody has ended what the person is connected with since the code was made, or may have. */
  #isOut = false;
  #endings = 0;
  /** Counts the pages that were opened and that have answered. */
  #signIns = 0;
  #isAtPage = false;
  #endedAt: number | undefined;
  readonly #letPass = new Set<string>();

  constructor(
    { user, oid }: Pick<Person, "user" | "oid">,
    { now, random }: { now: () => number; random: (bytes: number) => Uint8Array },
  ) {
    [this.user, this.oid] = [user, oid];
    [this.#now, this.#random] = [now, random];
  }

  get context(): UserContext {
    return contextOf(this.user);
  }

  get lastQuestion(): string {
    return `question of ${this.user} ${this.asked}`;
  }

  get isIdle(): boolean {
    return this.next === "ask" && this.again === undefined;
  }

  /** Somebody ends what the person is connected with. The work says whether that went well. */
  async ending(work: Promise<boolean>): Promise<void> {
    const signIns = this.#signIns;
    this.#isOut = true;
    this.#endings += 1;
    const isWhole = await work;
    // A code that was made meanwhile may have been dropped as well.
    this.#isOut = true;
    this.#endings -= 1;
    // A sign-in that came back from Entra in between may count, or may not.
    if (isWhole && this.#signIns === signIns && !this.#isAtPage) this.#endedAt = this.#now();
  }

  /** Whether nothing that the person has may give a token any more: a process may use one for a minute. */
  get isEnded(): boolean {
    return this.#endedAt !== undefined && this.#now() >= this.#endedAt + repeatMs;
  }

  /** Whether the model may get this message: a question, or what nothing waits for any more. */
  mayReachModel(text: string): boolean {
    if (text.startsWith(`question of ${this.user} `)) return true;
    const isAllowed = this.#letPass.has(text) || this.#nothingWaits(text);
    // A message that the model got is the model's, also after a sign-in that it needed.
    if (isAllowed) this.#letPass.add(text);
    return isAllowed;
  }

  #nothingWaits(text: string): boolean {
    const said = this.again;
    if (said?.text !== text) return false;
    const time = this.#now();
    const isOver = time >= this.#questionSince + answerMs;
    const isForgotten = said.isRepeated && time >= said.since + repeatMs;
    switch (said.as) {
      case "yes":
        return isOver || isForgotten;
      case "no":
        return isOver || isForgotten;
      case "cancel":
      case "nearly":
        return this.#isOut || isForgotten || (isOver && time >= this.#codeSince + answerMs);
      default:
        return false;
    }
  }

  async act(agent: Chat, deed: Deed, arrived: () => Arrived): Promise<void> {
    this.#giveUp();
    const said = this.again === undefined ? this.#message(deed) : undefined;
    if (said !== undefined) return this.#say(agent, said);
    if (this.again !== undefined) return this.#say(agent, { ...this.again, isRepeated: true });
    if (this.next === "sign in") return this.#signIn(agent, arrived());
    if (this.next === "type the code") return this.#say(agent, this.#saying(this.#code, "code"));
    if (this.next === "answer") return this.#say(agent, this.#saying("yes", "yes"));
    this.asked += 1;
    return this.#say(agent, this.#saying(this.lastQuestion, "question"));
  }

  /** After a while nobody answers a question, or says an answer again. */
  #giveUp(): void {
    const time = this.#now();
    const isOld = this.again !== undefined && time >= this.again.since + repeatMs;
    if (isOld && this.again?.as !== "question" && this.again?.as !== "code")
      [this.next, this.again] = ["ask", undefined];
    if (this.next === "answer" && time >= this.#questionSince + answerMs)
      [this.next, this.again] = ["ask", undefined];
  }

  /** What the deed says, if it is the time for it. */
  #message(deed: Deed): Said | undefined {
    const isAsked = this.next === "answer";
    const hasCode = this.next === "type the code" || isAsked;
    // After a sign-out no code is waited for. The question still takes its answer.
    const isCodeWaitedFor =
      this.next === "type the code" && !this.#isOut && this.#now() < this.#codeSince + answerMs;
    const [first = "", second = "", third = ""] = this.#code.split("-");
    switch (deed) {
      case "ask":
        if (isAsked) return undefined;
        this.asked += 1;
        return this.#saying(this.lastQuestion, "question");
      case "say no":
        return isAsked ? this.#saying("no", "no") : undefined;
      case "cancel":
        return isAsked || isCodeWaitedFor ? this.#saying("cancel", "cancel") : undefined;
      case "guess":
        return hasCode ? this.#saying(newCode(this.#random), "code") : undefined;
      case "drop a character":
        return isCodeWaitedFor ? this.#saying(`${first.slice(1)}-${second}-${third}`, "nearly") : undefined;
      case "change a character":
        return isCodeWaitedFor
          ? this.#saying(
              `${first}-${second}-${third.slice(0, 2)}${third.endsWith("A") ? "B" : "A"}`,
              "nearly",
            )
          : undefined;
      case "type two codes":
        return hasCode ? this.#saying(`${this.#code} or ${newCode(this.#random)}`, "code") : undefined;
      default:
        return undefined;
    }
  }

  #saying(text: string, as: Said["as"]): Said {
    return { text, as, since: this.#now(), isRepeated: false };
  }

  /** Opens the link, signs in, and sees the code. A page that fails is opened again. */
  async #signIn(chat: Chat, arrived: Arrived): Promise<void> {
    const since = this.#now();
    this.#isOut = this.#endings > 0;
    this.#signIns += 1;
    this.#isAtPage = true;
    this.#endedAt = undefined;
    const page = await chat.open(this.#link, arrived);
    this.#signIns += 1;
    this.#isAtPage = false;
    if (chat.isDead()) return;
    this.log.push(`page: ${page?.kind ?? "failed"}`);
    if (page === undefined) return;
    if (page.kind !== "code" || page.code === undefined) return void (this.next = "ask");
    [this.#code, this.#codeSince, this.next] = [page.code, since, "type the code"];
  }

  async #say(chat: Chat, said: Said): Promise<void> {
    // Until it is answered, it is what is said again. A process that dies answers nothing.
    this.again = said;
    const since = this.#now();
    const told = await chat.say(this.context, said.text);
    if (!chat.isDead()) this.#hear(said, since, told);
  }

  #hear(said: Said, since: number, { status, error, output }: Told): void {
    const text = output.flatMap(({ content = [] }) => content.map((part) => part.text)).join("");
    // A code is a secret, also one of a test.
    this.log.push(`${said.as === "code" || said.as === "nearly" ? said.as : said.text}: ${status} ${text}`);
    if (status === "failed") {
      this.log.push(JSON.stringify(error));
      return void (this.failures += 1);
    }
    this.again = undefined;
    const link = output.find(({ consent_link: one }) => one !== undefined)?.consent_link;
    if (link !== undefined) {
      this.cards += 1;
      [this.#link, this.next] = [link, "sign in"];
    } else if (/^(Is |Your message was not passed on)/.test(text)) {
      [this.next, this.#questionSince] = ["answer", since];
    } else if (!/^(That code is not right|That is not a whole code|There is more than one code)/.test(text)) {
      this.next = "ask";
    } else if (text.includes("new link")) this.next = "ask";
  }
}

/** A request of a person whom the platform names. */
export function contextOf(user: string): UserContext {
  return new UserContext({
    principal: { kind: "platform", project, agent: "agent", id: user },
    platform: { hosted: true, userId: user, callId: "call", conversationId: "chat" },
    clientHeaders: {},
    trace: {},
  });
}
