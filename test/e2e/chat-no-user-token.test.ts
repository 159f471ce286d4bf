import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startWorld, type World } from "../../examples/chat/world.js";
import { launchChromium } from "../support/chromium.js";
import { findings, overhang, tabTo } from "../support/page-checks.js";

let browser: Browser;
let world: World;
/** What the browser complained about, on any page. */
let complaints: string[];
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  browser = await launchChromium();
}, 300_000);
afterAll(() => browser?.close());
beforeEach(async () => {
  complaints = [];
  world = await startWorld({ port: 0 });
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((one) => one.close()));
  await world.close();
  if (complaints.length > 0) throw new Error(`The browser complained: ${complaints.join("; ")}`);
});

describe("a visitor of the chat page without a token", { timeout: 60_000 }, () => {
  test("signs in once, types the code, and is answered without asking again", async () => {
    const page = await enter();
    await ask(page, "Who am I?");
    await cards(page).waitFor();
    expect(world.verified).toEqual([]);

    const code = await codeOfThePage(page);
    await ask(page, code);
    await answered(page, new RegExp(`Is ${world.portalPerson.username} your account`));
    expect(world.verified).toEqual([]);
    await ask(page, "yes");
    await answered(page, /sees you as Katherine Johnson/);
    await ask(page, "Show my contacts");
    await answered(page, /Dorothy Vaughan/);
    expect(await cards(page).count()).toBe(1);
    expect(new Set(world.verified.map(({ oid }) => oid))).toEqual(new Set([world.portalPerson.oid]));
  });

  test("is shown every hop: no token to the agent, and whom the MCP server saw", async () => {
    const page = await enter();
    await connect(page);
    const hop = (route: string, what: string): Locator =>
      page.locator("#hops > li").filter({ hasText: route }).filter({ hasText: what });
    const toAgent = hop("gateway → agent", "POST /responses");
    expect(await toAgent.count()).toBe(3);
    for (const text of await toAgent.allInnerTexts()) {
      expect(text).toContain("a platform user, without a token");
      expect(text).not.toContain("Token for");
    }
    const call = await hop("agent → MCP server", "tools/call whoami").innerText();
    for (const fact of ["the contacts app", "Katherine Johnson", "sign-in"]) expect(call).toContain(fact);
    const seen = hop("MCP server", "verified the token of tools/call whoami");
    expect(await seen.innerText()).toContain(world.portalPerson.oid);
  });

  for (const [width, height] of [
    [360, 640],
    [960, 700],
    [1280, 860],
  ] as const) {
    test(`sees each answer whole, ${width} pixels wide`, async () => {
      const page = await enter({ viewport: { width, height } });
      await connect(page);
      const bottoms = await page.evaluate(() => {
        const bottom = (selector: string): number =>
          document.querySelector(selector)?.getBoundingClientRect().bottom ?? Number.NaN;
        return {
          account: bottom("#account"),
          header: bottom("header"),
          answer: bottom("#turns > :last-child"),
        };
      });
      const form = await page.locator("#ask").evaluate((one) => one.getBoundingClientRect().top);
      expect(bottoms.account).toBeLessThanOrEqual(bottoms.header);
      expect(bottoms.answer).toBeLessThanOrEqual(form);
    });
  }

  test("leaves no code, no link and no token in what the browser keeps", async () => {
    const page = await enter();
    const { link, code } = await connect(page, async (secrets) => {
      for (const secret of secrets) expect(await keptBy(page)).not.toContain(secret);
    });
    const kept = await keptBy(page);
    for (const secret of [code, link]) expect(kept).not.toContain(secret);
    expect(kept).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\./);
    expect(await page.locator("html").innerHTML()).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\.eyJ/);
  });

  test("finds the input waiting for the code, and only then", async () => {
    const page = await enter();
    const input = page.getByLabel("Your question");
    const usual = await input.getAttribute("placeholder");
    await ask(page, "Who am I?");
    await cards(page).waitFor();
    expect(await input.getAttribute("placeholder")).toBe("Type the code here");
    const described = await input.getAttribute("aria-describedby");
    expect(await page.locator(`[id="${described}"]`).innerText()).toMatch(/shows a code.*Never give it/);
    const code = await codeOfThePage(page);
    // Chromium without a screen tells no page that its window has come back.
    await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    expect(await focused(page)).toBe("question");
    await ask(page, code);
    await answered(page, /your account/);
    expect(await input.getAttribute("placeholder")).toBe(usual);
    for (const name of ["aria-describedby", "autocapitalize", "autocorrect", "spellcheck"])
      expect(await input.getAttribute(name)).toBeNull();
  });

  test("gets nothing for the code of another visitor", async () => {
    const [victim, thief] = [await enter(), await enter()];
    await ask(victim, "Who am I?");
    const code = await codeOfThePage(victim);
    await ask(thief, "Who am I?");
    await cards(thief).waitFor();
    await ask(thief, code);
    await answered(thief, /not waiting for one/);
    expect(await thief.locator("body").innerText()).not.toContain(world.portalPerson.username);
    await ask(victim, code);
    await answered(victim, /your account/);
    await ask(thief, "yes");
    // For the thief this is a question like any other, and nobody has signed in there.
    await cards(thief).nth(1).waitFor();
    expect(await thief.locator("body").innerText()).not.toContain("Connected");
    expect(world.verified).toEqual([]);
    await ask(victim, "yes");
    await answered(victim, /sees you as Katherine Johnson/);
  });

  test("is somebody new after leaving, and has to sign in again", async () => {
    const page = await enter();
    await connect(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Come without a token" }).click();
    await visitorIn(page).waitFor();
    await ask(page, "Who am I?");
    await cards(page).waitFor();
    expect(await page.locator("body").innerText()).not.toContain("Katherine");
  });

  test("keeps nothing of what was typed after the visit has ended", async () => {
    const page = await enter();
    await ask(page, "Who am I?");
    const code = await codeOfThePage(page);
    await page.context().clearCookies();
    const complained = page.waitForEvent("console", (message) => message.text().includes("401"));
    await ask(page, code);
    await page.getByRole("region", { name: "Visit ended" }).waitFor();
    expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).toBe("{}");
    // The browser itself names the 401 that ended the visit, and nothing else.
    expect(complaints.splice(0)).toEqual([(await complained).text()]);
    const arrived = page.waitForEvent("load");
    await page.getByRole("button", { name: "Come without a token" }).click();
    await arrived;
    await visitorIn(page).waitFor();
    expect(await page.locator("#turns").innerText()).toBe("");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    test(`needs only a keyboard and a phone's width, in ${colorScheme} colours`, async () => {
      const page = await open({ colorScheme, viewport: { width: 360, height: 640 } });
      await page.getByText("Sign in to begin").waitFor();
      expect([await findings(page), await overhang(page)]).toEqual([[], 0]);
      await tabTo(page, "Come without a token");
      await page.keyboard.press("Enter");
      await visitorIn(page).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      expect(await focused(page)).toBe("question");
      await page.keyboard.type("Who am I?");
      await page.keyboard.press("Enter");
      await cards(page).waitFor();
      expect([await findings(page), await overhang(page)]).toEqual([[], 0]);
      await tabTo(page, "Sign in and get a code");
      const opened = page.context().waitForEvent("page");
      await page.keyboard.press("Enter");
      const code = await codeIn(await opened, async (tab, text) => {
        expect(await overhang(tab)).toBe(0);
        await tabTo(tab, text);
        await tab.keyboard.press("Enter");
      });
      await page.bringToFront();
      for (let presses = 0; presses < 10 && (await focused(page)) !== "question"; presses += 1)
        await page.keyboard.press("Tab");
      await page.keyboard.type(code);
      await page.keyboard.press("Enter");
      await answered(page, /your account/);
      await expect.poll(() => focused(page)).toBe("question");
      await page.keyboard.type("yes");
      await page.keyboard.press("Enter");
      await answered(page, /sees you as Katherine Johnson/);
      expect(await page.getByRole("status").textContent()).toContain("sees you as Katherine Johnson");
      expect([await findings(page), await overhang(page)]).toEqual([[], 0]);
    });
  }
});

