import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import { keptInstall } from "../../support/kept-install.js";
import type { Built } from "./scene.js";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

/** One way to build the program, with or without `@azure/identity` installed. */
export interface Build {
  readonly name: string;
  readonly identity: boolean;
  /** Builds into an empty folder. */
  build(out: string): Promise<Built>;
}

/** What can be built. */
export interface BundlerWorkspace {
  readonly builds: readonly Build[];
  remove(): Promise<void>;
}

/** Installs the bundlers, and lays the program and the packed package beside them: once with `@azure/identity`, once without. */
export async function bundlerWorkspace(tarball: string): Promise<BundlerWorkspace> {
  const kept = await keptInstall(here);
  const runs = await mkdtemp(join(kept, "run-"));
  const without = await project(join(runs, "without"), tarball);
  const withIdentity = await project(join(runs, "with"), tarball);
  await mkdir(join(withIdentity, "node_modules/@azure"));
  // The lockfile has it under another name: only this project may find it.
  await symlink(
    join(kept, "node_modules/azure-identity"),
    join(withIdentity, "node_modules/@azure/identity"),
  );
  return {
    builds: [
      // One is enough, and the slowest: that it builds without the package is what could break.
      nextBuild(kept, without),
      ...bundlers.flatMap((bundler) => [
        bundle(bundler, kept, withIdentity, true),
        bundle(bundler, kept, without, false),
      ]),
    ],
    remove: () => rm(runs, { recursive: true, force: true }),
  };
}

interface Bundler {
  readonly name: string;
  /** The file it makes. */
  readonly file: string;
  /** What Node is given, in the folder of the project. */
  args(modules: string, out: string): readonly string[];
}

/** Something below MSAL calls `require`; esbuild leaves that to the host, where an ES module has none. */
const requireBanner =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

const bundlers: readonly Bundler[] = [
  {
    name: "webpack, production",
    file: "main.cjs",
    args: (_, out) => ["webpack.mjs", out],
  },
  {
    name: "rollup with terser",
    file: "main.mjs",
    args: (modules, out) => [
      join(modules, "rollup/dist/bin/rollup"),
      ...["--config", "rollup.config.mjs", "--dir", out, "--silent"],
    ],
  },
  {
    name: "esbuild --minify, esm",
    file: "main.mjs",
    args: (modules, out) => [
      ...esbuild(modules, join(out, "main.mjs")),
      "--format=esm",
      `--banner:js=${requireBanner}`,
    ],
  },
  {
    name: "esbuild --minify, cjs",
    file: "main.cjs",
    args: (modules, out) => [...esbuild(modules, join(out, "main.cjs")), "--format=cjs"],
  },
];

function esbuild(modules: string, outfile: string): readonly string[] {
  const flags = ["--bundle", "--minify", "--platform=node", "--log-level=error"];
  return [join(modules, "esbuild/bin/esbuild"), "main.js", ...flags, `--outfile=${outfile}`];
}

/** What is built runs where nothing is installed: what it needs has to be in the bundle. */
function bundle({ name, file, args }: Bundler, kept: string, folder: string, identity: boolean): Build {
  return {
    name,
    identity,
    async build(out) {
      await node(folder, args(join(kept, "node_modules"), out));
      return { folder: out, args: [file], identity };
    },
  };
}

/** Next needs its own packages at run time, so it is built and started in its project. */
function nextBuild(kept: string, folder: string): Build {
  const next = join(kept, "node_modules/next/dist/bin/next");
  return {
    name: "Next.js, next build and next start",
    identity: false,
    async build() {
      await node(folder, [next, "build"]);
      return { folder, args: [next, "start", "--port", "PORT"], identity: false };
    },
  };
}

async function node(cwd: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" };
  await run(process.execPath, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 }).catch(
    (failed: Error & { readonly stdout?: string; readonly stderr?: string }) => {
      throw new Error(`It does not build.\n${failed.stdout ?? ""}${failed.stderr ?? failed.message}`);
    },
  );
}

/** A project of somebody who bundles: the program in JavaScript, the configurations, the packed package. */
async function project(folder: string, tarball: string): Promise<string> {
  const installed = join(folder, "node_modules/hosted-agent-identity");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components", "1"]);
  await cp(join(here, "config"), folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  for (const name of await readdir(join(here, "program"))) {
    const code = await readFile(join(here, "program", name), "utf8");
    const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
    const { outputText } = transpileModule(code, { compilerOptions });
    await writeFile(join(folder, name.replace(/\.ts$/, ".js")), outputText);
  }
  for (const [path, code] of Object.entries(nextRoutes)) {
    await mkdir(join(folder, "app", path), { recursive: true });
    await writeFile(join(folder, "app", path, "route.js"), code);
  }
  return folder;
}

/** Route handlers of Next's App Router. */
const nextRoutes: Readonly<Record<string, string>> = {
  responses: 'export { respond as POST } from "../../agent.js";\n',
  mcp: 'export { mcp as POST } from "../../agent.js";\n',
  developer:
    'export { developerToken as GET } from "../../agent.js";\nexport const dynamic = "force-dynamic";\n',
};
