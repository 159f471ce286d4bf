import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { runCommandLine } from "../../src/cli/run.js";
import { compiled } from "./compiled.js";
import { root } from "./demo.js";

/** How a run of the command line ended, and all that it printed. */
export interface CommandLineRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What a run is given; nothing of the environment of the tests comes through, except where programs are. */
export interface CommandLineInput {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Sends what Ctrl-C sends, once this has come. */
  readonly interruptAfter?: Promise<unknown>;
}

/** Runs a command in this process: the same, but for the signals. */
export async function inProcess(
  args: readonly string[],
  { env = {}, stdin = "" }: Pick<CommandLineInput, "env" | "stdin"> = {},
): Promise<CommandLineRun> {
  let [out, err] = ["", ""];
  const code = await runCommandLine(args, {
    env,
    stdin: Readable.from([stdin]),
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

/** The build if nothing has changed since, or else the sources. */
function program(): readonly string[] {
  const built = statSync(join(root, "dist/cli/main.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const isFresh = sources.every((file) => statSync(join(root, "src", file)).mtimeMs < built);
  return isFresh ? ["dist/cli/main.js"] : [compiled("src/cli/main.ts")];
}

/** Runs the real command line in a process of its own. */
export async function commandLine(
  args: readonly string[],
  { env = {}, stdin = "", interruptAfter }: CommandLineInput = {},
): Promise<CommandLineRun> {
  const child = spawn(process.execPath, [...program(), ...args], {
    cwd: root,
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  // A command that reads nothing may be gone before it is written to.
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  void interruptAfter?.then(() => child.kill("SIGINT"));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}
