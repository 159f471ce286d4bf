import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startWorld, type World } from "../../examples/chat/world.js";
import { launchChromium } from "../support/chromium.js";
import { findings, overhang, tabTo } from "../support/page-checks.js";

let browser: Browser;
let world: World;
let context: BrowserContext;
let page: Page;
/** What the browser complained about, on any page of ours. */
let complaints: string[];

beforeAll(async () => {
  browser = await launchChromium();
}, 300_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  world = await startWorld({ port: 0 });
  await open({});
});
afterEach(async () => {
  await context.close();
  await world.close();
  if (complaints.length > 0) throw new Error(`The browser complained: ${complaints.join("; ")}`);
});

const [ada, grace] = ["Ada Lovelace", "Grace Hopper"] as const;

describe("the chat page", { timeout: 60_000 }, () => {
  test("answers each account with its own data, after a card and without typing again", async () => {
    await page.goto(world.origin);
    await ask("Who am I?");
    await page.getByRole("link", { name: `Sign in as ${ada}` }).click();
    await pickAccount(page, ada);
    await consentThroughCard();
    await answered(/sees you as Ada Lovelace/);
    await ask("Show my contacts");
    await answered(/Charles Babbage/);

    await page.getByRole("link", { name: `Sign in as ${grace}` }).click();
    await pickAccount(page, grace);
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    expect(await page.locator("body").innerText()).not.toContain("Babbage\n•");
    await ask("Who am I?");
    await consentThroughCard();
    await answered(/sees you as Grace Hopper/);
    await ask("Show my contacts");
    await answered(/Howard Aiken/);
    await ask("Delete Howard Aiken");
    await answered(/refused: Only editors/);

    const [adaSeen, graceSeen] = [ada, grace].map((name) => account(name));
    const text = await page.locator("body").innerText();
    expect(text).toContain(graceSeen?.oid);
    for (const foreign of [adaSeen?.oid ?? ada, "Mary Somerville", "sees you as Ada"]) {
      expect(text).not.toContain(foreign);
    }
    const called = world.verified.filter(({ call }) => call === "tools/call whoami").map(({ oid }) => oid);
    expect(called).toEqual([adaSeen?.oid, graceSeen?.oid]);
  });

  test("shows every hop of the signed-in person and no token anywhere", async () => {
    await signInAndConsent(ada);
    const hops = page.locator("#hops");
    await hops.getByText("verified the token of tools/call whoami").waitFor();
    const text = await hops.innerText();
    for (const expected of ["back end → Entra", "back end → agent", "agent → Entra", "agent → MCP server"]) {
      expect(text).toContain(expected);
    }
    expect(text).toContain("consent needed (AADSTS65001)");
    expect(text).toContain("the contacts app");
    expect(text).toContain("on-behalf-of");
    expect(text).toContain(account(ada)?.oid);
    expect(text).not.toContain(grace);

    const kept = await page.evaluate(() =>
      JSON.stringify([
        document.documentElement.outerHTML,
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
      ]),
    );
    expect(kept).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\./);
    expect(kept).not.toContain("chat_session");
    const cookies = await context.cookies(world.origin);
    const session = cookies.find(({ name }) => name === "chat_session");
    expect(session).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  });

  test("says so when the person refuses, and lets them change their mind", async () => {
    await signIn(ada);
    await ask("Who am I?");
    const refused = await openCard();
    await refused.getByRole("button", { name: "Cancel" }).click();
    await refused.getByText("You did not give permission").waitFor();
    await page.getByText("so nothing was done").waitFor();
    expect(world.verified).toEqual([]);
    await page.bringToFront();
    await consentThroughCard();
    await answered(/sees you as Ada Lovelace/);
  });

  test("signs the person in again with what Entra asks for, and asks the question again", async () => {
    await signIn(ada);
    const name = `Sign in as ${ada}`;
    expect(await page.getByRole("link", { name }).count()).toBe(0);
    const target = { user: ada, client: "agent", resource: "contacts" };
    world.entra.grantConsent({ ...target, scopes: ["Contacts.Access"] });
    world.entra.policies.add({ ...target, type: "mfa" });
    await ask("Show my contacts");
    await page.getByRole("link", { name }).click();
    await page.getByRole("button", { name: "Approve" }).click();
    await answered(/Mary Somerville/);
    expect(await page.locator("#hops").innerText()).toContain("AADSTS50076");
  });

  test("forgets the person at sign-out", async () => {
    await signInAndConsent(ada);
    await page.getByRole("button", { name: "Sign out" }).click();
    // Not Grace's link: the header offers that one to whoever is signed in as Ada, too.
    await page.getByText("Sign in to begin").waitFor();
    expect(await page.locator("body").innerText()).not.toContain(account(ada)?.oid);
    const me = await page.evaluate(async () => (await (await fetch("/api/me")).json()) as { user?: unknown });
    expect(me.user).toBeUndefined();
  });

  test("can be used with the keyboard alone", async () => {
    await page.goto(world.origin);
    await page.getByRole("link", { name: `Sign in as ${ada}` }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("question");
    await page.keyboard.type("Who am I?");
    await page.keyboard.press("Enter");
    await focusedText(`Sign in as ${ada}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${world.entra.origin}/**`);
    await tabTo(page, ada);
    await page.keyboard.press("Enter");
    await focusedText("Give permission");
    const opened = context.waitForEvent("page");
    await page.keyboard.press("Enter");
    const tab = await opened;
    await tab.waitForLoadState();
    if (await tab.getByRole("button", { name: account(ada)?.username ?? ada }).count()) {
      await tabTo(tab, ada);
      await tab.keyboard.press("Enter");
    }
    await tabTo(tab, "Accept");
    await tab.keyboard.press("Enter");
    await tab.getByText("You can close this tab").waitFor();
    await tab.close();
    await answered(/sees you as Ada Lovelace/);
    await expect.poll(focused).toBe("question");
    expect(await page.getByRole("status").textContent()).toContain("sees you as Ada Lovelace");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    test(`has no serious accessibility findings, in ${colorScheme} colours`, async () => {
      await open({ colorScheme });
      await page.goto(world.origin);
      await page.getByText("Sign in to begin").waitFor();
      expect(await findings(page)).toEqual([]);
      await signIn(ada);
      await ask("Who am I?");
      await page.getByRole("link", { name: "Give permission" }).waitFor();
      expect(await findings(page)).toEqual([]);
      const landing = await consentThroughCard({ keep: true });
      expect(await findings(landing)).toEqual([]);
      await landing.close();
      await answered(/sees you as Ada Lovelace/);
      expect(await findings(page)).toEqual([]);
    });
  }

  test("keeps the account in the header of a narrow window", async () => {
    await open({ viewport: { width: 960, height: 700 } });
    await signIn(ada);
    const [header, account] = await Promise.all(
      ["header", "#account"].map((one) => page.locator(one).boundingBox()),
    );
    const bottom = (box: typeof header = null): number => (box?.y ?? Number.NaN) + (box?.height ?? 0);
    expect(bottom(account)).toBeLessThanOrEqual(bottom(header));
    expect(await overhang(page)).toBe(0);
  });

  test("does not scroll sideways at a width of 360 pixels", async () => {
    await open({ viewport: { width: 360, height: 640 } });
    await page.goto(world.origin);
    await page.getByText("Sign in to begin").waitFor();
    expect(await overhang(page)).toBe(0);
    await signIn(ada);
    await ask("Who am I?");
    await page.getByRole("link", { name: "Give permission" }).waitFor();
    expect(await overhang(page)).toBe(0);
    await consentThroughCard();
    await answered(/sees you as Ada Lovelace/);
    expect(await overhang(page)).toBe(0);
  });
});

async function open(options: {
  colorScheme?: "light" | "dark";
  viewport?: { width: number; height: number };
}) {
  await context?.close();
  complaints = [];
  context = await browser.newContext(options);
  context.setDefaultTimeout(30_000);
  context.on("console", (message) => {
    const ours = message.location().url.startsWith(world.origin);
    if (ours && ["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  context.on("weberror", (error) => void complaints.push(error.error().message));
  context.on("requestfailed", (request) => {
    // The stream of hops ends when its page does, and a tab may be closed before it has its icon.
    if (!/\/(api\/hops|icon\.svg)$/.test(request.url()))
      complaints.push(`${request.url()} ${request.failure()?.errorText}`);
  });
  page = await context.newPage();
}

function account(name: string) {
  return world.accounts.find((one) => one.name === name);
}

async function ask(text: string): Promise<void> {
  await page.getByLabel("Your question").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

async function answered(text: RegExp): Promise<void> {
  await page.locator(".answer").filter({ hasText: text }).last().waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

async function signIn(name: string): Promise<void> {
  await page.goto(world.origin);
  await page.getByRole("link", { name: `Sign in as ${name}` }).click();
  await pickAccount(page, name);
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

async function signInAndConsent(name: string): Promise<void> {
  await signIn(name);
  await ask("Who am I?");
  await consentThroughCard();
  await answered(new RegExp(`sees you as ${name}`));
}

/** On Entra's page: the account with this name. */
async function pickAccount(at: Page, name: string): Promise<void> {
  await at.getByRole("button", { name: account(name)?.username ?? name }).click();
}

async function openCard(): Promise<Page> {
  const opened = context.waitForEvent("page");
  await page.getByRole("link", { name: "Give permission" }).click();
  const tab = await opened;
  await tab.waitForLoadState();
  return tab;
}

async function consentThroughCard({ keep = false } = {}): Promise<Page> {
  const tab = await openCard();
  await tab.getByRole("button", { name: "Accept" }).click();
  await tab.getByText("You can close this tab").waitFor();
  expect(tab.url()).toBe(`${world.origin}/consent/returned`);
  if (!keep) await tab.close();
  return tab;
}

function focused(): Promise<string> {
  return page.evaluate(() => document.activeElement?.id ?? "");
}

async function focusedText(text: string): Promise<void> {
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.textContent), { timeout: 30_000 })
    .toBe(text);
}
