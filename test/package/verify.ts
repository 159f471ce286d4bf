/**
 * `npm run verify-package`: what npm would publish, installed by npm in empty projects, ES modules and CommonJS,
 * with and without each optional peer. Every entry loads, or says which package is missing. Then the quick start
 * of the README, against an emulated Entra. And an agent with its MCP server, minified by each bundler, with and
 * without `@azure/identity`. And a scene for the lowest and the highest version of every dependency and peer, our
 * declarations with other compilers and settings, and the programs of the guides as a reader finds them. One line
 * for each combination; ends with 1 if one failed.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import {
  itemTypes,
  plainSdkQuickStart,
  quickStartBlock,
  quickStartPeers,
  startQuickStartWorld,
} from "../support/quick-start.js";
import { packTarball, runNode } from "../support/tarball.js";
import { bundlerWorkspace, type Build, type BundlerWorkspace } from "./bundlers/builds.js";
import { playScene } from "./bundlers/scene.js";
import { read, readers, type Reader } from "./reader/readers.js";
import { checkTypes, typeChecks, type TypeCheck } from "./types/matrix.js";
import {
  combinations,
  versionsWorkspace,
  type Combination,
  type VersionsWorkspace,
} from "./versions/versions.js";

type Kind = "module" | "commonjs";
const kinds: readonly Kind[] = ["module", "commonjs"];
const run = promisify(execFile);
// The programs of readers have settings of their own: tsx must not look for ours in their folders.
delete process.env["TSX_TSCONFIG_PATH"];
const manifest = JSON.parse(
  await readFile(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8"),
) as {
  readonly exports: Record<string, unknown>;
  readonly peerDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
};
const entries = Object.keys(manifest.exports).filter((name) => name !== "./package.json");
const peers = Object.keys(manifest.peerDependencies);
/** Entries that are nothing without a peer. */
const needs: Readonly<Record<string, string>> = { "./otel": "@opentelemetry/api" };

const work = await mkdtemp(join(tmpdir(), "verify-package-"));
let failures = 0;
let bundlers: BundlerWorkspace | undefined;
let versions: VersionsWorkspace | undefined;
try {
  const { file } = await packTarball(work);
  bundlers = await bundlerWorkspace(file);
  const played = (versions = await versionsWorkspace(file));
  // The slowest first. Two at a time, because much of it is waiting for a process to start.
  await twoAtATime([
    ...bundlers.builds.map((build) => () => checkBuild(build)),
    ...readers.map((reader) => () => checkReader(reader, file)),
    () => checkQuickStart(file),
    ...[undefined, ...peers].map((peer) => () => checkEntries(file, peer)),
    ...typeChecks.map((check) => () => checkDeclarations(check, played, file)),
    ...combinations.map((combination) => () => checkVersions(played, combination)),
  ]);
} finally {
  await versions?.remove();
  await bundlers?.remove();
  await rm(work, { recursive: true, force: true });
}
console.log(failures === 0 ? "everything loads and runs" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);

async function twoAtATime(checks: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...checks];
  const work = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) await check();
  };
  await Promise.all([work(), work()]);
}

/** The scenes that minified builds have broken, out of one build. */
async function checkBuild({ name, identity, build }: Build): Promise<void> {
  await report(`${name}, ${identity ? "with" : "without"} @azure/identity`, async () => {
    const out = await mkdtemp(join(work, "bundle-"));
    return playScene(await build(out));
  });
}

/** A program of the documents, in an empty folder with nothing but what its page says. */
async function checkReader(reader: Reader, file: string): Promise<void> {
  await report(`reader    ${reader.name} (${reader.page})`, () => read(reader, work, file));
}

/** A scene with one version of each package that it needs. */
async function checkVersions(played: VersionsWorkspace, combination: Combination): Promise<void> {
  const { scene, packages } = combination;
  const names = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  await report(`versions  ${scene}: ${names.toReversed().join(", ")}`, () => played.play(combination));
}

/** Our declarations, and the programs of the documents, in a project with other settings than ours. */
async function checkDeclarations(check: TypeCheck, played: VersionsWorkspace, file: string): Promise<void> {
  const { typescript, resolution, strict, commonjs } = check;
  const settings = [resolution, strict ? "strict" : "not strict", ...(commonjs ? ["CommonJS"] : [])];
  await report(`types     TypeScript ${typescript}, ${settings.join(", ")}`, () =>
    checkTypes(check, played, file),
  );
}

/** All entries in both kinds of project, with one peer or none. */
async function checkEntries(file: string, peer: string | undefined): Promise<void> {
  const folder = await project(file, peer === undefined ? [] : [peer]);
  for (const kind of kinds) {
    await kindOf(folder, kind);
    const loaded: string[] = [];
    await report(`${kind.padEnd(8)}  ${peer === undefined ? "no peer" : `with ${peer}`}`, async () => {
      const outcomes = await load(folder, kind);
      for (const entry of entries) {
        const said = outcomes[entry] ?? "nothing was said of it";
        const missing = needs[entry];
        if (missing !== undefined && missing !== peer) {
          if (!said.includes(`'${missing}'`)) throw new Error(`${entry} does not name ${missing}: ${said}`);
        } else if (said !== "loaded") {
          throw new Error(`${entry}: ${said}`);
        } else loaded.push(entry);
      }
      if (peer === undefined) await namesMissingIdentity(folder, kind);
      return `${loaded.length} of ${entries.length} entries load${loaded.length === entries.length ? "" : ", the others name the missing package"}`;
    });
  }
}

