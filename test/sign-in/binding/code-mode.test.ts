import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isConsentRequiredError, userAccess, type UserContext } from "hosted-agent-identity";
import type { Redeemed, SignIn } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, nobody, platformContext } from "../support/contexts.js";
import { codeOf, person, textOf, titleOf, type Person } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let twin: SignIn;
let store: ScriptedStore;
let time = Date.now();
const now = (): number => time;
const told: { type: string; agent: string; principal: unknown; serverLabel: string }[] = [];

beforeAll(async () => {
  world = await signInWorld({ now });
  store = scriptedStore();
  site = await signInSite(world, {
    now,
    store,
    onPending: (event) => void told.push({ type: "pending", ...event }),
    onSignedIn: ({ account: _, ...event }) => void told.push({ type: "signed in", ...event }),
  });
  twin = site.twin();
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
let user = "";
beforeEach(() => {
  time = Math.max(time, Date.now());
  store.values.clear();
  told.length = 0;
  storedBefore = everStored();
  user = `user-${Math.random()}`;
});

/** A message in the chat of a platform user. */
const chat = (id = user): UserContext => platformContext(id);
const say = (text: string, id = user, on: SignIn = site.signIn): Promise<Redeemed> =>
  on.redeem(chat(id), text);
const linkFor = async (id = user): Promise<string> => (await site.signIn.link(chat(id), world.contacts)).link;

/** Signs in through the link and returns the code of the page. */
async function codeFor(
  name: string,
  link?: string,
  browser: Person = person(world.entra, name),
): Promise<string> {
  const page = await browser.signIn(link ?? (await linkFor()), name);
  const code = codeOf(page);
  if (code === "") throw new Error(`No code on the page: ${titleOf(page)}`);
  return code;
}

async function tokenOf(id = user): Promise<string | undefined> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
  const got = await contacts.token(chat(id)).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  if (got instanceof Error) throw got;
  return decodeClaims((got as { token: string }).token)?.oid;
}

const oid = (name: string): string => world.entra.user(name).oid;
let storedBefore = 0;
const everStored = (): number => site.events.filter(({ type }) => type === "grant_stored").length;
const grantsStored = (): number => everStored() - storedBefore;

/** A code that is not the given one, and looks like one. */
function otherThan(code: string, n = 0): string {
  const digits = "234567";
  const wrong = `${digits[n % 6]}${digits[Math.floor(n / 6) % 6]}${digits[Math.floor(n / 36) % 6]}`;
  return wrong === code.slice(0, 3) ? `A2${code.slice(2)}` : wrong + code.slice(3);
}

describe("a person of whom only the platform's id is known", () => {
  it("signs in, types the code into the chat, says yes, and the interrupted message runs", async () => {
    await site.signIn.keepPrompt(chat(), "Who is my manager?");
    const link = await linkFor();
    const page = await person(world.entra, "Ada").signIn(link);
    expect(titleOf(page)).toBe("Type this code into your chat");
    expect(textOf(page)).toContain("Never give this code to anyone");
    expect([grantsStored(), await tokenOf(), await site.signIn.status(link)]).toEqual([
      0,
      "has to sign in",
      "code",
    ]);
    expect(told.map(({ type }) => type)).toEqual(["pending"]);

    const asked = await say(codeOf(page));
    const { upn } = world.entra.user("Ada");
    expect(asked).toMatchObject({ status: "confirm", account: { oid: oid("Ada"), username: upn } });
    expect(asked.status === "confirm" && asked.say).toContain(upn);
    expect([grantsStored(), await tokenOf()]).toEqual([0, "has to sign in"]);

    const bound = await say("Yes.");
    expect(bound).toMatchObject({
      status: "bound",
      account: { oid: oid("Ada") },
      prompt: "Who is my manager?",
    });
    expect([await tokenOf(), await site.signIn.status(link)]).toEqual([oid("Ada"), "done"]);
    expect(told.at(-1)).toEqual({
      type: "signed in",
      agent: "Contacts agent",
      principal: chat().principal,
      serverLabel: "contacts",
    });
    // Nothing of it is left to be said again.
    await site.signIn.settle(chat(), "answered");
    expect(await say("yes")).toEqual({ status: "not_a_code" });
    expect((await say(codeOf(page))).status).toBe("refused");
  });

  it("may begin in one process, type the code in another and say yes in a third", async () => {
    const code = await codeFor("Ada");
    expect((await say(code, user, twin)).status).toBe("confirm");
    expect((await say("yes", user, site.twin())).status).toBe("bound");
    expect(await tokenOf()).toBe(oid("Ada"));
  });

  it.each([
    ["lower case", (code: string) => code.toLowerCase()],
    ["without dashes", (code: string) => code.replaceAll("-", "")],
    ["with spaces", (code: string) => ` ${code.replaceAll("-", " ")} `],
    ["in a sentence", (code: string) => `My code is ${code}, thanks!`],
  ])("types the code %s", async (_how, typed) => {
    const code = await codeFor("Ada");
    expect((await say(typed(code))).status).toBe("confirm");
  });

  it("is asked again until the answer is a yes or a no; a no stores nothing", async () => {
    const code = await codeFor("Ada");
    expect((await say(code)).status).toBe("confirm");
    expect((await say("what do you mean?")).status).toBe("confirm");
    expect(await say("No")).toMatchObject({ status: "refused", reason: "declined" });
    expect([grantsStored(), await tokenOf()]).toEqual([0, "has to sign in"]);
    // The answer may have been lost, so it is said again, until the user writes something else.
    expect(await say("no")).toMatchObject({ status: "refused", reason: "declined" });
    expect(await say("hello")).toEqual({ status: "not_a_code" });
    expect(await say("yes")).toEqual({ status: "not_a_code" });
  });

  it("does not wait for a yes for longer than five minutes", async () => {
    const code = await codeFor("Ada");
    await say(code);
    time += 5 * 60_000;
    expireOld();
    expect(await say("yes")).toEqual({ status: "not_a_code" });
    expect(grantsStored()).toBe(0);
  });

  it("writes ordinary messages without being mistaken for a code", async () => {
    await codeFor("Ada");
    for (const text of [
      "hello",
      "yesterday",
      "who are you",
      "continue",
      "the code?",
      "yes",
      "order 12345",
      "",
    ])
      expect(await say(text)).toEqual({ status: "not_a_code" });
    expect([...store.values.keys()].filter((key) => key.startsWith("tries:"))).toEqual([]);
  });

  it("keeps to the account that was pinned: another one is refused, until it is unpinned", async () => {
    await say(await codeFor("Ada"));
    await say("yes");
    const { principal } = chat();
    if (principal === undefined) throw new Error("no principal");
    const page = await person(world.entra, "Bob").signIn(await linkFor());
    expect([titleOf(page), page.status]).toEqual(["Another account is connected", 403]);
    expect(await tokenOf()).toBe(oid("Ada"));

    // Not even after a sign-out.
    await site.signIn.signOut(principal);
    expect(await tokenOf()).toBe("has to sign in");
    expect(titleOf(await person(world.entra, "Bob").signIn(await linkFor()))).toBe(
      "Another account is connected",
    );
    // The same account needs the code, but no second yes.
    expect((await say(await codeFor("Ada"))).status).toBe("bound");

    await site.signIn.unpin(principal);
    expect(await tokenOf()).toBe("has to sign in");
    await say(await codeFor("Bob"));
    expect((await say("yes")).status).toBe("bound");
    expect(await tokenOf()).toBe(oid("Bob"));
  });

  it("is refused a code whose account was overtaken by another's yes", async () => {
    const [link, second] = [await linkFor(), await linkFor()];
    const [ada, bob] = [await codeFor("Ada", link), await codeFor("Bob", second)];
    expect((await say(ada)).status).toBe("confirm");
    expect((await say("yes")).status).toBe("bound");
    expect(await say(bob)).toMatchObject({ status: "refused", reason: "other_account" });
    expect(await tokenOf()).toBe(oid("Ada"));
  });

  it("pins one account when two are confirmed at once, in two conversations and processes", async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = `${user}-${round}`;
      const talk = (conversationId: string, text: string, on: SignIn): Promise<Redeemed> =>
        on.redeem(platformContext(id, true, conversationId), text);
      const codes = [await codeFor("Ada", await linkFor(id)), await codeFor("Bob", await linkFor(id))];
      expect(await talk("one", codes[0] ?? "", site.signIn)).toMatchObject({ account: { oid: oid("Ada") } });
      expect(await talk("two", codes[1] ?? "", twin)).toMatchObject({ account: { oid: oid("Bob") } });
      // A yes is to the account that was named in the same conversation, and only one of them is pinned.
      const answers = await Promise.all([talk("one", "yes", site.signIn), talk("two", "yes", twin)]);
      const bound = answers.filter((answer) => answer.status === "bound");
      expect(bound).toHaveLength(1);
      expect(answers.find((answer) => answer.status === "refused")).toMatchObject({
        reason: "other_account",
      });
      expect(await tokenOf(id)).toBe(bound[0]?.account.oid);
      expect(bound[0]?.account.oid).toBe(oid(answers[0]?.status === "bound" ? "Ada" : "Bob"));
    }
  });

  it("keeps to an account that was pinned after the question, although no grant of it was stored", async () => {
    const { principal } = chat();
    if (principal === undefined) throw new Error("no principal");
    await say(await codeFor("Ada"));
    await say("yes");
    const [pinKey = "", pin = ""] = [...store.values].find(([key]) => key.startsWith("pin:")) ?? [];
    await site.signIn.unpin(principal);
    expect((await say(await codeFor("Bob"))).status).toBe("confirm");
    // As a process leaves it that ends between its two writes.
    store.values.set(pinKey, pin);
    expect(await say("yes")).toMatchObject({ status: "refused", reason: "other_account" });
    expect(await tokenOf()).toBe("has to sign in");
  });

  it("who signs out while a code or a yes is waited for has ended that, too", async () => {
    const { principal } = chat();
    if (principal === undefined) throw new Error("no principal");
    const code = await codeFor("Ada");
    await site.signIn.signOut(principal);
    expect((await say(code)).status).toBe("refused");
    expect((await say(await codeFor("Ada"))).status).toBe("confirm");
    await twin.signOut(principal);
    // Nor is it asked for any more.
    expect(await say("hello")).toEqual({ status: "not_a_code" });
    expect(await say("yes")).toMatchObject({ status: "refused", reason: "expired" });
    expect([grantsStored(), await tokenOf()]).toEqual([0, "has to sign in"]);
  });

  it("may come from any listed organization, and from no other", async () => {
    const [contoso, fabrikam] = world.entra.tenants.map(({ id }) => id) as [string, string];
    const none = "11111111-0000-4000-8000-000000000000";
    const both = await signInSite(world, { now, entraApp: { allowedTenants: [contoso, fabrikam] } });
    const one = await signInSite(world, { now, entraApp: { allowedTenants: [contoso, none] } });
    const signInAt = async (at: Site) =>
      person(world.entra, "Fay").signIn((await at.signIn.link(chat(), world.contacts)).link);
    try {
      expect(titleOf(await signInAt(both))).toBe("Type this code into your chat");
      const page = await signInAt(one);
      expect([titleOf(page), page.status]).toEqual(["This organization is not admitted", 403]);
    } finally {
      await both.close();
      await one.close();
    }
  });
});

