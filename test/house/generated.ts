import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { longerFunctions, longestFunction } from "../../etc/limits.js";
import { floorRules, floorTable, type LintOverride } from "./floors.js";
import { root } from "./tree.js";

/** A file of the repository of which a part is generated. */
export interface GeneratedFile {
  readonly path: string;
  readonly actual: string;
  readonly expected: string;
}

/** The generated parts, as they are and as the tables in `etc` want them. */
export function generatedFiles(): readonly GeneratedFile[] {
  return [lintConfiguration(), architecturePage()];
}

function lintConfiguration(): GeneratedFile {
  const path = ".oxlintrc.json";
  const actual = readFileSync(join(root, path), "utf8");
  const { overrides: _, ...byHand } = JSON.parse(actual) as Readonly<Record<string, unknown>>;
  const expected = JSON.stringify({ ...byHand, overrides: [...lengthRules(), ...floorRules()] });
  return { path, actual, expected: formatted(path, expected) };
}

/** As `npm run lint` wants it. */
function formatted(path: string, text: string): string {
  const oxfmt = join(root, "node_modules/.bin/oxfmt");
  return execFileSync(oxfmt, ["--stdin-filepath", path], { cwd: root, input: text, encoding: "utf8" });
}

function lengthRules(): readonly LintOverride[] {
  return [
    lengthRule("src/**/*.ts", longestFunction),
    ...Object.entries(longerFunctions).map(([file, max]) => lengthRule(file, max)),
  ];
}

function lengthRule(file: string, max: number): LintOverride {
  const limit = { max, skipBlankLines: true, skipComments: true };
  return { files: [file], rules: { "max-lines-per-function": ["error", limit] } };
}

const begin = "<!-- floors: made by `npm run house -- --write` from etc/floors.ts -->";
const end = "<!-- end of floors -->";

function architecturePage(): GeneratedFile {
  const path = "docs/architecture.md";
  const actual = readFileSync(join(root, path), "utf8");
  const [before, rest] = actual.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${path} has no place for the floors.`);
  return { path, actual, expected: `${before}${begin}\n\n${floorTable()}\n\n${end}${after}` };
}
