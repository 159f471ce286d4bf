import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** What a process was asked to do, and with what. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Goes to its standard input as JSON: arguments can be read by every process of the machine. */
  readonly settings?: unknown;
  onLine?(line: string): void;
}

export interface Ended {
  readonly code: number | null;
  /** What it printed, both streams together. */
  readonly output: string;
}

/** A process that stays until it is stopped. */
export interface RunningChild {
  readonly ended: Promise<Ended>;
  output(): string;
  stop(): Promise<void>;
}

/** The processes of one counterpart. */
export interface Children {
  start(command: Command): RunningChild;
  /** Starts it and waits for its end. */
  run(command: Command): Promise<Ended>;
  /** Ends what is left of them, with everything they have started themselves. */
  stopAll(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Ends every process of every counterpart at once, for a run that is interrupted. */
export function killAllChildren(): void {
  for (const child of running) killGroup(child);
}

/** Starts with none. */
export function newChildren(): Children {
  const mine = new Set<RunningChild>();
  const start = (command: Command): RunningChild => {
    const child = startChild(command);
    mine.add(child);
    void child.ended.then(() => mine.delete(child));
    return child;
  };
  return {
    start,
    run: (command) => start(command).ended,
    async stopAll() {
      await Promise.all(Array.from(mine, (child) => child.stop()));
    },
  };
}

function startChild({ program, args, cwd, env = {}, settings, onLine }: Command): RunningChild {
  // A group of its own, so that what npm or a Python host starts ends with it.
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  running.add(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      printed += `${line}\n`;
      onLine?.(line);
    });
  const ended = new Promise<Ended>((resolve) => {
    child.once("error", (error) => (printed += `${error.message}\n`));
    child.once("close", (code) => {
      running.delete(child);
      resolve({ code, output: printed });
    });
  });
  // It may have ended before it read them.
  child.stdin.on("error", () => {});
  child.stdin.end(settings === undefined ? "" : JSON.stringify(settings));
  return {
    ended,
    output: () => printed,
    async stop() {
      killGroup(child);
      await ended;
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