describe("a code", () => {
  it("is good for nobody but the user whose link it was", async () => {
    const code = await codeFor("Ada");
    for (const other of [platformContext("somebody-else"), nobody(), await contextOf(world, "Bob")]) {
      const answer = await site.signIn.redeem(other, code);
      const platform = other.principal?.kind === "platform";
      // Kept from the model where it could be typed at all; said to nobody that it is good elsewhere.
      expect(answer).toMatchObject(
        platform ? { status: "refused", reason: "nothing_waiting" } : { status: "not_a_code" },
      );
    }
    expect((await say(code)).status).toBe("confirm");
  });

  it("may be tried five times, over all processes", async () => {
    const code = await codeFor("Ada");
    const left: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      const answer = await say(otherThan(code, n), user, n % 2 === 0 ? site.signIn : twin);
      if (answer.status === "wrong_code") left.push(answer.triesLeft);
    }
    expect(left).toEqual([4, 3, 2, 1]);
    expect((await say(code)).status).toBe("confirm");
  });

  it("is worthless after five wrong tries, and a new link starts anew", async () => {
    const code = await codeFor("Ada");
    for (let n = 0; n < 5; n += 1) expect((await say(otherThan(code, n))).status).toBe("wrong_code");
    expect(await say(code, user, twin)).toMatchObject({ status: "refused", reason: "too_many_tries" });
    expect((await say(await codeFor("Ada"))).status).toBe("confirm");
  });

  it("withstands 200 tries at once in two processes: five are compared, whoever is right among the rest", async () => {
    const code = await codeFor("Ada");
    const wrong = Array.from({ length: 200 }, (_none, n) => otherThan(code, n));
    const answers = await Promise.all(
      wrong.map((text, n) => say(text, user, n % 2 === 0 ? site.signIn : twin)),
    );
    expect(answers.filter(({ status }) => status === "wrong_code")).toHaveLength(5);
    expect(answers.filter(({ status }) => status === "refused")).toHaveLength(195);
    expect((await say(code)).status).toBe("refused");
    expect(grantsStored()).toBe(0);
  });

  it("works for five minutes", async () => {
    const code = await codeFor("Ada");
    time += 5 * 60_000;
    expect(await say(code)).toMatchObject({ status: "refused", reason: "expired" });
  });

  it("ends by the clock of the store as well: a wall clock that is put back makes no code last longer", async () => {
    const code = await codeFor("Ada");
    for (const [key, value] of store.values) if (value === "waits") store.values.delete(key);
    time -= 60_000;
    expect(await say(code)).toMatchObject({ status: "refused", reason: "expired" });
    expect(grantsStored()).toBe(0);
  });

  it.each(["yes", "no", "cancel"])(
    "leaves no refresh token waiting once the answer is %s",
    async (answer) => {
      const held = (): string[] =>
        [...store.values]
          .filter(([key, { length }]) => key.startsWith("pending:") && length > 1_500)
          .map(([key]) => key);
      const code = await codeFor("Ada");
      expect(held()).toHaveLength(1);
      await say(code);
      expect(held()).toHaveLength(1);
      await say(answer);
      expect(held()).toEqual([]);
    },
  );

  it("is said to work for as long as it does, in minutes that have begun", async () => {
    const browser = person(world.entra, "Ada");
    const page = await browser.signIn(await linkFor());
    const said: (string | undefined)[] = [];
    for (const ms of [0, 1, 4 * 60_000 - 2, 1, 59_998]) {
      time += ms;
      said.push(
        /The code works once, for (\d minutes?)\./.exec(textOf(await browser.open(page.url.href)))?.[1],
      );
    }
    expect(said).toEqual(["5 minutes", "5 minutes", "2 minutes", "1 minute", "1 minute"]);
  });

  it("works once: typed twice at once it asks one question, and after the answer it is refused", async () => {
    const code = await codeFor("Ada");
    const answers = await Promise.all([say(code), say(code, user, twin)]);
    expect(answers.map(({ status }) => status).sort()).toEqual(["confirm", "confirm"]);
    expect((await say("yes")).status).toBe("bound");
    expect(await say(code)).toMatchObject({ status: "refused", reason: "expired" });
    expect(grantsStored()).toBe(1);
  });

  it("is shown again to its browser while it works, and to no other", async () => {
    const browser = person(world.entra, "Ada");
    const page = await browser.signIn(await linkFor());
    expect(codeOf(await browser.open(page.url.href))).toBe(codeOf(page));
    const other = person(world.entra, "Bob");
    await other.signIn(await linkFor());
    expect(codeOf(await other.open(page.url.href))).toBe("");
    expect(page.url.href).not.toContain(codeOf(page));
    time += 5 * 60_000;
    expect(titleOf(await browser.open(page.url.href))).toBe("This link has expired");
  });

  it("is neither in the store, nor in an event, nor in what listeners are told", async () => {
    const code = await codeFor("Ada");
    await say(code);
    const seen = inspect([site.events, told, [...store.values]], { depth: 9 });
    for (const secret of [code, code.replaceAll("-", "")]) expect(seen.includes(secret)).toBe(false);
    expect(inspect([site.events, [...store.values]]).includes(user)).toBe(false);
  });
});

