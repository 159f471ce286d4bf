import { constants } from "node:buffer";
import { onBehalfOf, type UserAccess, type UserContext } from "hosted-agent-identity";
import { filledWhileItLasts, TooMany } from "./growth.js";
import { networkTo } from "./network.js";
import { access, app, call, init, noTransport, resource, withoutNetwork } from "./ours.js";
import { fillMsal, msalClient, msalToken } from "./peers/msal.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { contextOf, people, type Person } from "./people.js";
import { cachedTokenRow, sizes, withSpaces } from "./rows.js";
import { interleaved, median, p50, shuffled, slice, timesMore } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const rounds = 15;
/** Turns that run at the same time, and how often each of them calls the MCP server. */
const turns = 2000;
const callsPerTurn = 5;
/** How often a peer is called in each round. msal-node takes longer for each call, the more users it has. */
const peerCalls = 400;
/** The most that a peer's objects may take. */
const mostBytes = 1.5e9;
const msalCalls = (users: number): number => (users >= 1000 ? 3 : 100);

/**
 * A call whose token is cached, from 1 to 100 000 users. Each round begins as many turns of random users as
 * before, whatever the number of users that are cached; the turns call in turn.
 */
export async function cachedToken(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const users = shuffled(people(Math.max(...sizes)));
  let msalLength = 0;
  const msal = await filledWhileItLasts(sizes, async (count) => {
    if (msalLength * count > constants.MAX_STRING_LENGTH)
      throw new TooMany("its serialised cache would be longer than a string can be");
    const client = msalClient(network);
    await fillMsal(client, users.slice(0, count));
    msalLength = client.getTokenCache().serialize().length / count;
    return client;
  });
  const credentials: ReturnType<typeof identityCredential>[] = [];
  let identityBytes = 0;
  const identity = await filledWhileItLasts(sizes, async (count) => {
    if (identityBytes * count > mostBytes)
      throw new TooMany(
        `its credential objects would take ${((identityBytes * count) / 1e9).toFixed(1)} GB of heap`,
      );
    const before = heapAfterCollection();
    const more = count - credentials.length;
    for (const user of users.slice(credentials.length, count)) {
      const credential = identityCredential(network, user);
      await identityToken(credential);
      credentials.push(credential);
    }
    identityBytes = (heapAfterCollection() - before) / more;
    return credentials.slice(0, count);
  });
  const entra = app(network);
  const ours = new Map<number, Cached>();
  for (const count of sizes) {
    const contacts = access(withoutNetwork(onBehalfOf(entra)));
    const cached = users.slice(0, count);
    for (const user of cached) await call(contacts, contextOf(user));
    ours.set(count, { contacts, users: cached });
  }
  const someTurns = people(turns).map(contextOf);
  const filled = endpoint.posts();

  const subjects = new Map<string, (round: number) => Promise<number>>();
  subjects.set("transport", () => p50(repeated(someTurns), () => noTransport(resource.url, init)));
  for (const [count, cached] of ours) subjects.set(`ours ${count}`, (round) => hits(cached, round));
  for (const [count, client] of msal.filled) {
    const some = users.slice(0, count);
    subjects.set(`msal ${count}`, (round) =>
      p50(slice(some, msalCalls(count), round), (user) => msalToken(client, user)),
    );
  }
  for (const [count, some] of identity.filled)
    subjects.set(`identity ${count}`, (round) => p50(slice(some, peerCalls, round), identityToken));
  const taken = await interleaved(rounds, Object.fromEntries(subjects));
  const asked = endpoint.posts() - filled;
  await endpoint.close();
  if (asked > 0) throw new Error(`${asked} calls that should have been cached went to the token endpoint`);

  const own = (count: number): readonly number[] =>
    (taken[`ours ${count}`] ?? []).map((time, round) => time - (taken["transport"]?.[round] ?? Number.NaN));
  const peer = (name: string, count: number): number | undefined =>
    taken[`${name} ${count}`] === undefined ? undefined : median(taken[`${name} ${count}`] ?? []);
  const timesOne = (name: string, most: number): number =>
    timesMore(taken[`${name} ${most}`] ?? [], taken[`${name} 1`] ?? []);
  const [msalMost, identityMost] = [Math.max(...msal.filled.keys()), Math.max(...identity.filled.keys())];
  return [
    ...sizes.map((count) => ({
      what: cachedTokenRow(count),
      unit: "ms",
      budget: 0.005,
      ours: median(own(count)),
      ...given("msalNode", peer("msal", count)),
      ...given("azureIdentity", peer("identity", count)),
      ...given("note", noteOf(count, { "msal-node": msal.stopped, "@azure/identity": identity.stopped })),
    })),
    {
      what: "cached token, 100 000 users over 1",
      unit: "times",
      budget: 1.5,
      ours: timesMore(own(100_000), own(1)),
      msalNode: timesOne("msal", msalMost),
      azureIdentity: timesOne("identity", identityMost),
      note: `msal-node's number is for ${withSpaces(msalMost)} users, @azure/identity's for ${withSpaces(identityMost)}.`,
    },
  ];
}

interface Cached {
  readonly contacts: UserAccess;
  readonly users: readonly Person[];
}

function hits({ contacts, users }: Cached, round: number): Promise<number> {
  const contexts = slice(users, turns, round).map(contextOf);
  return p50(repeated(contexts), (context) => call(contacts, context));
}

function repeated(contexts: readonly UserContext[]): readonly UserContext[] {
  return Array.from({ length: callsPerTurn }, () => contexts).flat();
}

function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}

function heapAfterCollection(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function noteOf(
  count: number,
  stopped: Readonly<Record<string, { at: number; why: string } | undefined>>,
): string | undefined {
  const said = Object.entries(stopped).flatMap(([name, stop]) =>
    stop?.at === count ? [`${name} stops before: ${stop.why}`] : [],
  );
  return said.length === 0 ? undefined : `${said.join("; ")}.`;
}
