import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where environments are kept: outside the checkout, so that a fresh clone finds them. `FOREIGN_CACHE` moves it. */
export function cacheFolder(): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return process.env["FOREIGN_CACHE"] ?? join(caches, "hosted-agent-identity", "foreign");
}

/**
 * A folder whose content follows from its ingredients: made once, then kept. It is made under another name, so
 * that a run that breaks off leaves nothing that looks whole, and two runs at once do not mix.
 */
export async function keptFolder(
  name: string,
  ingredients: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(ingredients)).digest("hex").slice(0, 16);
  const kept = join(cacheFolder(), `${name}-${hash}`);
  if (existsSync(kept)) return kept;
  await mkdir(cacheFolder(), { recursive: true });
  const making = await mkdtemp(join(cacheFolder(), `.making-${name}-`));
  try {
    await make(making);
    await rename(making, kept);
  } catch (error) {
    // Another run may have been faster.
    if (!existsSync(kept)) throw error;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return kept;
}
