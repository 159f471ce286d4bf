import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, posix } from "node:path";

/** The files of a built site, by their addresses. */
export interface BuiltSite {
  /** The HTML of each page. */
  readonly pages: ReadonlyMap<string, string>;
  readonly files: ReadonlySet<string>;
}

/** A link that goes nowhere, or what else is wrong with a page. */
export type Fault = string;

export function readSite(folder: string): BuiltSite {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
    (file) => `/${file.replaceAll("\\", "/")}`,
  );
  const html = files.filter((file) => file.endsWith(".html"));
  return {
    files: new Set(files),
    pages: new Map(html.map((file) => [file, readFileSync(join(folder, file), "utf8")])),
  };
}

/** Links and images that lead to no page, file or heading of the site. */
export function deadLinks({ pages, files }: BuiltSite): Fault[] {
  const ids = new Map(Array.from(pages, ([page, html]) => [page, idsOf(html)]));
  const links = Array.from(pages, ([page, html]) => linksOf(html).map((link) => ({ page, link }))).flat();
  const dead = links.filter(({ page, link }) => {
    const { path, anchor } = addressOf(page, link);
    if (!files.has(path)) return true;
    return anchor !== "" && ids.get(path)?.has(anchor) === false;
  });
  return dead.map(({ page, link }) => `${page} -> ${link}`);
}

/** Pages that nobody who begins at the home page finds. */
export function lostPages({ pages }: BuiltSite): Fault[] {
  const queue = ["/index.html"];
  const found = new Set(queue);
  for (const page of queue) {
    for (const link of linksOf(pages.get(page) ?? "")) {
      const { path } = addressOf(page, link);
      if (!pages.has(path) || found.has(path)) continue;
      found.add(path);
      queue.push(path);
    }
  }
  return [...pages.keys()].filter((page) => !found.has(page) && page !== "/404.html");
}

/** Diagrams that are shown as their source, pictures without words, and HTML that is shown as text. */
export function rawParts({ pages }: BuiltSite): Fault[] {
  return Array.from(pages, ([page, html]) => {
    const text = html.replaceAll(/<(pre|code)\b[^]*?<\/\1>/g, "");
    const faults = [
      ...(/language-mermaid|sequenceDiagram|flowchart (?:TD|LR)/.test(html) ? ["a raw diagram"] : []),
      ...(/&lt;(?:!--|br|a id|img|details|summary)\b/.test(text) ? ["HTML as text"] : []),
      ...[...html.matchAll(/<img\b[^>]*>/g)]
        .map(([image]) => image)
        .filter((image) => !/ alt="[^"]+"/.test(image) && !image.includes("/logo"))
        .map((image) => `a picture without words: ${image}`),
    ];
    return faults.map((fault) => `${page}: ${fault}`);
  }).flat();
}

/** Serves the files on loopback. */
export async function serveSite(folder: string): Promise<{ url: string; close(): Promise<void> }> {
  const types: Readonly<Record<string, string>> = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
  };
  const server = createServer((request, response) => {
    const { path } = addressOf("/", request.url ?? "/");
    const type = types[extname(path)] ?? "application/octet-stream";
    try {
      const content = readFileSync(join(folder, posix.normalize(path)));
      response.writeHead(200, { "content-type": type, "cache-control": "max-age=600" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** What a link on a page leads to. A folder is its index. */
function addressOf(page: string, link: string): { path: string; anchor: string } {
  const url = new URL(link, `http://site${page}`);
  const path = decodeURIComponent(url.pathname);
  return {
    path: path.endsWith("/") ? `${path}index.html` : path,
    anchor: decodeURIComponent(url.hash.slice(1)),
  };
}

function idsOf(html: string): ReadonlySet<string> {
  return new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id = ""]) => unescaped(id)));
}

/** Links that stay on the site. */
function linksOf(html: string): string[] {
  const all = Array.from(html.matchAll(/ (?:href|src)="([^"]*)"/g), ([, link = ""]) => unescaped(link));
  return [...new Set(all)].filter((link) => !/^[a-z][a-z0-9+.-]*:/i.test(link));
}

function unescaped(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
