import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isConsentRequiredError, userAccess, type UserContext } from "hosted-agent-identity";
import type { PageAt } from "../../../examples/chat/visitor.js";
import { formsOf } from "../../../examples/chat/visitor.js";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person, textOf, titleOf, type Person } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let store: ScriptedStore;
let time = Date.now();
const now = (): number => time;
beforeAll(async () => {
  world = await signInWorld({ now });
  store = scriptedStore();
  site = await signInSite(world, { store, now });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => {
  time = Math.max(time, Date.now());
  store.values.clear();
});

const page = (browser: Person): Promise<PageAt> => browser.open(`${site.publicUrl}/connections`);

/** Opens the connections page, through Entra. */
async function enter(
  user: string,
  browser = person(world.entra, user),
): Promise<{ browser: Person; seen: PageAt }> {
  const seen = await browser.atEntra(await browser.press(await page(browser)));
  return { browser, seen };
}

async function connectChat(id: string, user: string): Promise<UserContext> {
  const browser = person(world.entra, user);
  const { link } = await site.signIn.link(platformContext(id), world.contacts);
  await site.signIn.redeem(platformContext(id), codeOf(await browser.signIn(link)));
  await site.signIn.redeem(platformContext(id), "yes");
  return platformContext(id);
}

async function connectKnown(user: string): Promise<void> {
  const { link } = await site.signIn.link(await contextOf(world, user), world.mail);
  await person(world.entra, user).signIn(link);
}

async function tokenOf(context: UserContext): Promise<string | undefined> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
  const got = await contacts.token(context).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  return decodeClaims((got as { token: string }).token)?.oid;
}

const english = new Intl.DateTimeFormat("en", {
  dateStyle: "medium",
  timeStyle: "short",
  timeZone: "UTC",
});
const buttons = (seen: PageAt): string[] =>
  formsOf(seen.html).flatMap(({ buttons: all }) => all.map(({ text }) => text));

