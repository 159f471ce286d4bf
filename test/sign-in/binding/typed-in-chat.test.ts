import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { responses, userAccess, UserContext } from "hosted-agent-identity";
import type { Redeemed } from "hosted-agent-identity/sign-in";
import { newCode } from "../../../src/sign-in/binding/code.js";
import { platformContext } from "../support/contexts.js";
import { codeOf, person } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let store: ScriptedStore;
let user = "";
let toModel: string[];
let fails = false;
let time = Date.now();
const now = (): number => time;

beforeAll(async () => {
  world = await signInWorld({ now });
  store = scriptedStore(now);
  site = await signInSite(world, { now, store, answers: { yes: ["Isch bin's"] } });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => {
  store.values.clear();
  toModel = [];
  fails = false;
  user = `user-${Math.random()}`;
});

const chat = (): UserContext => {
  const { principal, platform } = platformContext(user, true, "conversation");
  return new UserContext({
    principal,
    platform: { ...platform, callId: "call" },
    clientHeaders: {},
    trace: {},
  });
};
const redeem = (text: string): Promise<Redeemed> => site.signIn.redeem(chat(), text);
const triesCounted = (): number => [...store.values.keys()].filter((key) => key.startsWith("tries:")).length;

/** What the user reads, and the link if there is one. */
interface Said {
  readonly text: string;
  readonly link?: string;
}

/** Says something to an agent that needs the contacts for every message. */
async function says(input: string): Promise<Said> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
  const handler = responses(
    async function* (turn) {
      toModel.push(turn.input);
      if (fails) throw new Error("the model is down");
      await contacts.token();
      yield `Answer to: ${turn.input}`;
    },
    { signIn: site.signIn, onError: () => undefined },
  );
  const request = new Request("http://agent/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input }),
  });
  const { output } = (await (await handler(request, chat())).json()) as {
    output: { type: string; consent_link?: string; content?: { text: string }[] }[];
  };
  const link = output.find(({ type }) => type === "oauth_consent_request")?.consent_link;
  const text = output.flatMap(({ content = [] }) => content.map((part) => part.text)).join("");
  return link === undefined ? { text } : { text, link };
}

async function codeFor(name: string, link?: string): Promise<string> {
  const opened = link ?? (await site.signIn.link(chat(), world.contacts)).link;
  const code = codeOf(await person(world.entra, name).signIn(opened));
  if (code === "") throw new Error("no code");
  return code;
}

/** As a chat with a code does: asks, signs in, and says more. */
async function codeAfter(question: string): Promise<string> {
  const { link } = await says(question);
  const code = await codeFor("Ada", link);
  toModel = [];
  return code;
}

describe("a sign-in in a channel with mentions", () => {
  it.each([
    ["<at>Contacts Agent</at> ", "yes"],
    ["&lt;at&gt;Contacts Agent&lt;/at&gt;&nbsp;", "Yes 👍"],
    ["<@U0ABC2DEF> ", "yes please"],
    ["<@!1234567890> ", "**yes**"],
    ["@Contacts Agent ", "Yes, that's me"],
    ["", "oui, c'est moi"],
    ["", "isch bin’s!"],
  ])("is finished, with %j and %j", async (mention, yes) => {
    const code = await codeAfter("Who is my manager?");
    expect((await says(`${mention}${code}`)).text).toContain("Is ada@");
    const { text } = await says(`${mention}${yes}`);
    expect(text).toMatch(/^Connected as ada@\S+ Answering “Who is my manager\?” now\.\n\nAnswer to: Who/);
    expect(toModel).toEqual(["Who is my manager?"]);
  });
});

