import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sitePages } from "../../docs/site-pages.js";
import { launchChromium } from "../support/chromium.js";
import { findings, overhang } from "../support/page-checks.js";

/** One page of each kind. */
const sample = [
  "index.html",
  "guides/quick-start.html",
  "errors.html",
  "modules/index.html",
  "functions/index.onBehalfOf.html",
  "interfaces/index.EntraAppOptions.html",
];
/** TypeDoc's own markup, which no style sheet can change: in its navigation, a module's heading both folds and links. */
const known = ["nested-interactive"];
const phone = { width: 360, height: 740 };
const root = fileURLToPath(new URL("../..", import.meta.url));
const site = mkdtempSync(join(tmpdir(), "site-"));
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};
const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent((request.url ?? "/").replace(/\?.*/, "")));
  try {
    const content = readFileSync(join(site, path));
    response
      .writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" })
      .end(content);
  } catch {
    // Browsers ask for it by themselves; the site has none.
    response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
  }
});
let browser: Browser;
let pages: ReadonlyMap<string, string>;

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  // A process of its own: TypeDoc holds this one's event loop for seconds.
  const build = [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "docs/build-site.ts"), site];
  [browser] = await Promise.all([
    launchChromium(),
    promisify(execFile)(process.execPath, build, { cwd: root }),
  ]);
  const files = readdirSync(site, { recursive: true, encoding: "utf8" });
  const html = files.filter((file) => file.endsWith(".html"));
  pages = new Map(html.map((file) => [file.replaceAll("\\", "/"), readFileSync(join(site, file), "utf8")]));
}, 180_000);

afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  rmSync(site, { recursive: true, force: true });
});

describe("the documentation site", () => {
  it("has a page for every guide", () => {
    const guides = readdirSync(join(root, "docs/guides"));
    expect(Object.values(sitePages).flat()).toEqual(
      expect.arrayContaining(guides.map((file) => `docs/guides/${file}`)),
    );
    for (const file of guides) expect([...pages.keys()]).toContain(`guides/${file.replace(".md", ".html")}`);
  });

  it("has no link to a page, file or heading that is not there", () => {
    const files = new Set(
      readdirSync(site, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/")),
    );
    const ids = new Map([...pages].map(([file, html]) => [file, idsOf(html)]));
    const links = [...pages].flatMap(([from, html]) => linksOf(html).map((link) => ({ from, link })));
    const broken = links.filter(({ from, link }) => {
      const [path = "", anchor] = link.split("#");
      const to = path === "" ? from : normalize(join(dirname(from), decodeURIComponent(path)));
      if (!files.has(to)) return true;
      const isHeading = anchor !== undefined && anchor !== "" && ids.has(to);
      return isHeading && ids.get(to)?.has(decodeURIComponent(anchor)) === false;
    });
    expect(links.length).toBeGreaterThan(1_000);
    expect(broken.map(({ from, link }) => `${from} -> ${link}`)).toEqual([]);
  });

  it.each(sample)("%s opens without an error and fetches nothing from elsewhere", async (file) => {
    await withPage(file, undefined, async (page, said) => {
      await page.locator("h1").first().waitFor();
      await page.locator("#tsd-nav-container a").first().waitFor({ state: "attached" });
      expect(said).toEqual([]);
    });
  });

  it.each([
    ["onBehalfOf", "onBehalfOf"],
    ["Python pattern", "Moving from the Python pattern"],
    ["knownClientApplications", "On-behalf-of: exchange the caller's token"],
  ])("search for %s finds %s", async (words, title) => {
    await withPage("index.html", undefined, async (page) => {
      await page.locator("#tsd-search-trigger").click();
      await page.locator("#tsd-search-input").pressSequentially(words);
      const found = page.locator("#tsd-search-results li").filter({ hasText: title });
      await found.first().waitFor();
      expect(await found.count()).toBeGreaterThan(0);
    });
  });

  it("can be read on a phone: no page is wider than it", async () => {
    const guides = [...pages.keys()].filter((file) => file.startsWith("guides/"));
    await withPage("index.html", phone, async (page) => {
      const wide: string[] = [];
      for (const file of new Set([...guides, ...sample])) {
        await page.goto(addressOf(file));
        if ((await overhang(page)) > 0) wide.push(file);
      }
      expect(wide).toEqual([]);
    });
  });

  it.each(["index.html", "guides/on-behalf-of.html", "functions/index.onBehalfOf.html"])(
    "%s has no serious accessibility fault",
    async (file) => {
      await withPage(file, undefined, async (page) => {
        const found = await findings(page);
        expect(found.filter((finding) => !known.some((id) => finding.startsWith(`${id}:`)))).toEqual([]);
      });
    },
  );
});

async function withPage(
  file: string,
  viewport: { width: number; height: number } | undefined,
  look: (page: Page, said: readonly string[]) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(viewport === undefined ? {} : { viewport });
  try {
    const page = await context.newPage();
    const said: string[] = [];
    page.on("console", (message) => message.type() === "error" && said.push(message.text()));
    page.on("pageerror", (error) => said.push(error.message));
    page.on("request", (request) => {
      if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(addressOf("")))
        said.push(`fetches ${request.url()}`);
    });
    await page.goto(addressOf(file));
    await look(page, said);
  } finally {
    await context.close();
  }
}

function addressOf(file: string): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${file}`;
}

function idsOf(html: string): Set<string> {
  return new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = ""]) => unescaped(id)));
}

/** Links that stay on the site. */
function linksOf(html: string): string[] {
  const all = [...html.matchAll(/ (?:href|src)="([^"]+)"/g)].map(([, link = ""]) => unescaped(link));
  return all.filter((link) => !/^[a-z][a-z0-9+.-]*:/i.test(link)).map((link) => link.replace(/\?[^#]*/, ""));
}

function unescaped(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
