import { existsSync } from "node:fs";
import { apart, floors, reserved } from "../../etc/floors.js";

/** One entry of `overrides` in `.oxlintrc.json`. */
export interface LintOverride {
  readonly files: readonly string[];
  readonly rules: Readonly<Record<string, unknown>>;
}

/** How deep a folder that stands apart may go. */
const depths = [0, 1, 2, 3];

/** Every folder of the table, lowest first. */
export const folders: readonly string[] = [
  ...floors.flatMap((floor) => Object.keys(floor)),
  ...Object.keys(apart),
];

/** What the files of a folder may import besides their own. */
export function importable(folder: string): readonly string[] {
  const fixed = apart[folder];
  if (fixed !== undefined) return fixed.imports;
  const own = floors.findIndex((floor) => folder in floor);
  return floors.slice(0, own).flatMap((floor) => Object.keys(floor));
}

/** The floors as rules of oxlint. */
export function floorRules(): readonly LintOverride[] {
  return folders.flatMap((folder) => [
    ...(folder in apart ? rulesByDepth(folder) : [rule(folder, `src/${folder}/**/*.ts`, "(\\.\\./)+")]),
    ...faceRule(folder),
  ]);
}

/** Folders inside may be named like those of `src` (`testing/entra`), so each depth has its own way up to `src`. */
function rulesByDepth(folder: string): readonly LintOverride[] {
  const rules = depths.map((depth) =>
    rule(folder, `src/${folder}/${"*/".repeat(depth)}*.ts`, `(\\.\\./){${depth + 1}}`),
  );
  return [...rules, { files: [`src/${folder}/index.ts`], rules: { "no-restricted-imports": "off" } }];
}

function rule(folder: string, files: string, up: string): LintOverride {
  const may = importable(folder);
  const banned = folders.filter((other) => other !== folder && !may.includes(other));
  const packages = Object.entries(reserved).filter(([owner]) => owner !== folder);
  const names = [`${up}((${banned.join("|")})(/|\\.js$)|index\\.js$)`, ...packages.map(([, name]) => name)];
  return restricted(files, names, `src/${folder} imports its own folder and ${may.join(", ") || "no other"}`);
}

/** `src/errors.ts` stands above its folder and only passes on what is in it. */
function faceRule(folder: string): readonly LintOverride[] {
  const face = `src/${folder}.ts`;
  if (!existsSync(face)) return [];
  const banned = folders.filter((other) => other !== folder);
  return [restricted(face, [`\\./(${banned.join("|")})/`], `${face} imports only from ${folder}/`)];
}

function restricted(files: string, names: readonly string[], what: string): LintOverride {
  const pattern = { regex: `^(${names.join("|")})`, message: `${what}: see etc/floors.ts.` };
  return { files: [files], rules: { "no-restricted-imports": ["error", { patterns: [pattern] }] } };
}

/** The floors as the table of `docs/architecture.md`, highest first, as a house is drawn. */
export function floorTable(): string {
  const cells = (floor: Readonly<Record<string, string>>) =>
    Object.entries(floor).map(([folder, about]) => `| \`${folder}/\` | ${about} |`);
  const rows = floors.toReversed().flatMap((floor, at) => {
    const [first = "", ...others] = cells(floor);
    return [`| ${floors.length - at} ${first}`, ...others.map((other) => `| ${other}`)];
  });
  const beside = Object.entries(apart).map(
    ([folder, { about, imports }]) =>
      `| apart | \`${folder}/\` | ${about}; imports only ${imports.map((name) => `\`${name}/\``).join(", ")} |`,
  );
  return ["| floor | folder | what it is for |", "|---|---|---|", ...rows, ...beside].join("\n");
}