describe("somebody else's link", () => {
  it("opened by an attacker gives the victim's chat nothing of the attacker's, and the attacker nothing", async () => {
    const [victim, attacker] = [user, `${user}-attacker`];
    const code = await codeFor("Bob", await linkFor(victim));
    // The attacker knows the code, but has a chat of their own.
    expect((await say(code, attacker)).status).toBe("refused");
    expect([await tokenOf(attacker), await tokenOf(victim)]).toEqual(["has to sign in", "has to sign in"]);
  });

  it("opened by both is one sign-in each: the attacker's does not disturb the victim's", async () => {
    const link = await linkFor();
    const own = await codeFor("Ada", link);
    for (let n = 0; n < 3; n += 1) await codeFor("Bob", link);
    expect(await say(own)).toMatchObject({ status: "confirm", account: { oid: oid("Ada") } });
    expect((await say("yes")).status).toBe("bound");
    expect(await tokenOf()).toBe(oid("Ada"));
  });

  it("completed by a victim gives the attacker nothing without the code", async () => {
    const attacker = `${user}-attacker`;
    const code = await codeFor("Ada", await linkFor(attacker));
    expect(await tokenOf(attacker)).toBe("has to sign in");
    expect(await say("yes", attacker)).toEqual({ status: "not_a_code" });
    for (let n = 0; n < 5; n += 1) await say(otherThan(code, n), attacker);
    expect([await tokenOf(attacker), grantsStored()]).toEqual(["has to sign in", 0]);
  });

  // What remains, and why the page says never to give the code to a person. Named in docs/security.md.
  it("completed by a victim who then tells the attacker the code lets the attacker act as the victim", async () => {
    const attacker = `${user}-attacker`;
    const told = await codeFor("Ada", await linkFor(attacker));
    expect((await say(told, attacker)).status).toBe("confirm");
    expect((await say("yes", attacker)).status).toBe("bound");
    expect(await tokenOf(attacker)).toBe(oid("Ada"));
    // The victim can see and end it: on the connections page, which goes by account.
    await site.signIn.forgetAccount({ tid: world.entra.tenants[0]?.id ?? "", oid: oid("Ada") });
    expect(await tokenOf(attacker)).toBe("has to sign in");
  });
});

