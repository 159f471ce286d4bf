import { AsyncLocalStorage } from "node:async_hooks";
import { onBehalfOf, type UserContext } from "hosted-agent-identity";
import { cpuOf, sha256 } from "./cpu.js";
import { networkTo } from "./network.js";
import { access, app, call, init, noTransport, resource, withoutNetwork } from "./ours.js";
import { contextOf, jwt, people, person } from "./people.js";
import { interleaved, median, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 41;
const users = 200;
const callsEach = 10;
const hashes = 3_000;
const warmUps = 15;
/** What has been reached. */
const budget = 1.5;

/**
 * What a call with a cached token costs of the processor over the least that could do it: AsyncLocalStorage, a Map, and
 * one copy of the headers. In times of one SHA-256 of the token in the same run: what a caller may compare it with.
 */
export async function cachedCall(): Promise<readonly Row[]> {
  const token = jwt({ oid: person(1).oid });
  const contacts = access(withoutNetwork(onBehalfOf(app(networkTo("http://127.0.0.1:1")))));
  const contexts = people(users).map(contextOf);
  for (const context of contexts) await call(contacts, context);
  const tokens = new Map(contexts.map((context) => [context.principalKey, token]));
  const repeated = Array.from({ length: callsEach }, () => contexts).flat();
  const every = (one: (context: UserContext) => unknown) => () =>
    cpuOf(repeated.length, (number) => one(repeated[number] as UserContext));
  const subjects = {
    floor: every((context) => current.run(context, () => leastFetch(tokens))),
    ours: every((context) => call(contacts, context)),
    sha256: () => cpuOf(hashes, () => sha256(token)),
  };
  for (let warmed = 0; warmed < warmUps; warmed += 1) for (const one of Object.values(subjects)) await one();
  const taken = await interleaved(rounds, subjects);
  const over = taken.ours.map((cpu, round) => cpu - (taken.floor[round] ?? Number.NaN));
  const micro = (one: readonly number[]): string => `${(median(one) * 1000).toFixed(2)} µs`;
  return [
    {
      what: "cpu of a cached call over its floor",
      unit: "sha256 of the token",
      budget,
      goal: 0.3,
      ours: timesMore(over, taken.sha256),
      note: `a call ${micro(taken.ours)}, its floor (AsyncLocalStorage, Map, one copy of the headers) ${micro(taken.floor)}, one sha256 ${micro(taken.sha256)}; ${users} users cached.`,
    },
  ];
}

const current = new AsyncLocalStorage<UserContext>();

/** The least that sends a user's token, looks at the status, and reads the session of the answer. */
async function leastFetch(tokens: ReadonlyMap<string | undefined, string>): Promise<Response> {
  const token = tokens.get(current.getStore()?.principalKey);
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  (init.headers as Headers).forEach((value, name) => {
    if (name !== "authorization") headers[name] = value;
  });
  const response = await noTransport(resource.url, { ...init, headers, redirect: "manual" });
  if (response.status === 401) throw new Error("the token was refused");
  response.headers.get("mcp-session-id");
  return response;
}
