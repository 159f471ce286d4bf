import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.js";
import { askRedis, redisPath, startRedis, type RedisServer } from "./redis-server.js";

/** A real primary, its replica, and one sentinel that puts the replica in the place of a primary that is gone. */
export interface RedisSentinel {
  /** What the primary is called. */
  readonly name: string;
  readonly port: number;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  remove(): Promise<void>;
}

/** Starts all three, and waits until the sentinel knows the replica. */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const atOnce = ["--repl-diskless-sync-delay", "0"];
  const primary = await startRedis(atOnce);
  const replica = await startRedis([...atOnce, "--replicaof", "127.0.0.1", String(primary.port)]);
  await until(primary.port, "INFO replication", /state=online/);
  const name = "sign-in";
  const folder = await mkdtemp(join(tmpdir(), "redis-"));
  const port = await freePort();
  const settings = [
    ...[`port ${port}`, "bind 127.0.0.1", `dir ${folder}`],
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    ...[`sentinel down-after-milliseconds ${name} 500`, `sentinel failover-timeout ${name} 3000`],
  ];
  await writeFile(join(folder, "sentinel.conf"), settings.join("\n"));
  const child = spawn(redisPath(), [join(folder, "sentinel.conf"), "--sentinel"], { stdio: "ignore" });
  // A test process that ends early leaves no server behind.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  const ended = once(child, "exit").then(() => process.off("exit", end));
  await until(port, `SENTINEL REPLICAS ${name}`, new RegExp(`127.0.0.1:${replica.port}`));
  return {
    name,
    port,
    primary,
    replica,
    async remove() {
      child.kill("SIGKILL");
      await ended;
      await Promise.all([primary.remove(), replica.remove()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function until(port: number, command: string, wanted: RegExp): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(50)) {
    if (wanted.test(await askRedis(port, command).catch(() => ""))) return;
  }
  throw new Error(`Redis did not get so far within 20 s: ${command}`);
}
