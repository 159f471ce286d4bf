/**
 * `npm run docs:screenshots`: draws the pages of sign-in for docs/sign-in-pages.md with Chromium. A picture looks a little
 * different on each machine, so a test compares what it was drawn from, in `drawn-from.json`.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SignInBranding } from "../src/sign-in/pages/branding.js";
import { lookOf } from "../src/sign-in/pages/layout.js";
import { languageFor, languagesOf } from "../src/sign-in/texts/languages.js";
import { launchChromium } from "../test/support/chromium.js";
import { gallery } from "../test/sign-in/support/gallery.js";

interface Shot {
  readonly page: string;
  readonly width: 390 | 760;
  readonly scheme: "light" | "dark";
  readonly language: string;
}

const shots: Readonly<Record<string, Shot>> = {
  link: { page: "link", width: 390, scheme: "light", language: "en" },
  code: { page: "code", width: 390, scheme: "light", language: "en" },
  "code-dark": { page: "code", width: 390, scheme: "dark", language: "de" },
  open: { page: "open", width: 390, scheme: "light", language: "en" },
  problem: { page: "wrong_account", width: 390, scheme: "light", language: "en" },
  connections: { page: "connections", width: 760, scheme: "light", language: "en" },
  disconnect: { page: "disconnect", width: 390, scheme: "dark", language: "fr" },
};

const logo = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" rx="9" fill="#8a0f3c"/><path d="M27 14a9 9 0 1 0 0 12" fill="none" stroke="#fff" stroke-width="4"/></svg>`;
const branding: SignInBranding = {
  name: "Contoso",
  logo: `data:image/svg+xml;base64,${Buffer.from(logo).toString("base64")}`,
  accent: "#8a0f3c",
  supportUrl: "https://contoso.example/help",
  privacyUrl: "https://contoso.example/privacy",
};

/** The pages that are drawn, by the name of the picture. */
export function drawnPages(): ReadonlyMap<string, string> {
  const look = lookOf("https://login.microsoftonline.com", branding);
  return new Map(
    Object.entries(shots).map(([name, { page, language }]) => {
      const found = gallery().get(page);
      if (found === undefined) throw new Error(`There is no page ${page}.`);
      return [name, look.render(found, languageFor(language, languagesOf()))];
    }),
  );
}

/** What a picture was drawn from, without dates, which each version of Node writes in its own way. */
export function drawnFrom(html: string): string {
  const undated = html.replace(/<time[^]*?<\/time>(?:\s*<small>[^]*?<\/small>)?/g, "");
  return createHash("sha256").update(undated).digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await draw();

async function draw(): Promise<void> {
  const browser = await launchChromium();
  for (const [name, html] of drawnPages()) {
    const { width = 390, scheme = "light" } = shots[name] ?? {};
    const context = await browser.newContext({
      colorScheme: scheme,
      viewport: { width, height: 200 },
      permissions: ["clipboard-write"],
    });
    const page = await context.newPage();
    await page.clock.install({ time: 0 });
    // The clipboard, and so the button that copies, is there on https only.
    await page.route("https://sign-in.example.com/", (route) =>
      route.fulfill({ contentType: "text/html; charset=utf-8", body: html }),
    );
    await page.goto("https://sign-in.example.com/");
    const path = fileURLToPath(new URL(`screenshots/${name}.png`, import.meta.url));
    await page.screenshot({ path, fullPage: true });
    await context.close();
  }
  await browser.close();
  const from = Object.fromEntries([...drawnPages()].map(([name, html]) => [name, drawnFrom(html)]));
  writeFileSync(
    new URL("screenshots/drawn-from.json", import.meta.url),
    `${JSON.stringify(from, null, 2)}\n`,
  );
}
