import { spawn } from "node:child_process";
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
  /** Default: the sources. */
  readonly program?: readonly string[];
  readonly cwd?: string;
}

const onSources = ["--import", "tsx", "src/cli/main.ts"];

/** Runs the real command line in a process of its own. */
export async function commandLine(
  args: readonly string[],
  { env = {}, stdin = "", program = onSources, cwd = root }: CommandLineInput = {},
): Promise<CommandLineRun> {
  const child = spawn(process.execPath, [...program, ...args], {
    cwd,
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  // A command that reads nothing may be gone before it is written to.
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}
