import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { GCProfiler } from "node:v8";
import { onBehalfOf } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { access, app, call, init, noTransport, resource, withoutNetwork } from "./ours.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { contextOf, people, type Person } from "./people.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const users = 100;
const warmUp = 12;
const rounds = 15;
/** Calls in one go: few enough that nothing is collected meanwhile. */
const ourCalls = 500;
const peerCalls = 20;

/** What a call whose token is cached allocates: memory that is garbage as soon as the call is over. */
export async function allocation(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const contacts = access(withoutNetwork(onBehalfOf(app(network))));
  const some = people(users);
  const contexts = some.map(contextOf);
  const msal = msalClient(network);
  const identity = some.slice(0, peerCalls).map((user) => identityCredential(network, user));
  await msalToken(msal, some[0] as Person);
  const transport = await bytesOf(contexts, ourCalls, () => noTransport(resource.url, init));
  const ours = (await bytesOf(contexts, ourCalls, (context) => call(contacts, context))) - transport;
  const msalNode = await bytesOf(some.slice(0, 1), peerCalls, (user) => msalToken(msal, user));
  const azureIdentity = await bytesOf(identity, peerCalls, identityToken);
  const [first] = contexts;
  if (first === undefined) throw new Error("nobody calls");
  // What is counted has to be seen where it is done, or nothing proves that it is not.
  if ((await digestsOf(() => contextOf(some[0] as Person))) === 0) throw new Error("hashes are not seen");
  const digests = {
    ours: await digestsOf(() => call(contacts, first)),
    msalNode: await digestsOf(() => msalToken(msal, some[0] as Person)),
    azureIdentity: await digestsOf(() => identityToken(identity[0] as (typeof identity)[number])),
  };
  await endpoint.close();
  return [
    {
      what: "memory allocated by a call whose token is cached",
      unit: "bytes",
      budget: 3000,
      ours,
      msalNode,
      azureIdentity,
      note: "ours with the request and its copied headers, the peers' with the token only.",
    },
    {
      what: "hashes and JSON texts made by a call whose token is cached",
      unit: "calls",
      budget: 0,
      ...digests,
    },
  ];
}

/** The median over rounds without a collection of garbage. Needs `--expose-gc`. */
async function bytesOf<T>(items: readonly T[], calls: number, call: (item: T) => unknown): Promise<number> {
  const samples: number[] = [];
  for (let round = -warmUp; round < rounds; round += 1) {
    globalThis.gc?.();
    const profiler = new GCProfiler();
    profiler.start();
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < calls; number += 1) await call(items[number % items.length] as T);
    const after = process.memoryUsage().heapUsed;
    const { statistics } = profiler.stop();
    if (round >= 0 && statistics.length === 0) samples.push((after - before) / calls);
  }
  if (samples.length < rounds / 2) throw new Error("garbage was collected while it was weighed");
  return median(samples);
}

/** How often something is hashed, or read from or written to JSON, in one call. */
async function digestsOf(call: () => unknown): Promise<number> {
  let count = 0;
  const counted = <F extends (...args: never[]) => unknown>(original: F): F =>
    new Proxy(original, {
      apply(target, self, args) {
        count += 1;
        return Reflect.apply(target, self, args) as unknown;
      },
    });
  const { parse, stringify } = JSON;
  const { createHash, createHmac } = crypto;
  const { digest } = crypto.webcrypto.subtle;
  Object.assign(JSON, { parse: counted(parse), stringify: counted(stringify) });
  Object.assign(crypto, { createHash: counted(createHash), createHmac: counted(createHmac) });
  Object.assign(crypto.webcrypto.subtle, { digest: counted(digest) });
  syncBuiltinESMExports();
  try {
    await call();
    return count;
  } finally {
    Object.assign(JSON, { parse, stringify });
    Object.assign(crypto, { createHash, createHmac });
    Object.assign(crypto.webcrypto.subtle, { digest });
    syncBuiltinESMExports();
  }
}
