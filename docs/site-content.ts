/**
 * What the documentation site is made of, without the tools that make it: the pages in Markdown, at their addresses
 * and with their links rewritten, and the navigation. A link to what is not there is an error.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { headingIds } from "./heading-ids.js";
import { pageLabels, sitePages } from "./site-pages.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A group of the navigation; its pages are files from the root of the repository. */
export interface Section {
  readonly title: string;
  readonly files: readonly string[];
}

/** An entry of the navigation. */
export interface NavigationLink {
  readonly text: string;
  readonly link: string;
}

export interface SiteContent {
  /** Text by its path on the site; the pages end in `.md`. */
  readonly pages: ReadonlyMap<string, string>;
  /** Images, by their path on the site: the file each is a copy of. */
  readonly images: ReadonlyMap<string, string>;
  readonly navigation: readonly { readonly text: string; readonly items: readonly NavigationLink[] }[];
}

/** All sections with their pages. Throws when a page is in none, or is not there. */
export function sectionsOf(listed: Readonly<Record<string, readonly string[]>> = sitePages): Section[] {
  const sections: Section[] = Object.entries(listed).map(([title, files]) => ({ title, files }));
  sections.splice(-1, 0, { title: "Examples", files: readmesOf("examples") });
  sections.push({ title: "Decisions", files: ["docs/decisions/README.md", ...markdownOf("docs/decisions")] });
  const known = sections.flatMap(({ files }) => files);
  const there = ["", "docs", "docs/guides"].flatMap(markdownOf);
  const missing = known.filter((file) => !existsSync(join(root, file)));
  const forgotten = [...there, "README.md"].filter((file) => !known.includes(file));
  const problems = [
    ...missing.map((file) => `${file} is in a section of docs/site-pages.ts, and does not exist`),
    ...forgotten.map((file) => `${file} is in no section of docs/site-pages.ts`),
  ];
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return sections;
}

/** Everything of the site but its home page and the API reference. */
export function siteContent(): SiteContent {
  const sections = sectionsOf();
  const files = sections.flatMap((section) => section.files);
  const pages = new Map<string, string>();
  const images = new Map<string, string>();
  const problems: string[] = [];
  for (const file of files) {
    const rewritten = withLinks(readPage(file), (target, isShown) => {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return target;
      try {
        return addressFrom(file, target, isShown, files, pages, images);
      } catch (error) {
        problems.push(`${file}: ${(error as Error).message}`);
        return target;
      }
    });
    pages.set(pageOf(file), rewritten);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const navigation = sections.map(({ title, files: those }) => ({
    text: title,
    items: those.map((file) => ({ text: labelOf(file), link: `/${pageOf(file).replace(/\.md$/, "")}` })),
  }));
  return { pages, images, navigation };
}

/** Where a file of the repository is on the site. */
export function pageOf(file: string): string {
  if (file === "README.md") return "overview.md";
  return file
    .replace(/^docs\//, "")
    .replace(/\/README\.md$/, ".md")
    .replace(/^[A-Z]+\.md$/, (name) => `project/${name.toLowerCase()}`);
}

/** A link of one file as it is on the site. What is neither page nor image gets a page that shows it. */
function addressFrom(
  file: string,
  target: string,
  isShown: boolean,
  files: readonly string[],
  pages: Map<string, string>,
  images: Map<string, string>,
): string {
  const [path = "", anchor] = decodeURIComponent(target).split("#");
  const linked = path === "" ? file : posix.normalize(posix.join(posix.dirname(file), path));
  if (!statSync(join(root, linked), { throwIfNoEntry: false })?.isFile())
    throw new Error(`the link ${target} leads to no file`);
  if (anchor !== undefined && files.includes(linked) && !headingIds(readPage(linked)).has(anchor))
    throw new Error(`the link ${target} leads to no heading`);
  let page = pageOf(linked);
  if (/\.(?:svg|png)$/.test(linked)) {
    images.set(isShown ? page : `public/${page}`, linked);
    if (!isShown) return `/${page}`;
  } else if (!files.includes(linked)) pages.set((page = sourcePageOf(linked)), sourcePage(linked));
  const relative = posix.relative(posix.dirname(pageOf(file)), page);
  return `${relative.startsWith(".") ? relative : `./${relative}`}${anchor === undefined ? "" : `#${anchor}`}`;
}

function sourcePageOf(file: string): string {
  return `source/${file.replaceAll(".", "-")}.md`;
}

/** A page that shows a file of the repository. */
function sourcePage(file: string): string {
  if (extname(file) === ".md") throw new Error(`${file} is in no section of docs/site-pages.ts`);
  const text = readFileSync(join(root, file), "utf8").trimEnd();
  const language = { ".ts": "ts", ".js": "js", ".json": "json", ".py": "py", ".yaml": "yaml" }[extname(file)];
  const matter = ["search: false", "aside: false", "prev: false", "next: false"];
  return `---\n${matter.join("\n")}\n---\n\n# ${file}\n\n\`\`\`\`${language ?? "txt"}\n${text}\n\`\`\`\`\n`;
}

/** The file's text without what only tools read. */
function readPage(file: string): string {
  return readFileSync(join(root, file), "utf8").replaceAll(/^<!--[^]*?-->\n/gm, "");
}

/** The text with the targets of its links, and of the images it shows, replaced; code stays as it is. */
function withLinks(text: string, replace: (target: string, isShown: boolean) => string): string {
  const code = /^[ \t]*(?<fence>`{3,})[^]*?^[ \t]*\k<fence>`*[ \t]*$|(?<ticks>`+)[^]*?\k<ticks>/;
  const link = /(?<before>!\[[^\]]*\]|\])\((?<target>[^()\s]+)(?<title>\s+"[^"]*")?\)/;
  return text.replaceAll(
    new RegExp(`${code.source}|${link.source}`, "gm"),
    (all: string, ...rest: unknown[]) => {
      const { before = "", target, title = "" } = rest.at(-1) as Readonly<Record<string, string | undefined>>;
      return target === undefined ? all : `${before}(${replace(target, before !== "]")}${title})`;
    },
  );
}

/** What the navigation calls a page: its heading, up to a colon. */
function labelOf(file: string): string {
  const [, heading = file] = /^# (.+)$/m.exec(readPage(file)) ?? [];
  return pageLabels[file] ?? heading.replaceAll("`", "").replace(/: .*/, "");
}

/** The pages of a folder; not its README, which is the folder's own page. */
function markdownOf(folder: string): string[] {
  const names = readdirSync(join(root, folder)).filter(
    (name) => name.endsWith(".md") && name !== "README.md",
  );
  return names.sort().map((name) => posix.join(folder, name));
}

function readmesOf(folder: string): string[] {
  const files = readdirSync(join(root, folder)).map((name) => `${folder}/${name}/README.md`);
  return files.filter((file) => existsSync(join(root, file))).sort();
}
