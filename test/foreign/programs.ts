import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.js";
import type { Command, RunningChild } from "./children.js";
import type { CounterpartWorld } from "./counterpart.js";
import type { PythonEnvironmentName } from "./environments/python.js";

/** What a program of `python/` or `npm/` says to us: a line that begins with @, then JSON. */
interface Said {
  readonly versions?: string;
  readonly check?: string;
  readonly problem?: string;
}

const pythonFolder = fileURLToPath(new URL("python", import.meta.url));
/** Nothing leaves the machine: no telemetry, no look for a newer release. */
const env = { OTEL_SDK_DISABLED: "true", FASTMCP_CHECK_FOR_UPDATES: "off" };

/** Runs a Python program to its end, and takes over its checks. Returns the versions it names. */
export async function playPython(
  world: CounterpartWorld,
  environment: PythonEnvironmentName,
  program: string,
  settings: unknown,
): Promise<string> {
  return playProgram(world, await pythonCommand(world, environment, program, settings));
}

/** Runs a program of `npm/` on a new Node to its end, and takes over its checks. */
export async function playNode(world: CounterpartWorld, program: string, settings: unknown): Promise<string> {
  const { node, folder } = await world.environments.npm();
  return playProgram(world, { program: node, args: ["--no-warnings", `${folder}/${program}.ts`], settings });
}

/** A foreign server, at an address of its own. */
export interface ForeignServer {
  readonly url: string;
  readonly versions: string;
  /** Ends it as a crash does, and starts it again at the same address. */
  restart(): Promise<void>;
}

/** Starts a server in Python, and waits until a path of it answers, whatever it says. It gets its port. */
export async function startServer(
  world: CounterpartWorld,
  environment: PythonEnvironmentName,
  program: string,
  settings: object,
  path: string,
): Promise<ForeignServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const command = await pythonCommand(world, environment, program, { ...settings, port });
  let versions = "";
  const start = async (): Promise<RunningChild> => {
    const child = world.children.start({
      ...command,
      onLine: (line) => void (versions = saidIn(line).versions ?? versions),
    });
    await answers(`${url}${path}`, child);
    return child;
  };
  let child = await start();
  return {
    url,
    versions,
    async restart() {
      await child.stop();
      child = await start();
    },
  };
}

/** Waits until an address answers, whatever it says. */
export async function answers(url: string, child: RunningChild): Promise<void> {
  let hasEnded = false;
  void child.ended.then(() => (hasEnded = true));
  for (let tries = 0; tries < 500; tries += 1) {
    if (hasEnded) break;
    if (
      await fetch(url).then(
        ({ body }) => body?.cancel().then(() => true) ?? true,
        () => false,
      )
    )
      return;
    await delay(200);
  }
  throw new Error(`the server does not answer:\n${child.output().slice(-2_000)}`);
}

async function pythonCommand(
  world: CounterpartWorld,
  environment: PythonEnvironmentName,
  program: string,
  settings: unknown,
): Promise<Command> {
  const python = await world.environments.python(environment);
  return { program: python, args: [`${pythonFolder}/${program}.py`], env, settings };
}

async function playProgram({ checks, children }: CounterpartWorld, command: Command): Promise<string> {
  let versions = "";
  const { code, output } = await children.run({
    ...command,
    onLine(line) {
      const said = saidIn(line);
      versions = said.versions ?? versions;
      if (said.check !== undefined) checks.add(said.check, said.problem);
    },
  });
  if (code !== 0) checks.add("the program ends well", `exit code ${code}\n${output.slice(-2_000)}`);
  return versions;
}

/** Nothing, in a line that is meant for people. */
function saidIn(line: string): Said {
  return line.startsWith("@{") ? (JSON.parse(line.slice(1)) as Said) : {};
}
