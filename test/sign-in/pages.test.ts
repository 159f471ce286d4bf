import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserContext } from "hosted-agent-identity";
import { launchChromium } from "../support/chromium.js";
import { contextOf, platformContext } from "./support/contexts.js";
import { signInSite, type Site } from "./support/site.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

let world: SignInWorld;
let site: Site;
let narrow: Site;
let browser: Browser;
let axe: string;
let time = Date.now();
const now = (): number => time;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  world = await signInWorld({ now });
  const contoso = world.entra.tenants[0]?.id ?? "";
  for (const tenant of ["Contoso", "Fabrikam"])
    world.entra.grantConsent({
      allUsers: true,
      tenant,
      client: "agent",
      resource: "contacts",
      scopes: ["contacts.read"],
    });
  site = await signInSite(world, { now });
  const allowedTenants = [contoso, "11111111-0000-4000-8000-000000000000"];
  narrow = await signInSite(world, { now, entraApp: { allowedTenants } });
  browser = await launchChromium();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await narrow?.close();
  await world?.entra.close();
});

const faults: string[] = [];

/** A person's own browser, on a phone. */
async function phone(colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme });
  contexts.push(context);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  // Status codes are the pages' own; anything else in the console is a fault.
  page.on("console", (message) => {
    const expected = message.text().startsWith("Failed to load resource");
    if (!expected && !page.url().startsWith(world.entra.origin)) faults.push(message.text());
  });
  return page;
}

const linkFor = async (context: UserContext, at = site): Promise<string> =>
  (await at.signIn.link(context, world.contacts)).link;

