import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import express from "express";
import type { Browser } from "playwright-core";
import { build } from "tsup";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConsentRequiredError } from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import { listening, type RunningHost } from "../support/listening.js";
import { launchChromium } from "../support/chromium.js";
import { consentFor } from "../support/consenting-access.js";
import { nobodyKnown } from "../support/responses-hosts.js";

const label = "<img src=x onerror=\"document.title='taken over'\">";
/** Of the sign-in service, which the policy of the guide allows. */
const shown = "https://sign-in.example.com/start?t=ticket";
const elsewhere = "https://elsewhere.example.com/consent?secret-elsewhere";
const asked: (string | undefined)[] = [];
let host: RunningHost;
let browser: Browser;

beforeAll(async () => {
  const script = await pageScript();
  const app = express();
  app.get(
    "/",
    (_, res) =>
      void res.send(
        '<!doctype html><title>chat</title><main></main><script type="module" src="/page.js"></script>',
      ),
  );
  app.get("/favicon.ico", (_, res) => void res.sendStatus(204));
  app.get("/page.js", (_, res) => void res.type("js").send(script));
  app.use(userContext(nobodyKnown));
  app.post(
    "/responses",
    responses(async function* ({ request }) {
      asked.push(request.previousResponseId);
      yield "Let me look. ";
      if (asked.length > 1) return yield "Here you are.";
      throw new ConsentRequiredError([consentFor(label, shown), consentFor("files", elsewhere)]);
    }),
  );
  host = await listening(createServer(app));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
});

/** The guide's own page, and what a chat has around it. */
async function pageScript(): Promise<string> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const guide = await readFile(join(root, "docs/guides/consent-in-clients.md"), "utf8");
  const [, block] = /```ts file=consent-card\.ts\n([\s\S]*?)```/.exec(guide) ?? expect.fail("no such block");
  const folder = await mkdtemp(join(tmpdir(), "consent-page-"));
  try {
    await writeFile(join(folder, "consent-card.ts"), block ?? "");
    await writeFile(
      join(folder, "page.ts"),
      `import { showTurn } from "./consent-card";
      async function* ask(previous_response_id?: string) {
        const answer = await fetch("/responses", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ input: "Whom do I know?", stream: true, previous_response_id }),
        });
        for (const [, data] of (await answer.text()).matchAll(/^data: (.*)$/gm)) yield JSON.parse(data);
      }
      const again = (id?: string): Promise<void> => showTurn(ask(id), document.querySelector("main")!, again);
      void again();`,
    );
    await build({
      entry: { page: join(folder, "page.ts") },
      outDir: join(folder, "dist"),
      outExtension: () => ({ js: ".mjs" }),
      platform: "browser",
      format: "esm",
      noExternal: [/./],
      esbuildOptions(options) {
        options.alias = { "hosted-agent-identity/consent": join(root, "src/consent/index.ts") };
      },
      config: false,
      silent: true,
    });
    return await readFile(join(folder, "dist/page.mjs"), "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("the page of the guide shows the request, opens nothing else, and goes on after the interrupted response", async () => {
  const page = await browser.newPage();
  const messages: string[] = [];
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(host.url);
  const link = page.getByRole("link", { name: "Sign in" });
  await link.waitFor();
  expect(await page.getByRole("link").count()).toBe(1);
  expect(await link.getAttribute("href")).toBe(shown);
  expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
  // The agent's words are text, and a link that the policy refuses is neither shown nor logged.
  expect(await page.locator("main").innerText()).toContain(label);
  expect([await page.locator("img").count(), await page.title()]).toEqual([0, "chat"]);
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(/^A consent link was not shown: .*not allowed/);
  expect(messages[0]).not.toContain("secret");
  expect(await page.content()).not.toContain("secret-elsewhere");

  await page.getByRole("button", { name: "I have signed in" }).click();
  await page.getByText("Here you are.").waitFor();
  expect(asked).toEqual([undefined, expect.stringMatching(/^caresp_/)]);
});
