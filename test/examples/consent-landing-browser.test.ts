import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { consentLanding } from "../../examples/consent-landing/landing.js";
import { listening, type RunningHost } from "../support/listening.js";
import { launchChromium } from "../support/chromium.js";

let host: RunningHost;
let browser: Browser;
beforeAll(async () => {
  host = await listening(createServer(consentLanding));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
});

it("the landing page leaves no code in the browser, applies its style and has no accessibility faults", async () => {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  for (const query of [
    "code=a-secret-code&state=x",
    "error=access_denied",
    "error=consent_required",
    "error=server_error",
  ]) {
    await page.goto(`${host.url}/consented?${query}`);
    expect(page.url()).toMatch(/\/consented\?outcome=[a-z-]+$/);
    const entries = await page.evaluate(() => [
      history.length,
      document.referrer,
      performance.getEntries().map(({ name }) => name),
    ]);
    expect(JSON.stringify(entries)).not.toContain("secret");
    expect(await page.evaluate(() => getComputedStyle(document.body).display)).toBe("flex");
    await page.evaluate(
      await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
    );
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } }).axe.run(),
    );
    expect(violations.map(({ id }) => id)).toEqual([]);
  }
  expect(faults).toEqual([]);
});
