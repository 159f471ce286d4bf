import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A program to run in a process of its own. It prints a line with "ready" when it is. */
export interface ProcessPlan {
  /** What it is called in what is printed. */
  readonly name: string;
  readonly file: URL;
  /** What it gets besides the environment of the demo: no process is given a secret that it does not need. */
  readonly env: Readonly<Record<string, string>>;
}

/** Our processes: everything but Entra, the MCP server, and Redis. */
export interface Processes {
  readonly names: readonly string[];
  /** SIGKILL: none of them can save or finish anything. */
  kill(): Promise<void>;
  /** The same programs anew, with nothing but what is stored. */
  start(): Promise<void>;
}

export async function startProcesses(plans: readonly ProcessPlan[]): Promise<Processes> {
  let running: readonly ChildProcess[] = [];
  const kill = async (): Promise<void> => {
    const ending = running;
    running = [];
    await Promise.all(ending.map(killed));
  };
  const start = async (): Promise<void> => {
    const started = await Promise.allSettled(plans.map(launch));
    running = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = started.find((one) => one.status === "rejected");
    if (failed === undefined) return;
    await kill();
    throw failed.reason;
  };
  await start();
  return { names: plans.map(({ name }) => name), kill, start };
}

async function launch({ name, file, env }: ProcessPlan): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(file)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  killWithUs(child);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.trimEnd().split("\n")) console.error(`  [${name}] ${line}`);
  });
  await new Promise<void>((ready, failed) => {
    child.once("error", failed);
    child.once("exit", (code) =>
      failed(new Error(`The process ${JSON.stringify(name)} ended with ${code}.`)),
    );
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (/\bready\b/.test(text)) ready();
    });
  });
  return child;
}

/** A demo that is stopped leaves no process behind. */
export function killWithUs(child: ChildProcess): void {
  const end = (): void => void child.kill("SIGKILL");
  const leave = (): void => process.exit(1);
  process.once("exit", end);
  process.once("SIGTERM", leave);
  process.once("SIGINT", leave);
  child.once("exit", () => {
    process.off("exit", end);
    process.off("SIGTERM", leave);
    process.off("SIGINT", leave);
  });
}

/** Ends a process as a crash does, and waits until it is gone. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
