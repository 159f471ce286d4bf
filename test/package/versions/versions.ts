import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { keptInstall } from "../../support/kept-install.js";
import { startPostgres } from "../../support/postgres-server.js";
import { startRedis, startRedisCluster } from "../../support/redis-server.js";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

type Scene =
  | "express"
  | "fastify"
  | "hono"
  | "identity"
  | "redis"
  | "redis-cluster"
  | "other-redis"
  | "postgres"
  | "sign-in"
  | "telemetry";

/** What one scene is played with: packages and their versions. */
export interface Combination {
  readonly scene: Scene;
  readonly packages: Readonly<Record<string, string>>;
}

/** The lowest of what comes with the package, which is also what CI runs, and the highest known. */
export const lowestPair = { "@azure/msal-node": "7.2.1", jose: "6.2.17" };
export const highestPair = { "@azure/msal-node": "7.2.3", jose: "6.2.18" };

/** The lowest and the highest version of each part of each range in package.json. */
export const combinations: readonly Combination[] = [
  { scene: "sign-in", packages: lowestPair },
  { scene: "sign-in", packages: highestPair },
  ...each("redis", "redis", ["5.0.0", "5.12.1", "6.0.0", "6.3.1"]),
  ...each("redis-cluster", "redis", ["5.0.0", "5.12.1"]),
  ...each("other-redis", "redis", ["3.1.2", "4.7.1"]),
  ...each("other-redis", "ioredis", ["6.0.0"]),
  ...each("postgres", "pg", ["8.11.0", "8.23.1"]),
  ...each("identity", "@azure/identity", ["4.5.0", "4.14.1"]),
  ...each("express", "express", ["4.17.0", "4.22.3", "5.0.0", "5.3.0"]),
  ...each("fastify", "fastify", ["4.29.0", "4.29.1", "5.0.0", "5.12.8"]),
  ...each("hono", "hono", ["4.0.0", "4.13.19"]),
  ...each("telemetry", "@opentelemetry/api", ["1.9.0", "1.10.0"]),
];

function each(scene: Scene, name: string, versions: readonly string[]): readonly Combination[] {
  return versions.map((version) => ({ scene, packages: { ...highestPair, [name]: version } }));
}

/** Where the scenes are played. */
export interface VersionsWorkspace {
  /** Where every version is installed. */
  readonly kept: string;
  /** Plays one, in a folder with the packed package and these packages. Returns what it says at its end. */
  play(combination: Combination): Promise<string>;
  /** A folder that has the packed package and these packages in its `node_modules`, and nothing else. */
  project(packages: Readonly<Record<string, string>>): Promise<string>;
  remove(): Promise<void>;
}

/** Installs every version once, from the lockfile, and makes one file of each scene. */
export async function versionsWorkspace(tarball: string): Promise<VersionsWorkspace> {
  const kept = await keptInstall(here);
  const runs = await mkdtemp(join(kept, "run-"));
  const scenes = join(runs, "scenes");
  await build({
    entryPoints: [...new Set(combinations.map(({ scene }) => join(here, "scenes", `${scene}.ts`)))],
    outdir: scenes,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    // Without the paths of ours, by which the package would be taken from src.
    tsconfigRaw: "{}",
    logLevel: "error",
  });
  const project = async (packages: Readonly<Record<string, string>>): Promise<string> => {
    const folder = await mkdtemp(join(runs, "project-"));
    const installed = join(folder, "node_modules/hosted-agent-identity");
    await mkdir(installed, { recursive: true });
    await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components", "1"]);
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
    for (const [name, version] of Object.entries(packages)) {
      const link = join(folder, "node_modules", name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(kept, "node_modules", aliasOf(name, version)), link, "dir");
    }
    return folder;
  };
  return {
    kept,
    project,
    async play({ scene, packages }) {
      const folder = await project(packages);
      const server = await serverFor(scene);
      try {
        const file = join(folder, "scene.mjs");
        await run("cp", [join(scenes, `${scene}.mjs`), file]);
        const env = { ...process.env, STORE_URL: server?.urls.join() };
        const { stdout } = await run(process.execPath, [file], { cwd: folder, env }).catch(
          (failed: Error & { readonly stderr?: string }) => {
            throw new Error(failed.stderr || failed.message);
          },
        );
        return stdout.trim().split("\n").at(-1) ?? "";
      } finally {
        await server?.remove();
        await rm(folder, { recursive: true, force: true });
      }
    },
    remove: () => rm(runs, { recursive: true, force: true }),
  };
}

/** The servers that a scene needs. */
async function serverFor(
  scene: Scene,
): Promise<{ readonly urls: readonly string[]; remove(): Promise<void> } | undefined> {
  if (scene === "redis-cluster") return startRedisCluster({ replica: true });
  if (scene === "postgres") {
    const server = await startPostgres();
    return { urls: [server.url], remove: () => server.remove() };
  }
  if (scene !== "redis") return undefined;
  const server = await startRedis();
  return { urls: [server.url], remove: () => server.remove() };
}

/** The lockfile has each version under a name of its own: `express-4.17.0`, `azure-identity-4.5.0`. */
export function aliasOf(name: string, version: string): string {
  return `${name.replace(/^@/, "").replaceAll("/", "-")}-${version}`;
}