async function choose(page: Page, user: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^${user}`) }).click();
}

async function signIn(page: Page, link: string, user: string): Promise<void> {
  await page.goto(link);
  await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
  await choose(page, user);
  await page.waitForURL("**/done?**");
}

/** The page's heading, after everything that holds for every page has been checked: in both colours, on a phone. */
async function seen(page: Page): Promise<string> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      (
        globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        }
      ).axe.run(),
    );
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }
  const facts = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    shape: getComputedStyle(document.querySelector("main") as Element).borderRadius,
    scripts: document.scripts.length,
    referrer: document.referrer,
  }));
  // The style is allowed by its hash: without it the page is plain.
  expect(facts).toEqual({ width: 360, shape: "12px", scripts: 0, referrer: "" });
  expect(page.url()).not.toMatch(/[?&](code|state|error)=/);
  expect(faults).toEqual([]);
  return page.getByRole("heading", { level: 1 }).innerText();
}

/** Presses Tab until the element with this name has the focus, and shows that it can be seen. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const text = element.matches("a, button") ? element.innerText : "";
      return { text, outline: getComputedStyle(element).outlineStyle };
    });
    if (focused.text.includes(name)) return void expect(focused.outline).toBe("solid");
  }
  throw new Error(`No Tab leads to ${name}.`);
}

describe("in a browser", () => {
  it("a person signs in with the keyboard alone, sees what is connected, and ends it", async () => {
    const page = await phone();
    await page.goto(await linkFor(await contextOf(world, "Ada")));
    expect(await seen(page)).toBe("Sign in for Contacts agent");
    await tabTo(page, "Continue to Microsoft sign-in");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${world.entra.origin}/**`);
    await tabTo(page, "Ada");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${site.publicUrl}/done**`);
    expect(await seen(page)).toBe("You are signed in");
    await tabTo(page, "See or end what is connected");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${site.publicUrl}/connections`);
    expect(await seen(page)).toBe("What is connected");
    const [connection] = await page.getByRole("listitem").allInnerTexts();
    expect(connection).toMatch(/^Contacts agent\s+uses contacts; connected just now \(.* UTC\)/);
    await tabTo(page, "Disconnect");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connections?note=disconnected");
    expect(await seen(page)).toBe("What is connected");
    expect(await page.getByRole("status").innerText()).toContain("Disconnected.");
    await tabTo(page, "Leave this page");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign in with Microsoft" }).waitFor();
    expect(await seen(page)).toBe("What is connected");
    await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
    await choose(page, "Ada");
    await page.waitForURL(`${site.publicUrl}/connections`);
    expect(await page.locator("main").innerText()).toContain("Nothing is connected");
  });

  it("a person whose account is not known gets a code that can be read and marked at once", async () => {
    const page = await phone("dark");
    await signIn(page, await linkFor(platformContext("chat")), "Ada");
    expect(await seen(page)).toBe("One more step");
    const code = (await page.getByLabel("Your code").innerText()).trim();
    expect(code).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
    await page.getByLabel("Your code").click();
    expect(await page.evaluate(() => String(getSelection()).trim())).toBe(code);
    await page.reload();
    expect((await page.getByLabel("Your code").innerText()).trim()).toBe(code);
    expect((await site.signIn.redeem(platformContext("chat"), code)).status).toBe("confirm");
    expect((await site.signIn.redeem(platformContext("chat"), "yes")).status).toBe("bound");

    const other = await phone();
    await signIn(other, await linkFor(platformContext("chat")), "Bob");
    expect(await seen(other)).toBe("Another account is connected");
    await other.goto(`${site.publicUrl}/connections`);
    expect(await seen(other)).toBe("What is connected");
    await page.goto(`${site.publicUrl}/connections`);
    const until = new Date(time + 3_600_000);
    await site.signIn.longRunning(await contextOf(world, "Ada"), { purpose: "report", until });
    await page.reload();
    expect(await seen(page)).toBe("What is connected");
    const work = page.getByRole("listitem").filter({ hasText: "Goes on working for you after the chat" });
    await work.getByRole("button", { name: "Disconnect: Contacts agent, work after the chat" }).click();
    expect(await page.getByRole("status").innerText()).toContain("Disconnected.");
    await page.getByRole("button", { name: "Use another account: Contacts agent" }).click();
    expect(await page.getByRole("status").innerText()).toContain("another account");
    expect(await seen(page)).toBe("What is connected");
  });

  it("a forwarded link, a replayed callback, a stolen state and a second tab each have a page", async () => {
    const link = await linkFor(await contextOf(world, "Ada"));
    const [ada, bob] = [await phone(), await phone()];
    await signIn(bob, link, "Bob");
    expect(await seen(bob)).toBe("This link is for another account");

    let callback = "";
    ada.on("request", (request) => {
      if (request.url().includes("/callback?")) callback = request.url();
    });
    await signIn(ada, link, "Ada");
    expect(await seen(ada)).toBe("You are signed in");
    await ada.goto(callback);
    expect(await seen(ada)).toBe("This step was done before");
    await bob.goto(callback);
    expect(await seen(bob)).toBe("This sign-in began in another browser");
    await (await phone()).goto(callback);
    await ada.goto(link);
    expect(await seen(ada)).toBe("You are already signed in");

    const tab = await phone();
    const fresh = await linkFor(await contextOf(world, "Ada"));
    await tab.goto(fresh);
    await tab.context().clearCookies();
    await (await tab.context().newPage()).goto(fresh);
    await tab.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    expect(await seen(tab)).toBe("You have this open in another tab");
    await tab.getByRole("link", { name: "Try again" }).click();
    expect(await seen(tab)).toBe("Sign in for Contacts agent");
  });

  it("three tabs sign in at once, a fourth ends the oldest, and blocked cookies have a page", async () => {
    const first = await phone();
    const tabs = [first];
    for (let n = 1; n < 4; n += 1) tabs.push(await first.context().newPage());
    // The link pages first, as a restored session opens them; then each goes to Entra.
    for (const [n, tab] of tabs.entries()) await tab.goto(await linkFor(platformContext(`tab ${n}`)));
    for (const tab of tabs) {
      await tab.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
      await tab.waitForURL(`${world.entra.origin}/**`);
    }
    for (const [n, title] of [
      [2, "One more step"],
      [3, "One more step"],
      [0, "This sign-in cannot go on here"],
      [1, "One more step"],
    ] as const) {
      const tab = tabs[n] ?? first;
      await choose(tab, "Ada");
      await tab.waitForURL("**/done?**");
      expect(await seen(tab)).toBe(title);
    }
    // Nothing is left behind but the browser's own cookie.
    const left = (await first.context().cookies()).map(({ name }) => name);
    expect(left.filter((name) => name.startsWith("hosted-agent-sign-in"))).toHaveLength(1);

    const blocked = await phone();
    await blocked.goto(await linkFor(platformContext("blocked")));
    await blocked.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await blocked.waitForURL(`${world.entra.origin}/**`);
    const own = (await blocked.context().cookies()).filter(
      ({ name }) => !/^hosted-agent-sign-in-\d+-\d$/.test(name),
    );
    await blocked.context().clearCookies();
    await blocked.context().addCookies(own);
    await choose(blocked, "Ada");
    await blocked.waitForURL("**/done?**");
    expect(await seen(blocked)).toBe("This sign-in cannot go on here");
  });

  it("an expired link, a cancelled sign-in and a strange organisation each have a page", async () => {
    const page = await phone();
    const link = await linkFor(await contextOf(world, "Cleo"));
    await page.goto(link);
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    expect(await seen(page)).toBe("You cancelled the sign-in");
    time += 15 * 60_000;
    await page.goto(link);
    expect(await seen(page)).toBe("This link has expired");
    await page.goto(`${site.publicUrl}/start?t=nothing`);
    expect(await seen(page)).toBe("This link does not work");
    const strange = await phone();
    await signIn(strange, await linkFor(platformContext("strange"), narrow), "Fay");
    expect(await seen(strange)).toBe("This organisation is not admitted");
    await strange.goto(`${site.publicUrl}/nothing`);
    expect(await seen(strange)).toBe("There is nothing here");
  });

  it.each([
    ["error=access_denied", "Access was refused"],
    ["error=consent_required", "An administrator has to approve first"],
    ["error=interaction_required&error_description=AADSTS50020%3A+x", "Your account is not a guest here"],
    ["error=server_error", "That did not work just now"],
  ])("Entra's answer %s has a page", async (answer, title) => {
    const page = await phone();
    await page.goto(await linkFor(await contextOf(world, "Ada")));
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await page.waitForURL(`${world.entra.origin}/**`);
    const state = new URL(page.url()).searchParams.get("state");
    await page.goto(`${site.publicUrl}/callback?${answer}&state=${state}`);
    expect(await seen(page)).toBe(title);
  });
});