describe("nearly a code", () => {
  it("is said to be no whole code, costs no try, is not for the model, and loses nothing", async () => {
    const code = await codeAfter("Who is my manager?");
    for (const typo of [
      code.slice(0, -1),
      `${code}${code.at(-1)}`,
      "AAA-BBB-CCC",
      `<at>Agent</at> ${code.slice(1)}`,
    ])
      expect((await says(typo)).text).toMatch(/^That is not a whole code\./);
    expect([toModel, triesCounted()]).toEqual([[], 0]);
    await says(code);
    expect((await says("yes")).text).toContain("Answer to: Who is my manager?");
    expect(toModel).toEqual(["Who is my manager?"]);
  });

  it("is a message like any other while no code is waited for", async () => {
    const typo = "4NR-ZHJ-N6";
    expect(await redeem(typo)).toEqual({ status: "not_a_code" });
    const code = await codeFor("Ada");
    expect(await redeem(typo)).toMatchObject({ status: "nearly_a_code" });
    await redeem(code);
    expect(await redeem(typo)).toMatchObject({ status: "confirm" });
    await redeem("yes");
    for (const text of [typo, "cancel", "My order is AB2-CD3-EF5"])
      expect(await redeem(text)).toEqual({ status: "not_a_code" });
    await codeFor("Ada");
    expect(await redeem(typo)).toMatchObject({ status: "nearly_a_code" });
    const late = [...store.values];
    time += 5 * 60_000;
    expect(await redeem(typo)).toEqual({ status: "not_a_code" });
    // A store may have for a while what has expired.
    await Promise.all(late.map(([key]) => store.get(key)));
    for (const [key, value] of late) store.values.set(key, value);
    expect(await redeem(typo)).toEqual({ status: "not_a_code" });
  });

  it("is told by its form: one that is like the code that is waited for is read as any other", async () => {
    const code = await codeFor("Ada");
    const like = await redeem(code.slice(0, -1));
    expect(like).toEqual(await redeem("ZZ7-ZZZ-ZZ"));
    const compact = code.replaceAll("-", "").slice(1);
    const letters = compact.replace(/\d/g, "A");
    expect(await redeem(letters)).toEqual({ status: "not_a_code" });
  });
});

describe("several codes in one message", () => {
  it("cost a try each, and none of them counts", async () => {
    const code = await codeFor("Ada");
    const other = newCode((bytes) => new Uint8Array(bytes).fill(27));
    expect(await redeem(`${other}, no, ${code}`)).toMatchObject({ status: "wrong_code", triesLeft: 3 });
    const said = await redeem(`${code} ${other}`);
    expect(said).toMatchObject({ status: "wrong_code", triesLeft: 1 });
    expect(said.status === "wrong_code" && said.say).toContain("more than one code");
    expect(await redeem(code)).toMatchObject({ status: "confirm" });
  });

  it("leave no try over when there are too many of them", async () => {
    const code = await codeFor("Ada");
    const others = [27, 28, 29, 30, 31].map((digit) => newCode((bytes) => new Uint8Array(bytes).fill(digit)));
    expect(await redeem([code, ...others].join(" "))).toMatchObject({ reason: "too_many_tries" });
    expect(await redeem(code)).toMatchObject({ reason: "too_many_tries" });
  });

  it("are one code when they are the same", async () => {
    const code = await codeFor("Ada");
    expect(await redeem(`${code}\n${code}`)).toMatchObject({ status: "confirm" });
  });
});

describe("a code of an earlier sign-in", () => {
  it("is said to be one, when another code is waited for and when none is", async () => {
    const old = await codeFor("Ada");
    time += 20 * 60_000;
    store.values.clear();
    const none = await redeem(old);
    expect(none).toMatchObject({ status: "refused", reason: "nothing_waiting" });
    expect(none.status === "refused" && none.say).toContain("five minutes and once");
    await codeFor("Ada");
    const wrong = await redeem(old);
    expect(wrong).toMatchObject({ status: "wrong_code", triesLeft: 4 });
    expect(wrong.status === "wrong_code" && wrong.say).toContain("of an earlier sign-in");
    const mistyped = await redeem("ABC-D2E-FGA");
    expect(mistyped.status === "wrong_code" && mistyped.say).toContain("There is a mistake in it");
  });
});

