import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { userAccess } from "hosted-agent-identity";
import { remoteSignIn } from "hosted-agent-identity/sign-in";
import { startRedis } from "../../test/support/redis-server.js";
import { noTransport, resource } from "../ours.js";
import { claimsOf } from "../people.js";
import { issuer } from "../signed-tokens.js";
import { median, slice, timesMoreWithin } from "../statistics.js";
import type { Row } from "../table.js";
import { oidOf, platformContext, sealing, storeGrants } from "./grants.js";
import type { RemoteStart, RemoteUse } from "./remote-service.js";

const people = 16_000;
const rounds = 9;
/** Tokens in each round, of people that the service has not in memory as long as there are any. */
const tokens = 500;
const warmUps = 4;
/** By hand, nobody opens what comes from the store, nor proves which agent asks. */
const budgets = { memory: 3, redis: 3.5 };
const agentClient = "eeeeeeee-0000-4000-8000-000000000005";

/**
 * A token through `remoteSignIn()`: requests to the service and to its store for one, and what one costs the service
 * over a bare route of `node:http` in the same process that reads the same body and answers as many bytes. Where the
 * service has to read the grant first, the bare route gets the same record from the same store, and does nothing with it.
 */
export async function remote(): Promise<readonly Row[]> {
  const redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  const signer = issuer();
  const service = fork(fileURLToPath(new URL("remote-service.ts", import.meta.url)), {
    execArgv: process.execArgv,
  });
  try {
    const grants = await storeGrants(redis.url, people);
    const start: RemoteStart = {
      url: redis.url,
      key: Buffer.from(grants.key).toString("base64"),
      jwks: signer.jwks,
      agentClient,
    };
    service.send(start);
    const [port] = (await once(service, "message")) as [number];
    const names = Array.from({ length: people }, (_, number) => sealing(grants.key).keyOf(number));
    return await measured(service, `http://127.0.0.1:${port}`, signer.appToken(agentClient), names);
  } finally {
    if (service.connected) service.disconnect();
    await redis.remove();
  }
}

async function measured(
  service: ChildProcess,
  url: string,
  appToken: string,
  names: readonly string[],
): Promise<readonly Row[]> {
  let requests = 0;
  const signIn = remoteSignIn({
    url,
    scope: "api://bench/.default",
    credential: {
      getToken: async () => ({ token: appToken, expiresOnTimestamp: Date.now() + 3_600_000 }),
    },
    fetch(input, init) {
      requests += 1;
      return fetch(input, init);
    },
  });
  const access = (): ReturnType<typeof userAccess> =>
    userAccess(resource, [signIn.tokens()], { fetch: noTransport });
  const numbers = Array.from({ length: people }, (_, number) => number);
  let next = 0;
  /** Tokens for people: new to the service as long as there are any, or those whose tokens it has just given. */
  const through = async (which: "first" | "again"): Promise<RemoteUse> => {
    const some = slice(numbers, tokens, which === "first" ? (next += 1) : next);
    // A new one each time: its memory knows nobody.
    const contacts = access();
    return used(service, async () => {
      for (const number of some) {
        const { token } = await contacts.token(platformContext(number));
        if (claimsOf(token)["oid"] !== oidOf(number)) throw new Error("a token of somebody else");
      }
    });
  };
  const bare = (reads: boolean): Promise<RemoteUse> =>
    used(service, async () => {
      for (const number of slice(numbers, tokens, next))
        await plainRequest(`${url}/bare`, number, appToken, reads ? names[number] : undefined);
    });
  for (let time = 0; time < warmUps; time += 1)
    for (const warm of [() => through("first"), () => bare(true), () => bare(false)]) await warm();
  requests = 0;
  const { steps } = await through("first");
  const roundTrips = (requests + steps) / tokens;
  const cpu = async (use: Promise<RemoteUse>): Promise<number> => (await use).cpu / tokens;
  const first = await timesMoreWithin(budgets.redis, rounds, ["ours", "bare"], {
    ours: () => cpu(through("first")),
    bare: () => cpu(bare(true)),
  });
  const again = await timesMoreWithin(budgets.memory, rounds, ["ours", "bare"], {
    ours: () => cpu(through("again")),
    bare: () => cpu(bare(false)),
  });
  const row = (which: string, budget: number, { times, taken }: typeof first): Row => ({
    what: `service cpu of a token through remoteSignIn() over a bare node:http route, ${which}`,
    unit: "times",
    budget,
    goal: 3,
    ours: times,
    note: `${median(taken.ours).toFixed(0)} µs over ${median(taken.bare).toFixed(0)} µs.`,
  });
  return [
    {
      what: "round trips for a token through remoteSignIn(), the service's store included",
      unit: "requests",
      budget: 2,
      ours: roundTrips,
      note: "a process with the store of its own makes 1.",
    },
    row("from memory", budgets.memory, again),
    row("from Redis, both", budgets.redis, first),
  ];
}

async function plainRequest(url: string, number: number, token: string, record?: string): Promise<void> {
  const body = JSON.stringify({
    user: { platform_user_id: `user ${number}` },
    server_label: resource.serverLabel,
    scopes: resource.scopes,
    record,
  });
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    accept: "application/json",
  };
  const response = await fetch(url, { method: "POST", redirect: "manual", headers, body });
  const { status } = (await response.json()) as { readonly status?: unknown };
  if (status !== "token") throw new Error("the bare route refused");
}

/** What the service uses meanwhile. */
async function used(service: ChildProcess, work: () => Promise<void>): Promise<RemoteUse> {
  const ask = async (): Promise<RemoteUse> => {
    service.send("use");
    const [use] = (await once(service, "message")) as [RemoteUse];
    return use;
  };
  await ask();
  await work();
  return ask();
}
