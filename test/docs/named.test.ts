import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as aiSdk from "hosted-agent-identity/ai-sdk";
import * as openAiAgents from "hosted-agent-identity/openai-agents";
import type { OptionCheck } from "../../src/options/option-table.js";
import { entries, factories, methods, type Factory } from "../options/factories.js";

// Whatever a user can call or set has to be said somewhere that a user reads: the README, a page of docs, or the
// README of an example. The generated catalogue of errors does not count.

const root = fileURLToPath(new URL("../..", import.meta.url));

const documents = [
  "README.md",
  ...pagesIn("docs").filter((page) => !["docs/errors.md", "docs/entra-codes.md"].includes(page)),
  ...pagesIn("examples"),
];

/** What stands in code, in a span or in a block, and the headings of pages. */
const said = documents
  .flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    const blocks = [...text.matchAll(/^```[\s\S]*?^```/gm)].map(([block]) => block);
    const spans = [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/`[^`\n]+`/g)].map(([span]) => span);
    return [...blocks, ...spans];
  })
  .join("\n");

describe("a document names", () => {
  it("each export of each entry", () => {
    const all = { ...entries, "./ai-sdk": aiSdk, "./openai-agents": openAiAgents };
    const exports = Object.entries(all).flatMap(([entry, names]) =>
      Object.keys(names).map((name) => ({ entry, name })),
    );
    expect(exports.length).toBeGreaterThan(70);
    expect(missing(exports.map(({ entry, name }) => [entry, name]))).toEqual([]);
  });

  it("each option of each function", () => {
    const options = [
      ...Object.values(factories).flatMap((entry) => Object.entries(entry)),
      ...Object.entries(methods),
    ];
    const names = options.flatMap(([factory, { table = {} }]: [string, Factory]) =>
      namesIn(table).map((name) => [factory, name] as const),
    );
    expect(names.length).toBeGreaterThan(150);
    expect(missing(names)).toEqual([]);
  });
});

function namesIn(table: Readonly<Record<string, OptionCheck<unknown>>>): readonly string[] {
  // The members of list items stand in the reference alone: an emulator's apps have twenty.
  return Object.entries(table).flatMap(([name, { kind, parts = {} }]) => [
    name,
    ...(kind === "list" ? [] : namesIn(parts)),
  ]);
}

function missing(names: readonly (readonly [where: string, name: string])[]): readonly string[] {
  const unsaid = names.filter(([, name]) => !new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(said));
  return [...new Set(unsaid.map((one) => one.join(" ")))].sort();
}

function pagesIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md") && !/(?:^|\/)(?:node_modules|site)\//.test(file))
    .map((file) => `${folder}/${file}`);
}
