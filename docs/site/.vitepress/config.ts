import { readFileSync } from "node:fs";
import { defineConfig, type DefaultTheme, type MarkdownRenderer } from "vitepress";
import { headingId } from "../../heading-ids.js";

type Item = DefaultTheme.SidebarItem;
/** An entry of the navigation that TypeDoc writes. */
interface ApiEntry {
  readonly title: string;
  readonly path?: string;
  readonly children?: readonly ApiEntry[];
}

const site = new URL("..", import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, site), "utf8"));
const { name, version, description, repository } = read("../../package.json");
const guides: Item[] = read("pages/navigation.json");
const api: readonly ApiEntry[] = read("pages/api.json");
const repositoryPage = /https:.*?(?=\.git$|$)/.exec(repository?.url ?? "")?.[0];

export default defineConfig({
  title: name,
  description,
  lang: "en-US",
  srcDir: "pages",
  outDir: "dist",
  // VitePress puts no base before what is in the head.
  transformHead: ({ siteData: { base } }) => [
    ["link", { rel: "icon", href: `${base}logo.svg`, type: "image/svg+xml" }],
  ],
  // A page in Markdown has no HTML: what looks like a tag in it is text.
  markdown: {
    html: false,
    // Those of VitePress have comments that are too pale.
    theme: { light: "github-light-high-contrast", dark: "github-dark-default" },
    attrs: { disable: true },
    anchor: { slugify: headingId },
    config: (md) => {
      showBraces(md);
      makeTablesReachable(md);
      makeDiagramsReachable(md);
    },
  },
  // An image in a style sheet or a page is a file, never a part of it.
  vite: { build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 2_000 } },
  themeConfig: {
    siteTitle: name,
    logo: { src: "/logo.svg", alt: "" },
    outline: [2, 3],
    search: {
      provider: "local",
      options: {
        detailedView: true,
        miniSearch: { searchOptions: { boostDocument } },
      },
    },
    nav: [
      { text: "Guides", link: "/guides/quick-start", activeMatch: "^/(guides|overview)" },
      { text: "Security", link: "/security" },
      { text: "Errors", link: "/errors" },
      { text: "API", link: "/api/", activeMatch: "^/api/" },
      { text: `v${version}`, link: "/project/changelog" },
    ],
    ...(repositoryPage && { socialLinks: [{ icon: "github", link: repositoryPage }] }),
    sidebar: {
      ...Object.fromEntries(api.map((entry) => [`/api/${folderOf(entry)}`, apiSidebar(entry)])),
      "/api/": apiSidebar(),
      "/": [...guides.map(folded), { text: "API reference", items: api.map(toItem) }],
    },
    docFooter: { prev: "Previous", next: "Next" },
    footer: { message: "Released under the MIT License." },
  },
});

/** A section whose first page has its name is that page, with the others folded under it. */
function folded({ text, items = [] }: Item): Item {
  const [first, ...others] = items;
  if (first?.text !== text) return { text, items };
  return { text, link: first?.link, collapsed: true, items: others };
}

/** All entries of the package, that of the page open. */
function apiSidebar(current?: ApiEntry): Item[] {
  const modules = api.map((entry): Item => {
    if (entry !== current) return toItem(entry);
    return {
      ...toItem(entry),
      collapsed: false,
      items: (entry.children ?? []).map((child) => group(entry, child)),
    };
  });
  return [{ text: "API reference", link: "/api/", items: modules }];
}

/** What can be folded is a link too: a button that has another in it is none for a screen reader. */
function group(module: ApiEntry, { title, children = [] }: ApiEntry): Item {
  const link = `${toItem(module).link}#${headingId(title)}`;
  return { text: title, link, collapsed: false, items: children.map(toItem) };
}

function toItem({ title, path = "" }: ApiEntry): Item {
  return { text: title, link: `/api/${path.replace(/(?:index)?\.md$/, "")}` };
}

function folderOf({ path = "" }: ApiEntry): string {
  return path.replace(/index\.md$/, "");
}

/**
 * A guide is what most people look for; the changelog is what they look for last. VitePress sends its text to the
 * browser, so it can call nothing of this file.
 */
function boostDocument(id: string): number {
  if (id.includes("/project/")) return 0.3;
  return id.includes("/api/") ? 0.6 : 1;
}

/** Vue reads two braces in text as code of its own. */
function showBraces(md: MarkdownRenderer): void {
  const plain = md.renderer.rules.text!;
  md.renderer.rules.text = (...args) => plain(...args).replaceAll("{{", "&#123;&#123;");
}

/** A wide table scrolls in its own box, which the keyboard has to reach. */
function makeTablesReachable(md: MarkdownRenderer): void {
  md.renderer.rules.table_open = () => '<table tabindex="0">\n';
}

/** So does a drawing on a phone: made smaller, nobody could read it. */
function makeDiagramsReachable(md: MarkdownRenderer): void {
  const plain = md.renderer.rules.image!;
  md.renderer.rules.image = (tokens, index, ...rest) => {
    const image = plain(tokens, index, ...rest);
    const isDrawing = tokens[index]?.attrGet("src")?.endsWith(".svg") === true;
    return isDrawing ? `<span class="drawing" tabindex="0">${image}</span>` : image;
  };
}