describe("the question for an account", () => {
  it("keeps an ordinary message from the model, and says how to leave", async () => {
    const code = await codeAfter("Who is my manager?");
    const asked = await says(code);
    expect(asked.text).toContain('"cancel" to leave the sign-in');
    const { text } = await says("Actually, what time is it?");
    expect(text).toMatch(/^Your message was not passed on, because a question is open here\. Is ada@/);
    expect(text).toContain('"cancel" to leave');
    expect(toModel).toEqual([]);
  });

  it.each(["cancel", "<at>Contacts Agent</at> Never mind.", "annuler, merci"])(
    "ends with %j, and the chat is free at once",
    async (cancel) => {
      const code = await codeAfter("Who is my manager?");
      await says(code);
      expect((await says(cancel)).text).toMatch(
        /^All right, the sign-in was cancelled and nothing was connected\. “Who is my manager\?” also waited/,
      );
      // Said again, in case it was lost, until another message comes.
      for (const again of ["yes", "no", cancel])
        expect((await says(again)).text).toMatch(/the sign-in was cancelled .* “Who is my manager\?” also/);
      expect((await redeem(code)).status).toBe("refused");
      expect((await says("What time is it?")).link).toEqual(expect.any(String));
      expect((await says("yes")).link).toEqual(expect.any(String));
      expect(toModel).toEqual(["What time is it?", "yes"]);
    },
  );

  it("lives as long again with each message that it holds back, be it nearly a code", async () => {
    await says(await codeAfter("Who is my manager?"));
    for (const text of ["What time is it?", "4NR-ZHJ-N6", "AB2-CD3-EF5"]) {
      time += 4 * 60_000;
      expect((await says(text)).text).toMatch(/^Your message was not passed on/);
    }
    time += 4 * 60_000;
    expect((await says("Yes, please!")).text).toContain("Answer to: Who is my manager?");
    expect(toModel).toEqual(["Who is my manager?"]);
  });

  it("tells a yes that comes once more what became of the first one", async () => {
    for (const question of ["Who is my manager?", undefined]) {
      user = `user-${Math.random()}`;
      if (question !== undefined) await site.signIn.keepPrompt(chat(), question);
      await redeem(await codeFor("Ada"));
      expect(await redeem("yes")).toMatchObject({ status: "bound" });
      const again = await redeem("yes please");
      expect(again).toMatchObject({ status: "bound" });
      expect(again).not.toHaveProperty("prompt");
      expect(again.status === "bound" && again.say.includes("on its way")).toBe(question !== undefined);
      // "Stop" is for the agent, and another message ends it where nothing runs.
      expect(await redeem("stop")).toEqual({ status: "not_a_code" });
      if (question === undefined) expect(await redeem("yes")).toEqual({ status: "not_a_code" });
    }
  });

  it("whose message a turn was given refuses its answer after a sign-out, also a quarter of an hour later", async () => {
    await site.signIn.keepPrompt(chat(), "Who is my manager?");
    await redeem(await codeFor("Ada"));
    expect(await redeem("yes")).toMatchObject({ status: "bound", prompt: "Who is my manager?" });
    time += 15 * 60_000;
    const { principal } = chat();
    if (principal !== undefined) await site.signIn.signOut(principal);
    expect(await redeem("yes")).toMatchObject({ status: "refused", reason: "expired" });
  });

  it("of before a sign-out refuses its answer, and lets a mistyped code of a new one be told", async () => {
    await says(await codeAfter("Who is my manager?"));
    const { principal } = chat();
    if (principal !== undefined) await site.signIn.signOut(principal);
    expect(await redeem("4NR-ZHJ-N6")).toEqual({ status: "not_a_code" });
    await codeFor("Ada");
    expect(await redeem("4NR-ZHJ-N6")).toMatchObject({ status: "nearly_a_code" });
    expect(await redeem("yes, that's me")).toMatchObject({ status: "refused", reason: "expired" });
    expect(await redeem("4NR-ZHJ-N6")).toMatchObject({ status: "nearly_a_code" });
  });

  it("ends with a no, and the message still waits for the next sign-in", async () => {
    await says(await codeAfter("Who is my manager?"));
    for (const answer of ["no, that's not me", "yes", "no"])
      expect((await says(answer)).text).toMatch(/^All right, nothing was connected\./);
    await says(await codeFor("Bob"));
    expect((await says("yes")).text).toContain("Answer to: Who is my manager?");
  });
});

