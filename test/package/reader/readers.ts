import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { docBlocks } from "../../support/doc-blocks.js";
import { expectThat } from "../expect-that.js";
import { playRuntimes } from "../runtimes/runtimes.js";
import { fromTarball, installLines } from "./commands.js";
import { playAgent } from "./world.js";

const run = promisify(execFile);

/** Somebody who has a page and npm, and nothing else. */
export interface Reader {
  readonly name: string;
  /** The page, from the root of the repository. */
  readonly page: string;
  /** The files of the page that are written down: one of the README's programs, or all of a guide. */
  readonly files: RegExp;
  /** What is done in the folder once everything is there. */
  play(folder: string): Promise<string>;
}

const tsx = (file: string) => async (folder: string) =>
  playAgent({ program: "npx", args: ["--yes", "tsx", file], folder });

/** A program of the documents each, with the commands and files of its page. */
export const readers: readonly Reader[] = [
  {
    name: "Next.js",
    page: "docs/guides/nextjs.md",
    files: /.*/,
    async play(folder) {
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
      await run("npx", ["next", "build"], { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }).catch(
        (failed: Error & { readonly stdout?: string; readonly stderr?: string }) => {
          throw new Error(`It does not build.\n${failed.stdout ?? ""}${failed.stderr ?? failed.message}`);
        },
      );
      return playAgent({ program: "npx", args: ["next", "start", "--port", "PORT"], folder });
    },
  },
  {
    name: "Express agent",
    page: "README.md",
    files: /quick-start\.ts/,
    play: tsx("quick-start.ts"),
  },
  {
    name: "NestJS on Express and Fastify",
    page: "docs/guides/nestjs.md",
    files: /.*/,
    async play(folder) {
      const onExpress = await tsx("on-express.ts")(folder);
      const start = { program: "npx", args: ["--yes", "tsx", "on-fastify.ts"], folder };
      await playAgent({ ...start, ownBodyParser: true });
      return `${onExpress}; the same on Fastify`;
    },
  },
  { name: "Hono agent", page: "docs/guides/hono.md", files: /.*/, play: tsx("agent.ts") },
  { name: "Bun, Deno, Workers", page: "docs/guides/runtimes.md", files: /.*/, play: playRuntimes },
  {
    name: "CommonJS and Jest",
    page: "docs/guides/commonjs.md",
    files: /.*/,
    async play(folder) {
      const { stdout } = await run(process.execPath, ["who.cjs"], { cwd: folder });
      expectThat(stdout.includes("Hello Ada"), `require() finds nobody: ${stdout}`);
      const jest = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"];
      const { stderr } = await run(process.execPath, jest, { cwd: folder });
      expectThat(/Tests: +1 passed, 1 total/.test(stderr), `Jest says ${stderr}`);
      return "require() and a test in Jest see Ada";
    },
  },
  {
    name: "first call",
    page: "README.md",
    files: /first-call\.\w+/,
    async play(folder) {
      const file = docBlocks("README.md").find((block) => block.file?.startsWith("first-call"))?.file ?? "";
      const { stdout } = await run("npx", file.endsWith(".ts") ? ["--yes", "tsx", file] : ["node", file], {
        cwd: folder,
      });
      expectThat(stdout.includes("Ada"), `nobody is seen as Ada: ${stdout}`);
      return "the MCP server sees Ada";
    },
  },
];

/** Does what the page says, in an empty folder. */
export async function read(reader: Reader, work: string, tarball: string): Promise<string> {
  const folder = await mkdtemp(join(work, "reader-"));
  try {
    const commands = fromTarball(installLines(reader.page, reader.files), tarball);
    const env = {
      ...process.env,
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_prefer_offline: "true",
    };
    await run("sh", ["-e", "-c", commands], { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 });
    const whole = new RegExp(`^(?:${reader.files.source})$`);
    for (const { file, code } of docBlocks(reader.page)) {
      if (file === undefined || !whole.test(file)) continue;
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), code);
    }
    return await reader.play(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
