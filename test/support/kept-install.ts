import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const stamp = ".installed";

/**
 * Installs what the lockfile in a folder names, outside of the checkout, where every later run with the same
 * lockfile finds it. Returns the folder that has the `node_modules`.
 */
export async function keptInstall(folder: string): Promise<string> {
  const lock = await readFile(join(folder, "package-lock.json"));
  const hash = createHash("sha256").update(lock).update(process.platform).update(process.arch).digest("hex");
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "hosted-agent-identity");
  const kept = join(cache, `${basename(folder)}-${hash.slice(0, 16)}`);
  if (existsSync(join(kept, stamp))) return kept;
  await mkdir(cache, { recursive: true });
  // Made beside and moved: a run that is killed, or a second one, leaves no half of an installation.
  const fresh = await mkdtemp(`${kept}-`);
  try {
    for (const file of ["package.json", "package-lock.json"])
      await copyFile(join(folder, file), join(fresh, file));
    await run("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: fresh });
    await writeFile(join(fresh, stamp), "");
    await rename(fresh, kept);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(join(kept, stamp))) throw cause;
  }
  return kept;
}
