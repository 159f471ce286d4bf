import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startWorld, type World } from "../../examples/chat/world.js";
import { launchChromium } from "../support/chromium.js";

let browser: Browser;
let world: World;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  browser = await launchChromium();
}, 300_000);
afterAll(() => browser?.close());
beforeEach(async () => {
  world = await startWorld({ port: 0 });
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((one) => one.close()));
  await world.close();
});

describe("a visitor of the chat page without a token", { timeout: 60_000 }, () => {
  test("signs in once, types the code, and is answered without asking again", async () => {
    const page = await enter();
    await ask(page, "Who am I?");
    const card = page.getByRole("region", { name: "Sign-in for contacts" });
    await card.waitFor();
    expect(world.verified).toEqual([]);

    const code = await codeOfThePage(page);
    await ask(page, code);
    await answered(page, new RegExp(`Is ${world.portalPerson.username} your account`));
    expect(world.verified).toEqual([]);
    await ask(page, "yes");
    await answered(page, /sees you as Katherine Johnson/);
    await ask(page, "Show my contacts");
    await answered(page, /Dorothy Vaughan/);
    expect(new Set(world.verified.map(({ oid }) => oid))).toEqual(new Set([world.portalPerson.oid]));

    const hops = await page.locator("#hops").innerText();
    for (const expected of [
      "gateway → agent",
      "a platform user, without a token",
      "agent → MCP server",
      "sign-in",
    ])
      expect(hops).toContain(expected);
    expect(hops).toContain(world.portalPerson.oid);
    const kept = await page.evaluate(() =>
      JSON.stringify([
        history.state,
        location.href,
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
      ]),
    );
    expect(kept).not.toContain(code);
  });

  test("gets nothing for the code of another visitor", async () => {
    const [victim, thief] = [await enter(), await enter()];
    await ask(victim, "Who am I?");
    const code = await codeOfThePage(victim);
    await ask(thief, "Who am I?");
    await thief.getByRole("region", { name: "Sign-in for contacts" }).waitFor();
    await ask(thief, code);
    await answered(thief, /not waiting for one/);
    expect(await thief.locator("body").innerText()).not.toContain(world.portalPerson.username);
    await ask(victim, code);
    await answered(victim, /your account/);
    await ask(thief, "yes");
    // For the thief this is a question like any other, and nobody has signed in there.
    await thief.getByRole("region", { name: "Sign-in for contacts" }).nth(1).waitFor();
    expect(await thief.locator("body").innerText()).not.toContain("Connected");
    expect(world.verified).toEqual([]);
  });

  test("can do it with the keyboard alone, on a phone, without accessibility findings, in both colours", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await enter({ colorScheme, viewport: { width: 360, height: 640 } }, "keyboard");
      await page.getByLabel("Your question").focus();
      await page.keyboard.type("Who am I?");
      await page.keyboard.press("Enter");
      const link = page.getByRole("link", { name: "Sign in and get a code" });
      await link.waitFor();
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.textContent))
        .toBe("Sign in and get a code");
      expect([await findings(page), await overhang(page)]).toEqual([[], 0]);
      const opened = page.context().waitForEvent("page");
      await page.keyboard.press("Enter");
      const code = await codeIn(await opened);
      await page.bringToFront();
      await page.getByLabel("Your question").focus();
      await page.keyboard.type(code);
      await page.keyboard.press("Enter");
      await answered(page, /your account/);
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("question");
      await page.keyboard.type("yes");
      await page.keyboard.press("Enter");
      await answered(page, /sees you as Katherine Johnson/);
      expect([await findings(page), await overhang(page)]).toEqual([[], 0]);
    }
  });
});

/** The page of a new visitor, in a browser of its own. */
async function enter(
  options: { colorScheme?: "light" | "dark"; viewport?: { width: number; height: number } } = {},
  way: "mouse" | "keyboard" = "mouse",
): Promise<Page> {
  const context = await browser.newContext(options);
  contexts.push(context);
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  await page.goto(world.origin);
  const button = page.getByRole("button", { name: "Come without a token" });
  await button.waitFor();
  if (way === "mouse") await button.click();
  else {
    await button.focus();
    await page.keyboard.press("Enter");
  }
  await page.getByText("Portal visitor").waitFor();
  return page;
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel("Your question").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

async function answered(page: Page, text: RegExp): Promise<void> {
  await page.locator(".answer").filter({ hasText: text }).last().waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

async function codeOfThePage(page: Page): Promise<string> {
  const opened = page.context().waitForEvent("page");
  await page.getByRole("link", { name: "Sign in and get a code" }).click();
  return codeIn(await opened);
}

/** Goes on, picks the account, consents, and reads the code. */
async function codeIn(tab: Page): Promise<string> {
  await tab.getByRole("button", { name: /continue/i }).click();
  const picked = tab.getByRole("button", { name: world.portalPerson.username });
  const accept = tab.getByRole("button", { name: "Accept" });
  const output = tab.locator("output");
  await picked.or(accept).or(output).first().waitFor();
  if (await picked.isVisible()) await picked.click();
  await accept.or(output).first().waitFor();
  if (await accept.isVisible()) await accept.click();
  await output.waitFor();
  expect(await tab.locator("body").innerText()).toMatch(/never/i);
  const code = (await output.innerText()).trim();
  await tab.close();
  return code;
}

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(async () => {
    const { axe: loaded } = globalThis as unknown as { axe: typeof axe };
    return loaded.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
  });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** By how many pixels the page is wider than the window. */
function overhang(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
