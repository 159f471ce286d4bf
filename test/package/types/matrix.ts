import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { docPrograms } from "../../support/doc-blocks.js";
import { highestPair, lowestPair, type VersionsWorkspace } from "../versions/versions.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));

/** How a project reads our declarations. */
export interface TypeCheck {
  readonly typescript: "5.6.3" | "5.9.3" | "6.0.3" | "7.0.2";
  readonly resolution: "node16" | "nodenext" | "bundler";
  readonly strict: boolean;
  /** A project of CommonJS. */
  readonly commonjs?: true;
  /** Our declarations alone, with the lowest or the highest peers; or every program of README and guides. */
  readonly what: "lowest peers" | "highest peers" | "documents";
}

/**
 * Each TypeScript, each resolution and both values of `strict`, each of them on our declarations and on the programs
 * of the documents. The compilers before 7 take ten times as long: they have few lines.
 */
export const typeChecks: readonly TypeCheck[] = [
  { typescript: "5.6.3", resolution: "nodenext", strict: false, what: "documents" },
  { typescript: "5.6.3", resolution: "node16", strict: true, what: "lowest peers" },
  { typescript: "5.9.3", resolution: "nodenext", strict: true, commonjs: true, what: "highest peers" },
  { typescript: "6.0.3", resolution: "bundler", strict: false, what: "highest peers" },
  { typescript: "7.0.2", resolution: "node16", strict: true, what: "documents" },
  { typescript: "7.0.2", resolution: "bundler", strict: false, what: "documents" },
  { typescript: "7.0.2", resolution: "node16", strict: false, what: "highest peers" },
  { typescript: "7.0.2", resolution: "nodenext", strict: true, commonjs: true, what: "lowest peers" },
  { typescript: "7.0.2", resolution: "bundler", strict: false, what: "lowest peers" },
];

const peers = {
  "lowest peers": {
    ...lowestPair,
    "@azure/identity": "4.5.0",
    "@opentelemetry/api": "1.9.0",
    "@types/express": "4.17.25",
    express: "4.17.0",
    fastify: "4.29.0",
    hono: "4.0.0",
    redis: "5.0.0",
  },
  "highest peers": {
    ...highestPair,
    "@azure/identity": "4.14.1",
    "@opentelemetry/api": "1.10.0",
    express: "5.3.0",
    fastify: "5.12.8",
    hono: "4.13.19",
    redis: "6.3.1",
  },
} as const;

/** Throws what the compiler says, as far as it is about our declarations or the code that uses them. */
export async function checkTypes(
  check: TypeCheck,
  versions: VersionsWorkspace,
  tarball: string,
): Promise<string> {
  const { typescript, resolution, strict, commonjs = false, what } = check;
  const documents = what === "documents";
  const folder = documents ? await documentsProject(tarball) : await consumerProject(versions, peers[what]);
  try {
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ private: true, type: commonjs ? "commonjs" : "module" }),
    );
    const compilerOptions = {
      target: "ES2023",
      lib: [
        "ES2023",
        "ESNext.Disposable",
        ...(documents ? ["DOM", "DOM.Iterable", "DOM.AsyncIterable"] : []),
      ],
      types: ["node"],
      module: resolution === "bundler" ? "ESNext" : resolution,
      moduleResolution: resolution,
      strict,
      noEmit: true,
      // With every check that reaches into declarations. The documents' packages are not ours to check.
      skipLibCheck: documents,
      ...(documents ? {} : { exactOptionalPropertyTypes: strict, noUncheckedIndexedAccess: true }),
    };
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, include: ["*.ts", "*.tsx"] }),
    );
    const compiler = await compilerOf(versions, typescript);
    const failure = await run(process.execPath, [compiler, "-p", folder, "--pretty", "false"]).then(
      () => "",
      (failed: Error & { readonly stdout?: string }) => failed.stdout || failed.message,
    );
    const ours = failure
      .split("\n")
      .filter(
        (line) => line !== "" && !/^[^(]*node_modules\/(?!.*hosted-agent-identity\/)[^(]*\(/.test(line),
      );
    // Lines that are indented belong to the one before, which may have been another package's.
    if (ours.some((line) => /^\S.*error TS/.test(line))) throw new Error(named(ours.join("\n")));
    return documents ? `${docPrograms().length} programs of the documents` : `every entry, with the ${what}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compilerOf(versions: VersionsWorkspace, typescript: TypeCheck["typescript"]): Promise<string> {
  // These two are dev dependencies.
  const ours = { "6.0.3": "typescript", "7.0.2": "typescript7" } as const;
  return typescript in ours
    ? join(root, "node_modules", ours[typescript as keyof typeof ours], "bin/tsc")
    : join(versions.kept, "node_modules", `typescript-${typescript}`, "bin/tsc");
}

async function consumerProject(
  versions: VersionsWorkspace,
  packages: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await versions.project(packages);
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  await symlink(join(versions.kept, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
  if (packages["@types/express"] === undefined)
    await symlink(join(root, "node_modules/@types/express"), join(folder, "node_modules/@types/express"));
  await cp(fileURLToPath(new URL("consumer.ts", import.meta.url)), join(folder, "consumer.ts"));
  return folder;
}

/** Inside of the checkout, where the packages that the documents use are found. Ours is the packed one. */
async function documentsProject(tarball: string): Promise<string> {
  const folder = await mkdtemp(join(root, "test", ".types-"));
  const installed = join(folder, "node_modules/hosted-agent-identity");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components", "1"]);
  const programs = docPrograms();
  for (const [n, { at, code, language }] of programs.entries()) {
    // A program of several files imports the others by the names that the page gives them.
    const [page = ""] = at.split(" ");
    const placed = code.replaceAll(/"\.\/([\w-]+)\.js"/g, (whole, file: string) => {
      const other = programs.findIndex((one) => one.at === `${page} ${file}.ts`);
      return other < 0 ? whole : `"./program-${other}.js"`;
    });
    await writeFile(join(folder, `program-${n}.${language}`), `${placed}\nexport {};\n`);
  }
  return folder;
}

/** Says where a program stands in the documents. */
function named(report: string): string {
  const programs = docPrograms();
  return report.replaceAll(/\S*program-(\d+)\.tsx?/g, (_all, n: string) => programs[Number(n)]?.at ?? "");
}