/** For each entry "loaded", or what the error says. In one process: starting one for each took most of the time. */
async function load(folder: string, kind: Kind): Promise<Readonly<Record<string, string>>> {
  const open = kind === "module" ? "await import(name)" : "require(name)";
  const code = `
    const said = {};
    const load = async () => {
      for (const entry of ${JSON.stringify(entries)}) {
        const name = "hosted-agent-identity" + entry.slice(1);
        try { said[entry] = Object.keys(${open}).length > 0 ? "loaded" : "it exports nothing"; }
        catch (error) { said[entry] = error.code + " " + error.message; }
      }
      console.log(JSON.stringify(said));
    };
    load();`;
  return JSON.parse(await runCode(folder, kind, code)) as Record<string, string>;
}

/** `developer()` loads @azure/identity when first needed, and says so when it cannot. */
async function namesMissingIdentity(folder: string, kind: Kind): Promise<void> {
  const names = "{ developer, protectedResource, userAccess, createUserContext }";
  const root = '"hosted-agent-identity"';
  const code = `
    const ${names} = ${kind === "module" ? `await import(${root})` : `require(${root})`};
    const server = protectedResource({ url: "https://x.example", serverLabel: "x", scopes: ["api://x/y"], audiences: ["api://x"] });
    createUserContext(new Headers(), { verify: "none" })
      .then((context) => userAccess(server, [developer(undefined, { environment: { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" } })]).token(context))
      .catch((error) => console.log(error.code + " " + error.message));`;
  const said = await runCode(folder, kind, code);
  if (!said.includes("missing_dependency") || !said.includes("npm install @azure/identity"))
    throw new Error(`developer() does not name @azure/identity: ${said}`);
}

async function runCode(folder: string, kind: Kind, code: string): Promise<string> {
  const name = kind === "module" ? "load.mjs" : "load.cjs";
  await writeFile(join(folder, name), code);
  // Node 20 and 22 say once that require() of an ES module is experimental.
  return (await runNode(folder, ["--no-warnings", name])).trim();
}

/** Both quick starts in both kinds of project: a refusal with a card, then each person as that person. */
async function checkQuickStart(file: string): Promise<void> {
  const folder = await project(file, quickStartPeers);
  const variants = { "AI SDK": quickStartBlock("quick-start.ts"), "plain MCP SDK": plainSdkQuickStart() };
  for (const [name, code] of Object.entries(variants)) {
    for (const kind of kinds) {
      await report(`${kind.padEnd(8)}  quick start, ${name}`, async () => {
        await kindOf(folder, kind);
        const module = kind === "module" ? ModuleKind.ESNext : ModuleKind.CommonJS;
        const compilerOptions = { module, target: ScriptTarget.ES2022, esModuleInterop: true };
        await writeFile(join(folder, "agent.js"), transpileModule(code, { compilerOptions }).outputText);
        return playQuickStart(folder);
      });
    }
  }
}

async function playQuickStart(folder: string): Promise<string> {
  const world = await startQuickStartWorld();
  try {
    await world.start(folder, ["agent.js"]);
    const asked = await world.ask("Ada");
    if (!itemTypes(asked.body).includes("oauth_consent_request")) throw new Error("no consent is asked for");
    for (const user of ["Ada", "Grace"]) {
      world.entra.grantConsent({ user, client: "agent", resource: "mcp", scopes: ["access_as_user"] });
      const { text } = await world.ask(user);
      if (!text.includes(world.entra.user(user).oid)) throw new Error(`${user} is not seen as ${user}`);
    }
    return "consent is asked for, then the MCP server sees each of two people";
  } finally {
    await world.close();
  }
}

/** An empty project in which npm has installed the tarball and these packages, and nothing else. */
async function project(file: string, packages: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(work, "project-"));
  await mkdir(folder, { recursive: true });
  await kindOf(folder, "module");
  const pinned = packages.map((name) => `${name}@${manifest.devDependencies[name] ?? "latest"}`);
  const quiet = ["--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--prefer-offline", "--silent"];
  await run("npm", ["install", ...quiet, file, ...pinned], { cwd: folder });
  return folder;
}

async function kindOf(folder: string, type: Kind): Promise<void> {
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true, type }));
}

async function report(what: string, check: () => Promise<string>): Promise<void> {
  const started = Date.now();
  const said = await check().then(
    (result) => `ok      ${what}: ${result}`,
    (cause: unknown) => {
      failures += 1;
      return `FAILED  ${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
    },
  );
  console.log(`${said}  (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
