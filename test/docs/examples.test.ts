import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Example {
  /** File and line where it stands, for the report. */
  readonly at: string;
  readonly code: string;
}

/** The `@example` blocks of a source file. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/@example\n \* ```ts\n([\s\S]*?) \* ```/g)].map((match) => ({
    at: `${relative(root, file)}:${text.slice(0, match.index).split("\n").length}`,
    code: (match[1] ?? "").replaceAll(/^ \* ?/gm, ""),
  }));
}

/** Blocks of a guide: each stands alone, except that `file=` names what a reader would call it. */
function blocksOf(file: string): Example[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/```ts(?: file=(\S+))?\n([\s\S]*?)```/g)].map((match) => ({
    at: `${file} ${match[1] ?? ""}`,
    code: match[2] ?? "",
  }));
}

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);
const examples = sources.flatMap((file) => examplesOf(join(root, "src", file)));
const readme = blocksOf("README.md");
const quickStart = readme.find(({ at }) => at === "README.md quick-start.ts");
const plainSdk = readme.find(({ at }) => at === "README.md quick-start-mcp-sdk.ts");

it("every example of the reference and the README compiles", async () => {
  expect(examples.length).toBeGreaterThan(20);
  // The second quick start is the first one with another agent.
  const [before = "", after = ""] = (quickStart?.code ?? "").split(/const agent = [\s\S]*?\n\}\);\n/);
  const variant = { at: "README.md plain SDK", code: before + (plainSdk?.code ?? "") + after };
  expect([before, after].map((half) => half.length > 200)).toEqual([true, true]);
  const guides = readdirSync(join(root, "docs/guides"), { encoding: "utf8" })
    .flatMap((file) => blocksOf(`docs/guides/${file}`))
    // Nest is in no project of ours: `npm run verify-package` installs it, compiles these programs and runs them.
    .filter(({ code }) => !code.includes('from "@nestjs/'));
  const all = [...examples, ...guides, ...readme.filter((block) => block !== plainSdk), variant];
  const folder = mkdtempSync(join(root, "test", ".examples-"));
  try {
    // A program of several files imports the others by the names that the page gives them.
    const named = (page: string, file: string): number =>
      all.findIndex(({ at }) => at === `${page} ${file}.ts`);
    all.forEach(({ at, code }, n) => {
      const [page = ""] = at.split(" ");
      const placed = code.replaceAll(/"\.\/([\w-]+)\.js"/g, (whole, file: string) =>
        named(page, file) < 0 ? whole : `"./example-${named(page, file)}.js"`,
      );
      writeFileSync(join(folder, `example-${n}.ts`), `${placed}\nexport {};\n`);
    });
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../tsconfig.json",
        compilerOptions: { noUnusedLocals: false, rootDir: "../.." },
        include: ["*.ts"],
      }),
    );
    const tsc = join(root, "node_modules/typescript7/bin/tsc");
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", folder]).catch(
      (cause: { stdout: string }) => cause,
    );
    const report = stdout.replaceAll(/\S*example-(\d+)\.ts/g, (_all, n: string) => all[Number(n)]?.at ?? "");
    expect(report).toBe("");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
