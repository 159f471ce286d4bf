import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapSnapshot } from "node:v8";
import { onBehalfOf, type UserContext } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { access, app, call } from "./ours.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { contextOf, people, person, type Person } from "./people.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const users = 5000;
const identityUsers = 1000;
/** More take quadratic time. */
const msalUsers = 700;
const warmUp = 2000;
const searched = 50;
/** Where the numbers of users begin whose turn is over, or still runs, when the heap is searched. */
const ended = 2_000_000;
const live = 3_000_000;
/** In base64 characters: up to the user's id, and with it. */
const markerStart = 92;
const markerLength = 152;

/** What stays in memory of a user whose turn is over and whose token is cached. Needs `--expose-gc`. */
export async function memory(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const contacts = access(onBehalfOf(app(network)));
  const turn = async (user: Person): Promise<void> => {
    const context = contextOf(user);
    await call(contacts, context);
    context.end();
  };
  // Modules, compiled code and sockets are there before anything is weighed.
  for (const user of people(warmUp, 1_000_000)) await turn(user);
  const ours = await perUser(users, async () => {
    for (let number = 0; number < users; number += 1) await turn(person(number));
    return contacts;
  });
  const found = await assertionsFound();

  // Filled by calls: its deserialize() would keep the text it read beside the tokens.
  await msalToken(msalClient(network), person(1_000_000));
  const msalNode = await perUser(msalUsers, async () => {
    const client = msalClient(network);
    for (let number = 0; number < msalUsers; number += 1) await msalToken(client, person(number));
    return client;
  });
  await identityToken(identityCredential(network, person(1_000_000)));
  const azureIdentity = await perUser(identityUsers, async () => {
    const credentials = [];
    for (let number = 0; number < identityUsers; number += 1) {
      const credential = identityCredential(network, person(number));
      await identityToken(credential);
      credentials.push(credential);
    }
    return credentials;
  });
  await endpoint.close();
  return [
    { what: "memory per cached user", unit: "kB", budget: 3, ours, msalNode, azureIdentity },
    { what: "user tokens left in the heap", unit: `of ${searched}`, budget: 0, ours: found },
  ];

  /** How many of the users whose turn is over have their user token somewhere in this process still. */
  async function assertionsFound(): Promise<number> {
    for (let number = 0; number < searched; number += 1) await turn(person(ended + number));
    const contexts: UserContext[] = [];
    for (let number = 0; number < searched; number += 1) contexts.push(contextOf(person(live + number)));
    for (const context of contexts) await call(contacts, context);
    await collect();
    const snapshot = getHeapSnapshot();
    const seen = await markersIn(snapshot);
    const count = (from: number): number =>
      people(searched, from).filter((user) => seen.has(marker(user))).length;
    // Turns that still run must be found, or the search itself does not work.
    if (count(live) !== contexts.length) throw new Error("the heap search misses tokens that are there");
    return count(ended);
  }
}

/** The beginning of an assertion's payload up to the user's id: no other token begins like it. */
function marker({ assertion }: Person): string {
  return (assertion.split(".")[1] ?? "").slice(0, markerLength);
}

async function markersIn(snapshot: Readable): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const start = marker(person(0)).slice(0, markerStart);
  let rest = "";
  for await (const chunk of snapshot) {
    const text = rest + String(chunk);
    for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1))
      seen.add(text.slice(at, at + markerLength));
    rest = text.slice(1 - markerLength);
  }
  return seen;
}

async function perUser(count: number, fill: () => Promise<object>): Promise<number> {
  const before = await heapAfterCollection();
  const kept = await fill();
  const after = await heapAfterCollection();
  return kept === undefined ? Number.NaN : (after - before) / count / 1000;
}

async function heapAfterCollection(): Promise<number> {
  await collect();
  return process.memoryUsage().heapUsed;
}

async function collect(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error("memory is measured with --expose-gc");
  // Finished sockets and weak references go in later turns of the event loop.
  for (let time = 0; time < 4; time += 1) {
    await sleep(20);
    globalThis.gc();
  }
}
