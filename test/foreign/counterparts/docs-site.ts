import { deepStrictEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { sectionsOf } from "../../../docs/site-content.js";
import { launchChromium } from "../../support/chromium.js";
import { findings, overhang } from "../../support/page-checks.js";
import type { Counterpart } from "../counterpart.js";
import { deadLinks, lostPages, rawParts, readSite, serveSite } from "../site/built-site.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const dist = join(root, "docs/site/dist");
/** Pages of each kind, which are looked at in every size and color. */
const sample = [
  "/index.html",
  "/overview.html",
  "/guides/on-behalf-of.html",
  "/api/hosted-agent-identity/express/index.html",
  "/api/hosted-agent-identity/functions/onBehalfOf.html",
];
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };
/** The search button of VitePress shows its shortcut, which is no part of its name. */
const known =
  'label-content-name-mismatch: <button type="button" class="DocSearch DocSearch-Button" aria-label="Search">';
/** Pages are opened by so many tabs at once. */
const tabs = 4;
/** What a reader types, and the page that has to be among the first. */
const searches = [
  ["onBehalfOf", "onBehalfOf"],
  ["Python pattern", "Moving from the Python pattern"],
  ["knownClientApplications", "On-behalf-of"],
] as const;

/** The documentation site, as VitePress and TypeDoc make it and as Chromium shows it. */
export const docsSite: Counterpart = {
  name: "docs-site",
  timeoutMs: 1_800_000,
  async run({ checks, children, atEnd }) {
    const built = await children.run({ program: "npm", args: ["run", "--silent", "docs"], cwd: root });
    const isQuiet = built.code === 0 && !/warn|\(!\)/i.test(built.output);
    checks.add("npm run docs builds it without a warning", isQuiet ? undefined : built.output.slice(-4_000));
    if (built.code !== 0) return "";

    const site = readSite(dist);
    await checks.check("every page of the list and every entry of the package is there", () => {
      const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: object };
      const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"));
      for (const entry of entries)
        ok(site.pages.has(`/api/hosted-agent-identity${entry.slice(1)}/index.html`), entry);
      const listed = sectionsOf().flatMap(({ files }) => files).length;
      ok(site.pages.size > listed + entries.length * 2, `there are only ${site.pages.size} pages`);
    });
    await checks.check("no dead link, anchor or image", () => deepStrictEqual(deadLinks(site), []));
    await checks.check("every page is found from the home page", () => deepStrictEqual(lostPages(site), []));
    await checks.check("no raw diagram, no picture without words", () => deepStrictEqual(rawParts(site), []));

    const server = await serveSite(dist);
    atEnd(() => server.close());
    const browser = await launchChromium();
    atEnd(() => browser.close());
    const open = opener(browser, server.url);

    await checks.check("every page opens on a phone without an error, and is no wider than it", async () => {
      const queue = [...site.pages.keys()].filter((page) => page !== "/404.html");
      const faults: string[] = [];
      const work = () =>
        open({ viewport: phone }, async (page, said) => {
          for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
            await page.goto(server.url + path);
            const wider = await overhang(page);
            if (wider > 0) faults.push(`${path} is ${wider} pixels too wide`);
            faults.push(...said.splice(0).map((line) => `${path}: ${line}`));
          }
        });
      await Promise.all(Array.from({ length: tabs }, work));
      deepStrictEqual(faults, []);
    });
    const looks = [phone, desktop].flatMap((viewport) =>
      (["light", "dark"] as const).map((colorScheme) => ({ viewport, colorScheme })),
    );
    await Promise.all(
      looks.map((look) =>
        checks.check(`at ${look.viewport.width} pixels, ${look.colorScheme}: no serious fault`, () =>
          open(look, async (page, said) => {
            const faults: string[] = [];
            for (const path of sample) {
              await page.goto(server.url + path);
              await page.locator("h1").first().waitFor();
              const isDark = await page.evaluate(() => document.documentElement.classList.contains("dark"));
              if (isDark !== (look.colorScheme === "dark")) faults.push(`${path} has the wrong color`);
              const wider = await overhang(page);
              if (wider > 0) faults.push(`${path} is ${wider} pixels too wide`);
              const found = (await findings(page)).filter((finding) => finding !== known);
              faults.push(...[...found, ...said.splice(0)].map((line) => `${path}: ${line}`));
            }
            deepStrictEqual(faults, []);
          }),
        ),
      ),
    );
    await checks.check("the search finds functions, guides and words within them", () =>
      open({ viewport: desktop }, async (page) => {
        await page.goto(`${server.url}/index.html`);
        await page.locator("#local-search button").click();
        for (const [words, title] of searches) {
          await page.locator("#localsearch-input").fill(words);
          const found = page.locator("#localsearch-list .result").filter({ hasText: title });
          await found.first().waitFor();
        }
      }),
    );
    return versions();
  },
};

/** Opens tabs that note what goes wrong in them, and whatever they fetch from elsewhere. */
function opener(browser: Browser, url: string) {
  return async (
    options: BrowserContextOptions,
    look: (page: Page, said: string[]) => Promise<void>,
  ): Promise<void> => {
    const context = await browser.newContext(options);
    // Without it, every page fetches all pages that it links to.
    await context.addInitScript(() =>
      Object.defineProperty(navigator, "connection", { value: { saveData: true } }),
    );
    try {
      const page = await context.newPage();
      const said: string[] = [];
      page.on("console", (message) => message.type() === "error" && said.push(message.text()));
      page.on("pageerror", (error) => said.push(error.message));
      page.on("request", (request) => {
        if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(`${url}/`))
          said.push(`fetches ${request.url()}`);
      });
      await look(page, said);
    } finally {
      await context.close();
    }
  };
}

function versions(): string {
  const names = ["vitepress", "typedoc", "typedoc-plugin-markdown"];
  const { packages } = JSON.parse(readFileSync(join(root, "docs/site/package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string }>;
  };
  return names.map((name) => `${name} ${packages[`node_modules/${name}`]?.version}`).join(", ");
}
