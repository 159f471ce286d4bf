import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePort } from "../../test/support/free-port.js";
import { startRedis, startRedisCluster } from "../../test/support/redis-server.js";
import { median } from "../statistics.js";
import type { Row } from "../table.js";
import type { EntraStart, EntraStarted, ServiceStart, ServiceUse } from "./crowd-messages.js";
import { closeConnections, person, type Walk } from "./crowd-person.js";

const people = 1000;
/** Who sign in before, so that modules are loaded and compiled. */
const early = 20;

/** On one server, and on a cluster of three primaries. */
export async function crowd(): Promise<readonly Row[]> {
  const server = await startRedis(["--maxmemory-policy", "noeviction"]);
  const onServer = await crowdOn("Redis", [server.url]).finally(() => server.remove());
  const cluster = await startRedisCluster();
  const onCluster = await crowdOn("Redis Cluster", cluster.urls).finally(() => cluster.remove());
  return [...onServer, ...onCluster];
}

/**
 * A thousand people sign in at once: each has a link and a browser of their own, and all open it in the same
 * instant. One process serves the pages and the chats; Entra is an emulator in a process of its own, the
 * people are this process, and all of them and Redis share the processors of this machine.
 */
async function crowdOn(
  store: "Redis" | "Redis Cluster",
  redisUrls: readonly string[],
): Promise<readonly Row[]> {
  const where = `1 000 people sign in at once${store === "Redis" ? "" : ` (${store})`}`;
  const children: ChildProcess[] = [];
  try {
    const port = await freePort();
    const service = `http://127.0.0.1:${port}`;
    const entra = child(new URL("crowd-entra.ts", import.meta.url), children);
    const wanted: EntraStart = { people: people + early, redirectUri: `${service}/sign-in/callback` };
    const { oids, ...addresses } = (await asked(entra, wanted)) as EntraStarted;
    const serving = child(new URL("crowd-service.ts", import.meta.url), children);
    const start: ServiceStart = {
      ...addresses,
      redisUrls,
      port,
      key: randomBytes(32).toString("base64"),
    };
    await asked(serving, start);

    const everybody = oids.map((oid, number) => ({
      oid,
      ...person({ service, entra: addresses.origin }, `user ${number}`, oid),
    }));
    const links = await inTurns(everybody, (one) => one.tokenOrLink());
    const at = (number: number): Promise<Walk> =>
      (everybody[number] as (typeof everybody)[0]).signIn(links[number] ?? "");
    for (let number = people; number < people + early; number += 1) await at(number);

    const before = (await asked(serving, "use")) as ServiceUse;
    const entraBefore = (await asked(entra, "use")) as number;
    const own = process.cpuUsage();
    const started = performance.now();
    const walks = await Promise.allSettled(Array.from({ length: people }, (_, number) => at(number)));
    const wallMs = performance.now() - started;
    const { user, system } = process.cpuUsage(own);
    const after = (await asked(serving, "use")) as ServiceUse;
    const entraMs = ((await asked(entra, "use")) as number) - entraBefore;

    // Whose token does each chat get now?
    const tokens = await inTurns(everybody, (one) => one.tokenOrLink().catch(() => "an error"));
    const strangers = everybody.filter(({ oid }, number) => tokens[number] !== oid).length;
    const done = walks.flatMap((walk) => (walk.status === "fulfilled" ? [walk.value] : []));
    const failures = walks.flatMap((walk) => (walk.status === "rejected" ? [String(walk.reason)] : []));
    const errors = [...new Set([...failures, ...after.errors])];
    const cpu = (ms: number): string => `${(ms / people).toFixed(1)} ms`;
    return [
      {
        what: `${where}: errors`,
        unit: `of ${people}`,
        budget: 0,
        ours: Math.max(failures.length, after.errors.length),
        ...(errors.length === 0 ? {} : { note: errors.slice(0, 5).join("; ") }),
      },
      {
        what: `${where}: chats without their own person's token`,
        unit: `of ${everybody.length}`,
        budget: 0,
        ours: strangers,
      },
      {
        what: `${where}: whole sign-in, p99`,
        unit: "s",
        budget: 10,
        ours: p99(done.map(({ ms }) => ms)) / 1000,
        note:
          `from opening the link to "connected" in the chat, with everybody else's at the same time; p50 ${seconds(done.map(({ ms }) => ms))} s, ` +
          `of which waiting for the service ${seconds(done.map(({ serviceMs }) => serviceMs))} s in 6 requests. ` +
          `All were done after ${(wallMs / 1000).toFixed(1)} s. Processor time a person: service ${cpu(after.cpuMs - before.cpuMs)}, Entra's emulator ${cpu(entraMs)}, the people themselves ${cpu((user + system) / 1000)}.`,
      },
      {
        what: `${where}: longest wait for one answer of the service, p99`,
        unit: "s",
        budget: 10,
        ours: p99(done.map(({ longestMs }) => longestMs)) / 1000,
      },
      {
        what: `${where}: peak RSS over before`,
        unit: "MB",
        budget: 150,
        ours: (after.peakRss - before.rss) / 1_000_000,
        note: `${Math.round(before.rss / 1_000_000)} MB after the first ${early} sign-ins, ${Math.round(after.rss / 1_000_000)} MB when all were done.`,
      },
    ];
  } finally {
    closeConnections();
    for (const each of children) each.disconnect();
    await Promise.all(children.map(async (each) => each.exitCode === null && once(each, "exit")));
  }
}

/** A process of the measurement. */
export function child(file: URL, children: ChildProcess[]): ChildProcess {
  const made = fork(fileURLToPath(file), [], { execArgv: process.execArgv });
  children.push(made);
  return made;
}

/** What a process answers. */
export async function asked(process: ChildProcess, question: object | string): Promise<unknown> {
  process.send(question);
  const ended = once(process, "exit").then(() => {
    throw new Error("a process of the measurement ended early");
  });
  const [answer] = (await Promise.race([once(process, "message"), ended])) as [unknown];
  return answer;
}

/** Some at a time: this is not measured. */
async function inTurns<T, R>(items: readonly T[], one: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += 50)
    results.push(...(await Promise.all(items.slice(from, from + 50).map(one))));
  return results;
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
}

function seconds(values: readonly number[]): string {
  return (median(values) / 1000).toFixed(1);
}
