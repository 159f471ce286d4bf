import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.js";

/** A real redis-server on loopback, with a folder of its own. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Ends the process (`SIGKILL` by default: as a crash does) and keeps the folder. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port, with the same folder; `empty` with a new one. */
  start(how?: { readonly empty?: boolean; readonly settings?: readonly string[] }): Promise<void>;
  /** Ends it and deletes its folders. */
  remove(): Promise<void>;
}

const places = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"];

/** Starts one; `settings` as on its command line, for example `["--appendonly", "yes"]`. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const program = redisPath();
  const folders = [await folder()];
  // The port was free a moment ago: another test may have taken it since.
  let [port, child] = [0, undefined as ChildProcess | undefined];
  for (let attempt = 0; attempt < 5 && child === undefined; attempt += 1) {
    port = await freePort();
    child = await launch(program, port, folders[0] ?? "", settings).catch(() => undefined);
  }
  if (child === undefined) throw new Error("redis-server did not start on any of five free ports.");

  const stop = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    await ended;
  };

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop,
    async start({ empty = false, settings: others = settings } = {}) {
      if (empty) folders.push(await folder());
      child = await launch(program, port, folders.at(-1) ?? "", others);
    },
    async remove() {
      await stop();
      for (const each of folders) await rm(each, { recursive: true, force: true });
    },
  };
}

function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "redis-"));
}

function launch(
  program: string,
  port: number,
  dir: string,
  settings: readonly string[],
): Promise<ChildProcess> {
  const fixed = [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--dir",
    dir,
    "--save",
    "",
    "--daemonize",
    "no",
  ];
  const child = spawn(program, [...fixed, ...settings], { stdio: ["ignore", "pipe", "pipe"] });
  // A test process that ends early leaves no server behind.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  return new Promise((resolve, reject) => {
    let log = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended:\n${log}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("Ready to accept connections")) resolve(child);
    });
  });
}

function redisPath(): string {
  const found = findRedis() ?? installRedis();
  if (found !== undefined) return found;
  throw new Error(
    "The tests of the Redis store need redis-server: run `sudo apt-get install redis-server`, or set REDIS_SERVER_PATH to one.",
  );
}

function findRedis(): string | undefined {
  return [process.env["REDIS_SERVER_PATH"] ?? "", ...places].find((path) => path !== "" && existsSync(path));
}

function installRedis(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
  execFileSync("apt-get", ["-q", "-y", "--no-install-recommends", "install", "redis-server"], {
    env,
    stdio: "ignore",
  });
  return findRedis();
}