describe("the connections page", () => {
  it("shows nothing before somebody has signed in", async () => {
    await connectKnown("Ada");
    const seen = await page(person(world.entra, "Ada"));
    expect(buttons(seen)).toEqual(["Sign in with Microsoft"]);
    expect(textOf(seen)).not.toMatch(/ada|mail|Contacts agent/i);
  });

  it("shows what is connected with the account, since when and for which agent, and nobody else's", async () => {
    await connectKnown("Ada");
    time += 3 * 3_600_000;
    await connectChat("one", "Ada");
    await connectChat("two", "Bob");
    const { seen } = await enter("Ada");
    expect(titleOf(seen)).toBe("What is connected");
    const text = textOf(seen);
    expect(text).toContain(`Signed in here as ${world.entra.user("Ada").upn}`);
    expect(text).toMatch(
      /Contacts agent Uses: contacts Connected: now .* Contacts agent Uses: mail Connected: 3 hours ago/,
    );
    expect(buttons(seen)).toEqual(["Disconnect", "Use another account", "Disconnect", "Sign out"]);
    expect(seen.html).toContain("https://myapps.microsoft.com");
    expect(textOf((await enter("Cleo")).seen)).toContain("Nothing is connected");
  });

  it("is open at once for who has just signed in for an agent, for half an hour", async () => {
    const browser = person(world.entra, "Ada");
    await browser.signIn((await site.signIn.link(await contextOf(world, "Ada"), world.mail)).link);
    expect(textOf(await page(browser))).toContain("Contacts agent Uses: mail");
    time += 30 * 60_000;
    expect(buttons(await page(browser))).toEqual(["Sign in with Microsoft"]);
  });

  it("says which connection is work that goes on after the chat, until when, and ends it", async () => {
    const id = await site.signIn.longRunning(await contextOf(world, "Ada"), {
      purpose: "weekly report",
      until: new Date(time + 3_600_000),
    });
    const { browser, seen } = await enter("Ada");
    expect(textOf(seen)).toContain(
      `Goes on working for you after the chat, until ${english.format(time + 3_600_000)} UTC`,
    );
    expect(buttons(seen)).not.toContain("Use another account");
    for (const raw of [id, "long-running", "weekly"]) expect(seen.html).not.toContain(raw);
    const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
    const used = site.signIn.runAs(id, { purpose: "weekly report" }, ({ context }) =>
      contacts.token(context),
    );
    expect((await used).source).toBe("sign_in");
    const asked = await browser.press(seen, {}, "/connections/end");
    expect(textOf(asked)).toContain("The work that Contacts agent does for you after the chat ends");
    expect(textOf(await browser.press(asked, {}, "/connections/end"))).toContain("Disconnected.");
    // Nothing of it is left: no record, and no token for the person's other turns.
    expect([...store.values.keys()].filter((key) => key.startsWith("long-running:"))).toEqual([]);
    const next = contacts.token(await contextOf(world, "Ada"));
    await expect(next).rejects.toMatchObject({ code: "consent_required" });
    expect(site.events.at(-1)).toMatchObject({ type: "long_running_ended" });
    await expect(site.signIn.runAs(id, { purpose: "weekly report" }, () => "ran")).rejects.toMatchObject({
      code: "long_running_refused",
    });
  });

  it("disconnects: the agent has to ask again, and the chat keeps to its account", async () => {
    const context = await connectChat("one", "Ada");
    expect(await tokenOf(context)).toBe(world.entra.user("Ada").oid);
    const { browser, seen } = await enter("Ada");
    // It asks, and says what it does.
    const asked = await browser.press(seen, {}, "/connections/end");
    expect([titleOf(asked), buttons(asked)]).toEqual(["Disconnect Contacts agent?", ["Disconnect"]]);
    const upn = world.entra.user("Ada").upn;
    expect(textOf(asked)).toContain(`Contacts agent can no longer use contacts as ${upn}`);
    expect(textOf(asked)).toContain("can last until it expires, usually about an hour");
    expect(asked.html).toContain(`<a href="${site.publicUrl}/connections">Keep it connected</a>`);
    expect(await tokenOf(context)).toBe(world.entra.user("Ada").oid);
    const after = await browser.press(asked, {}, "/connections/end");
    expect(textOf(after)).toContain("Disconnected.");
    expect(textOf(after)).toContain("Nothing is connected");
    expect(await tokenOf(platformContext("one"))).toBe("has to sign in");
    const { link } = await site.signIn.link(platformContext("one"), world.contacts);
    expect(titleOf(await person(world.entra, "Bob").signIn(link))).toBe("Another account is connected");
    // The old page's button does nothing to what was connected since.
    expect(textOf(await browser.press(seen, {}, "/connections/end"))).toContain("was not connected any more");
  });

  it("lets another account be used from then on", async () => {
    await connectChat("one", "Ada");
    const { browser, seen } = await enter("Ada");
    const form = formsOf(seen.html).find(({ fields }) => fields["act"] === "changeAccount");
    const asked = await browser.press(seen, { ...form?.fields }, "/connections/end");
    expect([titleOf(asked), buttons(asked)]).toEqual([
      "Use another account with Contacts agent?",
      ["Use another account"],
    ]);
    const after = await browser.press(asked, {}, "/connections/end");
    expect(textOf(after)).toContain("you can sign in with another account");
    expect(await tokenOf(await connectChat("one", "Bob"))).toBe(world.entra.user("Bob").oid);
  });

  it("takes no form of another browser, account or site", async () => {
    const context = await connectChat("one", "Ada");
    const { browser: ada, seen } = await enter("Ada");
    const { browser: bob, seen: his } = await enter("Bob");
    const fields = formsOf(seen.html).find(({ action }) => action.includes("/end"))?.fields ?? {};
    const post = (browser: Person, body: Record<string, string>): Promise<Response> =>
      browser.fetch(`${site.publicUrl}/connections/end`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(body).toString(),
      });
    Object.assign(fields, { sure: "yes" });
    expect((await post(bob, fields)).status).toBe(409);
    expect((await post(ada, { act: "disconnect" })).status).toBe(409);
    const leave = formsOf(his.html).find(({ action }) => action.includes("/leave"))?.fields["f"] ?? "";
    expect((await post(bob, { c: leave })).status).toBe(409);
    expect((await post(person(world.entra, "Ada"), fields)).status).toBe(403);
    expect(await tokenOf(context)).toBe(world.entra.user("Ada").oid);
    // The browser of the page, after another account has signed in there.
    await ada.signIn((await site.signIn.link(await contextOf(world, "Cleo"), world.mail)).link, "Cleo");
    const answer = await post(ada, fields);
    expect([answer.status, answer.headers.get("location")]).toEqual([
      303,
      `${site.publicUrl}/connections?note=gone`,
    ]);
    expect(await tokenOf(context)).toBe(world.entra.user("Ada").oid);
  });

  it("forgets who was there when asked", async () => {
    const { browser, seen } = await enter("Ada");
    expect(buttons(await browser.press(seen, {}, "/connections/leave"))).toEqual(["Sign in with Microsoft"]);
    expect(buttons(await page(browser))).toEqual(["Sign in with Microsoft"]);
  });

  it("takes no note from an address that is not its own", async () => {
    const { browser } = await enter("Ada");
    const seen = await browser.open(`${site.publicUrl}/connections?note=constructor`);
    expect(seen.html).not.toContain('role="status"');
  });

  it("keeps nothing of a sign-in that was only for the page", async () => {
    await enter("Ada");
    expect([...store.values.keys()].map((key) => key.split(":")[0])).toEqual(["state"]);
  });
});
