import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const tsc = fileURLToPath(new URL("../../node_modules/typescript7/bin/tsc", import.meta.url));

/** Installs what a folder's lockfile names, unless it is there already. */
export async function install(cwd: string): Promise<void> {
  const lock = createHash("sha256")
    .update(readFileSync(`${cwd}/package-lock.json`))
    .digest("hex");
  const stamp = `${cwd}/node_modules/.installed-lock`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  await run("npm", ["ci", "--ignore-scripts", "--omit=optional", "--prefer-offline"], { cwd });
  writeFileSync(stamp, lock);
}

/** What TypeScript says of a folder with a `tsconfig.json`: nothing, if all is well. */
export async function typeFaults(folder: string): Promise<string> {
  const { stdout } = await run(process.execPath, [tsc, "-p", `${folder}/tsconfig.json`]).catch(
    (failed: { stdout: string }) => failed,
  );
  return stdout;
}