describe("a record of the store", () => {
  const pendingKeys = (): string[] => [...store.values.keys()].filter((key) => key.startsWith("pending:"));

  it("that is copied to another user's key does not open", async () => {
    const other = `${user}-other`;
    const code = await codeFor("Ada");
    const mine = new Map([...store.values].filter(([key]) => key.startsWith("pending:")));
    // The names of the other user's records, filled with this one's.
    await codeFor("Bob", await linkFor(other));
    const theirs = pendingKeys().filter((key) => !mine.has(key));
    for (const key of theirs)
      for (const value of mine.values()) {
        store.values.set(key, value);
        expect(["refused", "wrong_code"]).toContain((await say(code, other)).status);
      }
    expect(await tokenOf(other)).toBe("has to sign in");
    expect((await say(code)).status).toBe("confirm");
  });

  it("that waits for a yes is not opened as one that waits for a code, nor as a grant", async () => {
    const code = await codeFor("Ada");
    await say(code);
    const [unconfirmed = ""] = pendingKeys()
      .map((key) => store.values.get(key) ?? "")
      .sort((a, b) => b.length - a.length);
    await say("yes");
    const grantKey = [...store.values.keys()].find((key) => key.startsWith("grant:")) ?? "";
    store.values.set(grantKey, unconfirmed);
    expect(await tokenOf()).toBe("has to sign in");
  });

  it("that is a pin nobody can read keeps everybody out until it is removed", async () => {
    await say(await codeFor("Ada"));
    await say("yes");
    const pinKey = [...store.values.keys()].find((key) => key.startsWith("pin:")) ?? "";
    store.values.set(pinKey, "not sealed by anybody");
    expect(titleOf(await person(world.entra, "Ada").signIn(await linkFor()))).toBe(
      "Another account is connected",
    );
  });
});

/** The scripted store forgets nothing by itself. */
function expireOld(): void {
  for (const key of [...store.values.keys()]) if (/^(pending|prompt):/.test(key)) store.values.delete(key);
}
