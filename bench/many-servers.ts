import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startRedis } from "../test/support/redis-server.js";
import { httpsEndpoint } from "./https-endpoint.js";
import type { Row } from "./table.js";

/** What the process counted that has an access for each of so many MCP servers of one app. */
export interface Counted {
  /** POSTs of 50 people, one after the other, while everything answers 429, by the number of servers. */
  readonly storm: Readonly<Record<number, number>>;
  /** The same with 100 servers, all at once. */
  readonly stormAtOnce: number;
  /** One person at 100 servers, first one after the other, then another person at all of them at once. */
  readonly inTurn: Served;
  readonly atOnce: Served;
  /** The same person at 100 servers of a second replica. */
  readonly replica: Served & {
    /** Commands that read, at Redis, and of a Keyv on it. */
    readonly reads: number;
    readonly readsOfKeyv: number;
    readonly readsWithoutMany: number;
    readonly records: number;
  };
}

interface Served {
  readonly posts: number;
  readonly tokens: number;
}

/** What a hundred MCP servers of one app cost, at a real HTTPS endpoint and a real Redis. */
export async function manyServers(): Promise<readonly Row[]> {
  const endpoint = await httpsEndpoint();
  const redis = await startRedis();
  try {
    const client = fork(fileURLToPath(new URL("many-servers-client.ts", import.meta.url)), [], {
      execArgv: process.execArgv,
      env: { ...process.env, ...endpoint.env, ENDPOINT: endpoint.origin, REDIS: redis.url },
    });
    const answers: Counted[] = [];
    client.on("message", (message) => {
      if (message === "posts") client.send(endpoint.posts());
      else answers.push(message as Counted);
    });
    await once(client, "exit");
    const [counted] = answers;
    if (counted === undefined) throw new Error("the client could not count");
    return rowsOf(counted);
  } finally {
    await redis.remove();
    await endpoint.close();
  }
}

function rowsOf({ storm, stormAtOnce, inTurn, atOnce, replica }: Counted): readonly Row[] {
  const posts = (what: string, budget: number, ours: number, note?: string): Row => ({
    what,
    unit: "POSTs",
    budget,
    ours,
    ...(note === undefined ? {} : { note }),
  });
  return [
    ...Object.entries(storm).map(([servers, ours]) =>
      posts(`429 for everybody, 50 people in turn, MCP servers: ${servers}`, 5, ours),
    ),
    posts("429 for everybody, 50 people at once, MCP servers: 100", 50, stormAtOnce),
    posts("one person, 100 MCP servers of one app, in turn", 1, inTurn.posts),
    posts("one person, 100 MCP servers of one app, at once", 1, atOnce.posts),
    {
      what: "one person, 100 MCP servers of one app: tokens kept",
      unit: "tokens",
      budget: 1,
      ours: Math.max(inTurn.tokens, atOnce.tokens, replica.tokens, replica.records),
      note: "in the process, in turn and at once, and in Redis.",
    },
    posts("second replica, the same person at 100 MCP servers, shared store", 0, replica.posts),
    {
      what: "token out of the shared store",
      unit: "commands",
      budget: 1,
      ours: Math.max(replica.reads, replica.readsOfKeyv),
      note: `with getMany, and with a Keyv on Redis; ${replica.readsWithoutMany} with a store that only has get.`,
    },
  ];
}
