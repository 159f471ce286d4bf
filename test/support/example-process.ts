import { spawn, type ChildProcess } from "node:child_process";
import { compiled } from "./compiled.js";
import { root } from "./demo.js";

/** A program of `examples` in a process of its own, on the sources. */
export interface ExampleProcess {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  output(): string;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

/** Starts it and waits for a line with "ready", or until it has ended. */
export async function startExample(
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<ExampleProcess> {
  const child = spawn(process.execPath, [compiled(file)], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let printed = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await new Promise<void>((ready) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        if (/\bready\b/.test(printed)) ready();
      });
    }
    child.once("close", () => ready());
  });
  return {
    child,
    output: () => printed,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
