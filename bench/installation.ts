import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Row } from "./table.js";

const run = promisify(execFile);
const here = fileURLToPath(new URL("..", import.meta.url));
const mega = 1024 * 1024;
/** What `blocks` of a file are counted in, in bytes. */
const block = 512;

/** What `npm install` of the packed package puts into an empty folder: packages, this one included, and what their files take of the disk. */
export async function installation(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "hosted-agent-identity-bench-"));
  try {
    const { stdout } = await run(
      "npm",
      ["pack", "--json", "--ignore-scripts", "--pack-destination", folder],
      {
        cwd: here,
      },
    );
    const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[];
    await writeFile(join(folder, "package.json"), '{ "private": true }');
    const tarball = join(folder, packed?.filename ?? "");
    const quiet = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    await run("npm", ["install", ...quiet, tarball], { cwd: folder });
    const modules = join(folder, "node_modules");
    const { packages, bytes } = await contentOf(modules);
    const own = await contentOf(join(modules, "hosted-agent-identity"));
    return [
      { what: "npm install of the tarball, packages", unit: "packages", budget: 19, ours: packages },
      {
        what: "npm install of the tarball, on disk",
        unit: "MB",
        budget: 14,
        ours: bytes / mega,
        note: `${(own.bytes / mega).toPrecision(3)} MB of it are the package itself.`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How many packages lie in a folder, and what its files take of the disk. */
async function contentOf(folder: string): Promise<{ readonly packages: number; readonly bytes: number }> {
  let [packages, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // A package has its manifest directly below its name, with or without a scope.
    if (entry.name === "package.json" && /node_modules\/(@[^/]+\/)?[^/@][^/]*$/.test(entry.parentPath))
      packages += 1;
    if (entry.isFile()) bytes += (await lstat(path)).blocks * block;
  }
  return { packages, bytes };
}