describe("a code that is waited for", () => {
  it("is given up with a cancel", async () => {
    const code = await codeAfter("Who is my manager?");
    expect((await says("cancel")).text).toContain("the sign-in was cancelled");
    expect(toModel).toEqual([]);
    expect((await redeem(code)).status).toBe("refused");
    expect(await redeem("cancel")).toMatchObject({ status: "refused", reason: "cancelled" });
    expect(await redeem("What time is it?")).toEqual({ status: "not_a_code" });
    expect(await redeem("cancel")).toEqual({ status: "not_a_code" });
  });

  it("after a no is told when it is mistyped, and given up with a cancel", async () => {
    await says(await codeAfter("Who is my manager?"));
    await says("no");
    const { link } = await site.signIn.link(chat(), world.contacts);
    await codeFor("Ada", link);
    expect((await says("4NR-ZHJ-N6")).text).toMatch(/^That is not a whole code/);
    expect((await says("cancel")).text).toContain("“Who is my manager?” also waited");
    expect(toModel).toEqual([]);
  });
});

describe("messages written before the sign-in", () => {
  it("are all named, and it is said which one is answered", async () => {
    await says("A: book the flight");
    await says("B: and tell Bob");
    await says("A: book the flight");
    const { link } = await says(`C: then\nadd ${"x".repeat(200)}`);
    toModel = [];
    const asked = await says(await codeFor("Ada", link));
    const named = `“C: then add ${"x".repeat(48)}…”`;
    const others = "“B: and tell Bob”, “A: book the flight” also waited and are not answered";
    expect(asked.text).toContain(`After the "yes", ${named} is answered. ${others}`);
    const { text } = await says("yes");
    expect(text).toContain(`Answering ${named} now. ${others}`);
    expect(toModel).toHaveLength(1);
    expect(toModel[0]).toMatch(/^C: then\nadd x/);
  });

  it("are named again when the turn fails, and the newest one is given to the next yes", async () => {
    await says("A: book the flight");
    await says("B: and tell Bob");
    const code = await codeAfter("C: then lunch");
    await says(code);
    const named =
      "Answering “C: then lunch” now. “A: book the flight”, “B: and tell Bob” also waited and are not answered";
    fails = true;
    for (const yes of ["yes", "yes please", "ja"]) expect((await says(yes)).text).toContain(named);
    fails = false;
    expect((await says("Yes 👍")).text).toMatch(/Answer to: C: then lunch$/);
    expect(toModel).toEqual(Array.from({ length: 4 }, () => "C: then lunch"));
    expect(await redeem("yes")).toEqual({ status: "not_a_code" });
  });

  it("that are too long to be kept are named, before the yes and after it", async () => {
    await says("A: book the flight");
    const { link } = await says(`Sum this up: ${"long ".repeat(30_000)}`);
    toModel = [];
    const said =
      "“Sum this up: long long long long long long long long long lo…” is too long to be kept: send it again";
    expect((await says(await codeFor("Ada", link))).text).toContain(said);
    const { text } = await says("yes");
    expect(text).toContain(said);
    expect(text).toContain("“A: book the flight” also waited and is not answered");
    expect(toModel).toEqual([]);
  });

  it("are named by their text, not by what they are stored as", async () => {
    await site.signIn.keepPrompt(chat(), '{"input":"x"}', { title: " one\u202e\n two " });
    await site.signIn.keepPrompt(chat(), "", { title: "" });
    await site.signIn.keepPrompt(chat(), '{"input":""}', { title: "" });
    const asked = await redeem(await codeFor("Ada"));
    expect(asked.status === "confirm" && asked.say).toContain(
      'After the "yes", your message without text is answered. “one two” also waited',
    );
  });
});