/** The page in a browser of its own. */
async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  contexts.push(context);
  context.setDefaultTimeout(30_000);
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  context.on("weberror", (error) => void complaints.push(error.error().message));
  const page = await context.newPage();
  await page.goto(world.origin);
  return page;
}

/** The page of a new visitor. */
async function enter(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await open(options);
  await page.getByRole("button", { name: "Come without a token" }).click();
  await visitorIn(page).waitFor();
  return page;
}

/** From the first question to its answer. */
async function connect(
  page: Page,
  afterCode: (secrets: readonly string[]) => Promise<void> = async () => {},
): Promise<{ readonly link: string; readonly code: string }> {
  await ask(page, "Who am I?");
  const link = (await cards(page).getByRole("link").getAttribute("href")) ?? "";
  const code = await codeOfThePage(page);
  await ask(page, code);
  await answered(page, /your account/);
  await afterCode([link, code]);
  await ask(page, "yes");
  await answered(page, /sees you as Katherine Johnson/);
  expect([link, code]).not.toContain("");
  return { link, code };
}

/** Everything a browser keeps of a page. */
function keptBy(page: Page): Promise<string> {
  return page.evaluate(async () =>
    JSON.stringify([
      history.state,
      location.href,
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      await caches.keys(),
      await indexedDB.databases(),
    ]),
  );
}

/** The account of the page: the hops name the visitor too. */
function visitorIn(page: Page): Locator {
  return page.locator("#account").getByText("Portal visitor");
}

function cards(page: Page): Locator {
  return page.getByRole("region", { name: "Sign-in for contacts" });
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel("Your question").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

async function answered(page: Page, text: RegExp): Promise<void> {
  await page.locator(".answer").filter({ hasText: text }).last().waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.id ?? "");
}

async function codeOfThePage(page: Page): Promise<string> {
  const opened = page.context().waitForEvent("page");
  await page.getByRole("link", { name: "Sign in and get a code" }).last().click();
  return codeIn(await opened, (tab, text) => tab.getByRole("button", { name: text }).click());
}

/** Goes on, picks the account, consents, and reads the code; `press` is how buttons are pressed. */
async function codeIn(tab: Page, press: (tab: Page, text: string) => Promise<void>): Promise<string> {
  const { username } = world.portalPerson;
  for (const text of ["Continue", username, "Accept"]) {
    await tab.getByRole("button", { name: text }).waitFor();
    await press(tab, text);
  }
  const output = tab.locator("output");
  await output.waitFor();
  expect(await overhang(tab)).toBe(0);
  expect(await tab.locator("body").innerText()).toContain("Never give this code to anyone");
  const code = (await output.innerText()).trim();
  await tab.close();
  return code;
}
