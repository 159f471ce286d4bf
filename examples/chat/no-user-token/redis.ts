/** A real redis-server for the demo, on loopback, which keeps what it was told across a crash. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { freePort } from "../free-port.js";
import { killed, killWithUs } from "../processes.js";
import { temporaryFolder } from "./temporary-folder.js";

export interface DemoRedis {
  readonly url: string;
  kill(): Promise<void>;
  /** On the same port, with what it kept. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startRedis(): Promise<DemoRedis> {
  const program = redisPath();
  const folder = temporaryFolder("demo-redis-");
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = await launch(program, port, folder.path);
  };
  const kill = async (): Promise<void> => {
    if (child !== undefined) await killed(child);
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async close() {
      await kill();
      folder.remove();
    },
  };
}

/** `appendfsync always`: what was answered is on the disk. Source: redis.io, "Redis persistence". */
const settings = {
  bind: "127.0.0.1",
  appendonly: "yes",
  appendfsync: "always",
  save: "",
  "maxmemory-policy": "noeviction",
};

async function launch(program: string, port: number, dir: string): Promise<ChildProcess> {
  const args = Object.entries({ ...settings, port: String(port), dir }).flatMap(([name, value]) => [
    `--${name}`,
    value,
  ]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  killWithUs(child);
  let log = "";
  await new Promise<void>((ready, failed) => {
    child.once("error", failed);
    child.once("exit", () => failed(new Error(`redis-server ended:\n${log}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("Ready to accept connections")) ready();
    });
  });
  return child;
}

const places = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"];

function redisPath(): string {
  const found = findRedis() ?? installRedis();
  if (found !== undefined) return found;
  throw new Error(
    "This needs redis-server: run `sudo apt-get install redis-server`, or set REDIS_SERVER_PATH to one.",
  );
}

function findRedis(): string | undefined {
  return [process.env["REDIS_SERVER_PATH"] ?? "", ...places].find((path) => path !== "" && existsSync(path));
}

/** Only root in a Debian container may, and nobody is asked there. */
function installRedis(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return undefined;
  console.log("There is no redis-server: installing Debian's.");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    execFileSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
    execFileSync("apt-get", ["-q", "-y", "--no-install-recommends", "install", "redis-server"], {
      env,
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  return findRedis();
}
