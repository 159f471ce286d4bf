import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

/** An empty project that has installed what `npm pack` would publish, and the peers it names. */
export interface InstalledPackage {
  readonly folder: string;
  /** The files of the tarball. */
  readonly files: readonly string[];
  /** What npm downloads. */
  readonly packedBytes: number;
  remove(): Promise<void>;
}

/** Packs the package and lays it into an empty folder, with the named packages of this repository beside it. */
export async function installTarball(peers: readonly string[]): Promise<InstalledPackage> {
  const folder = await mkdtemp(join(tmpdir(), "installed-package-"));
  const packed = await packTarball(folder);
  const target = join(folder, "node_modules", "hosted-agent-identity");
  await mkdir(target, { recursive: true });
  await run("tar", ["-xzf", packed.file, "-C", target, "--strip-components", "1"]);
  await rm(packed.file);
  for (const name of ["@azure/msal-node", "jose", ...peers]) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, "node_modules", name), link, "dir");
  }
  return {
    folder,
    files: packed.files,
    packedBytes: packed.bytes,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What `npm pack` would publish, as a file in this folder, the files in it, and its size. */
export async function packTarball(
  folder: string,
): Promise<{ readonly file: string; readonly files: readonly string[]; readonly bytes: number }> {
  await buildIfStale();
  const { stdout } = await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], {
    cwd: root,
  });
  const [packed] = JSON.parse(stdout) as { filename: string; size: number; files: { path: string }[] }[];
  if (packed === undefined) throw new Error("npm pack packed nothing");
  const files = packed.files.map(({ path }) => path);
  return { file: join(folder, packed.filename), files, bytes: packed.size };
}

/** Runs a program of the project's own kind in its folder. */
export async function runNode(
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { stdout } = await run(process.execPath, [...args], { cwd: folder, env: { ...process.env, ...env } });
  return stdout;
}

/** `npm test` builds first; a single test run on its own must not test yesterday's build. */
export async function buildIfStale(): Promise<void> {
  const built = await stat(join(root, "dist/index.d.ts")).catch(() => undefined);
  if (built !== undefined && built.mtimeMs > (await newest(join(root, "src")))) return;
  await run("npm", ["run", "--silent", "build"], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
}

async function newest(folder: string): Promise<number> {
  let latest = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    latest = Math.max(latest, (await stat(join(entry.parentPath, entry.name))).mtimeMs);
  }
  return latest;
}
