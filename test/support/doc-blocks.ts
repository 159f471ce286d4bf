import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainSdkQuickStart } from "./quick-start.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A code block of a page. */
export interface DocBlock {
  /** The page and the file's name, for reports. */
  readonly at: string;
  /** What a reader would call it: `file=` behind the language. */
  readonly file: string | undefined;
  readonly language: string;
  readonly code: string;
}

/** The code blocks of a page, from the root of the repository. */
export function docBlocks(page: string): readonly DocBlock[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```/gm)].map(
    ([, language = "", file, code = ""]) => ({ at: `${page} ${file ?? ""}`.trim(), file, language, code }),
  );
}

/** Every TypeScript program of the README and the guides. */
export function docPrograms(): readonly DocBlock[] {
  const pages = readdirSync(join(root, "docs/guides"), { encoding: "utf8" }).filter((name) =>
    name.endsWith(".md"),
  );
  const blocks = ["README.md", ...pages.map((name) => `docs/guides/${name}`)].flatMap(docBlocks);
  // Nest is in no project of ours: a reader of its page installs it, compiles its programs and runs them.
  const programs = blocks.filter(
    ({ language, code }) => (language === "ts" || language === "tsx") && !code.includes('from "@nestjs/'),
  );
  // The second quick start is the first one with another agent.
  return programs.map((block) =>
    block.at === "README.md quick-start-mcp-sdk.ts" ? { ...block, code: plainSdkQuickStart() } : block,
  );
}
