import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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

/** Three primaries of a real Redis Cluster on loopback, each with a third of the slots. */
export interface RedisCluster {
  readonly urls: readonly string[];
  /** By the order of `urls`; replicas come after the primaries. */
  readonly nodes: readonly RedisServer[];
  remove(): Promise<void>;
}

const places = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"];

/** Starts one; `settings` as on its command line, for example `["--appendonly", "yes"]`. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const program = redisPath();
  const first = await folder();
  // The port was free a moment ago: another test may have taken it since.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const server = await serverAt(program, await freePort(), first, settings).catch(() => undefined);
    if (server !== undefined) return server;
  }
  throw new Error("redis-server did not start on any of five free ports.");
}

async function serverAt(
  program: string,
  port: number,
  first: string,
  settings: readonly string[],
): Promise<RedisServer> {
  const folders = [first];
  let child: ChildProcess | undefined = await launch(program, port, first, settings);

  const stop = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
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

/**
 * Starts a cluster, with one replica of the first primary if asked for. The nodes know each other from the start: each
 * is given the file that it would have written itself. Takes two seconds, which a primary waits before it writes.
 * Source: redis.io, "Redis cluster specification"; Redis 7.0, `CLUSTER_WRITABLE_DELAY`.
 */
export async function startRedisCluster({ replica = false } = {}): Promise<RedisCluster> {
  const program = redisPath();
  for (let attempt = 0; ; attempt += 1) {
    const nodes = await Promise.all(
      Array.from({ length: replica ? 4 : 3 }, async (_, index) => ({
        index,
        id: randomBytes(20).toString("hex"),
        port: await freePort(),
        bus: await freePort(),
        folder: await folder(),
      })),
    );
    const started = await Promise.allSettled(nodes.map((node) => clusterNode(program, node, nodes)));
    const servers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const remove = async (): Promise<void> =>
      void (await Promise.all(servers.map((server) => server.remove())));
    try {
      const failed = started.find((one) => one.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await Promise.all(servers.map(({ port }) => clusterReady(port)));
      return { urls: servers.slice(0, 3).map(({ url }) => url), nodes: servers, remove };
    } catch (error) {
      await remove();
      // Its ports were free a moment ago.
      if (attempt === 4) throw error;
    }
  }
}

interface ClusterNode {
  readonly index: number;
  readonly id: string;
  readonly port: number;
  readonly bus: number;
  readonly folder: string;
}

async function clusterNode(
  program: string,
  node: ClusterNode,
  all: readonly ClusterNode[],
): Promise<RedisServer> {
  const slots = ["0-5460", "5461-10922", "10923-16383"];
  const lines = all.map(({ index, id, port, bus }) => {
    const role = index < 3 ? "master -" : `slave ${all[0]?.id}`;
    const own = id === node.id ? "myself," : "";
    const epoch = index < 3 ? index + 1 : 1;
    return `${id} 127.0.0.1:${port}@${bus} ${own}${role} 0 0 ${epoch} connected ${slots[index] ?? ""}`.trim();
  });
  const known = [...lines, "vars currentEpoch 3 lastVoteEpoch 0", ""].join("\n");
  await writeFile(join(node.folder, "nodes.conf"), known);
  return serverAt(program, node.port, node.folder, [
    ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"],
    ...["--cluster-port", String(node.bus), "--cluster-node-timeout", "1000"],
    ...["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"],
  ]);
}

/** Until the node serves its slots, and a replica its primary's data. */
async function clusterReady(port: number): Promise<void> {
  for (const until = performance.now() + 20_000; performance.now() < until; await sleep(20)) {
    const state = await askRedis(port, "CLUSTER INFO");
    const role = await askRedis(port, "INFO replication");
    if (/cluster_state:ok/.test(state) && !/master_link_status:down/.test(role)) return;
  }
  throw new Error("The nodes of the Redis Cluster did not come together within 20 s.");
}

/** One inline command, and what comes back within a moment, as it is on the wire. */
export async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write(`${command}\r\n`);
    let reply = "";
    for await (const part of socket.setEncoding("utf8")) {
      reply += String(part);
      const length = /^\$(\d+)\r\n/.exec(reply);
      const isWhole = length === null ? reply.endsWith("\r\n") : reply.length >= Number(length[1]);
      if (isWhole) break;
    }
    return reply;
  } finally {
    socket.destroy();
  }
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

export function redisPath(): string {
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
