import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { packageFailure } from "../../src/errors.js";
import { runNode } from "../support/tarball.js";

/** Three packages: one imports what is not installed, one throws, and `absent` is not there. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "package-failure-"));
  await lay("incomplete", { module: 'import "absent";', commonjs: 'require("absent");' });
  await lay("broken", { module: 'throw new Error("boom");', commonjs: 'throw new Error("boom");' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lay(
  name: string,
  code: { readonly module: string; readonly commonjs: string },
): Promise<void> {
  const at = join(folder, "node_modules", name);
  await mkdir(at, { recursive: true });
  await writeFile(join(at, "index.mjs"), code.module);
  await writeFile(join(at, "index.cjs"), code.commonjs);
  const exports = { import: "./index.mjs", require: "./index.cjs" };
  await writeFile(join(at, "package.json"), JSON.stringify({ name, exports }));
}

/** What Node itself throws: the test runner's own loader words it differently. */
async function imported(name: string): Promise<Error> {
  const code = `import(${JSON.stringify(name)}).catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`;
  const { message, ...rest } = JSON.parse(await runNode(folder, ["-e", code])) as { message: string };
  return Object.assign(new Error(message), rest);
}

async function required(name: string): Promise<Error> {
  try {
    createRequire(join(folder, "index.js"))(name);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${name} loads`);
}

it.each([
  ["import", "absent", imported, "missing_dependency"],
  ["require", "absent", required, "missing_dependency"],
  ["import", "absent/part", imported, "missing_dependency"],
  ["import", "incomplete", imported, "dependency_failed"],
  ["require", "incomplete", required, "dependency_failed"],
  ["import", "broken", imported, "dependency_failed"],
  ["require", "broken", required, "dependency_failed"],
])("%s of %s: what failed is told from what is not installed", async (_, name, load, code) => {
  const cause = await load(name);
  const [installable = ""] = name.split("/");
  const failure = packageFailure(installable, "developer()", cause);
  expect(failure).toMatchObject({ code, cause });
  expect(failure.message).toContain(`developer() needs the package ${installable}`);
  expect(failure.message.includes(`npm install ${installable}`)).toBe(code === "missing_dependency");
});
