/** A real redis-server for the demo, or a cluster of them, on loopback, which keeps what it was told across a crash. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { freePort } from "../free-port.js";
import { killed, killWithUs } from "../processes.js";
import { temporaryFolder } from "./temporary-folder.js";

export interface DemoRedis {
  readonly url: string;
  readonly isCluster: boolean;
  kill(): Promise<void>;
  /** On the same ports, with what they kept. */
  start(): Promise<void>;
  close(): Promise<void>;
}

interface Node {
  readonly port: number;
  /** Where the nodes of a cluster talk to each other. */
  readonly bus: number;
  readonly folder: string;
}

/** One server, or a cluster of so many. */
export async function startRedis(count: number): Promise<DemoRedis> {
  const program = redisPath();
  const folder = temporaryFolder("demo-redis-");
  const isCluster = count > 1;
  const nodes: Node[] = [];
  for (let index = 0; index < count; index += 1) {
    const own = join(folder.path, String(index));
    mkdirSync(own);
    nodes.push({ port: await freePort(), bus: await freePort(), folder: own });
  }
  if (isCluster)
    for (const node of nodes) writeFileSync(join(node.folder, "nodes.conf"), clusterOf(nodes, node));
  let children: readonly ChildProcess[] = [];
  const start = async (): Promise<void> => {
    children = await Promise.all(nodes.map((node) => launch(program, node, isCluster)));
    // A cluster's primary waits two seconds before it writes.
    if (isCluster) await Promise.all(nodes.map(({ port }) => untilServing(port)));
  };
  const kill = async (): Promise<void> => {
    await Promise.all(children.map(killed));
  };
  await start();
  return {
    url: `redis://127.0.0.1:${nodes[0]?.port}`,
    isCluster,
    kill,
    start,
    async close() {
      await kill();
      folder.remove();
    },
  };
}

/** The file in which a node keeps what it knows of the others: each has an equal share of the 16 384 slots. */
function clusterOf(nodes: readonly Node[], self: Node): string {
  const lines = nodes.map((node, index) => {
    const id = String(index + 1).padStart(40, "0");
    const first = Math.ceil((index * 16_384) / nodes.length);
    const last = Math.ceil(((index + 1) * 16_384) / nodes.length) - 1;
    const flags = node === self ? "myself,master" : "master";
    return `${id} 127.0.0.1:${node.port}@${node.bus} ${flags} - 0 0 ${index + 1} connected ${first}-${last}`;
  });
  return [...lines, `vars currentEpoch ${nodes.length} lastVoteEpoch 0`, ""].join("\n");
}

async function untilServing(port: number): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50)) {
    const client = createClient({ url: `redis://127.0.0.1:${port}` }).on("error", () => undefined);
    await client.connect();
    const state = await client.clusterInfo().finally(() => client.destroy());
    if (state.includes("cluster_state:ok")) return;
  }
  throw new Error("The Redis Cluster did not come together within 20 s.");
}

/** `appendfsync always`: what was answered is on the disk. Source: redis.io, "Redis persistence". */
const settings = {
  bind: "127.0.0.1",
  appendonly: "yes",
  appendfsync: "always",
  save: "",
  "maxmemory-policy": "noeviction",
};

async function launch(
  program: string,
  { port, bus, folder }: Node,
  isCluster: boolean,
): Promise<ChildProcess> {
  const own = { ...settings, port: String(port), dir: folder };
  const cluster = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-port": String(bus),
  };
  const args = Object.entries(isCluster ? { ...own, ...cluster } : own).flatMap(([name, value]) => [
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
