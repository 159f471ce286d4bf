import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe finds serious or critical on a page. */
export async function findings(page: Page): Promise<string[]> {
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

/** By how many pixels a page is wider than the window. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Presses Tab until the focused element says `text`, the way a person would. */
export async function tabTo(page: Page, text: string): Promise<void> {
  await page.waitForLoadState();
  const there = (): Promise<boolean> =>
    page.evaluate((wanted) => {
      const { activeElement: active, body } = document;
      return active !== null && active !== body && (active.textContent ?? "").includes(wanted);
    }, text);
  for (let presses = 0; presses < 20; presses += 1) {
    if (await there()) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`The keyboard does not reach ${JSON.stringify(text)}.`);
}
