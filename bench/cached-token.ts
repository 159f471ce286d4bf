import { onBehalfOf, type UserAccess, type UserContext } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { access, app, call, init, noTransport, resource, withoutNetwork } from "./ours.js";
import { fillMsal, msalClient, msalToken } from "./peers/msal.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { contextOf, people, type Person } from "./people.js";
import { interleaved, median, medians, p50, shuffled, slice, timesMore } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const rounds = 15;
const tenThousand = 10_000;
const hundredThousand = 100_000;
/** Turns that run at the same time, and how often each of them calls the MCP server. */
const turns = 2000;
const callsPerTurn = 5;

/**
 * A call whose token is cached, at 1, 10 000 and 100 000 users. Each round begins as many turns of random
 * users as before, whatever the number of users that are cached; the turns call in turn.
 */
export async function cachedToken(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const users = shuffled(people(hundredThousand));
  const msal = { one: msalClient(network), many: msalClient(network) };
  await fillMsal(msal.one, users.slice(0, 1));
  await fillMsal(msal.many, users.slice(0, tenThousand));
  const identity = users.slice(0, tenThousand).map((user) => identityCredential(network, user));
  for (const credential of identity) await identityToken(credential);
  const entra = app(network);
  const oursAt = async (count: number): Promise<Cached> => {
    const contacts = access(withoutNetwork(onBehalfOf(entra)));
    const cached = users.slice(0, count);
    for (const user of cached) await call(contacts, contextOf(user));
    return { contacts, users: cached };
  };
  const ours = { one: await oursAt(1), many: await oursAt(tenThousand), most: await oursAt(hundredThousand) };
  const someTurns = people(turns).map(contextOf);
  const filled = endpoint.posts();

  const taken = await interleaved(rounds, {
    transport: () => p50(repeated(someTurns), () => noTransport(resource.url, init)),
    one: (round) => hits(ours.one, round),
    many: (round) => hits(ours.many, round),
    most: (round) => hits(ours.most, round),
    msalOne: () => p50(slice<Person>(users.slice(0, 1), 400, 0), (user) => msalToken(msal.one, user)),
    msalMany: (round) =>
      p50(slice(users.slice(0, tenThousand), 3, round), (user) => msalToken(msal.many, user)),
    identityOne: () => p50(slice(identity.slice(0, 1), 400, 0), identityToken),
    identityMany: (round) => p50(slice(identity, 400, round), identityToken),
  });
  const asked = endpoint.posts() - filled;
  await endpoint.close();
  if (asked > 0) throw new Error(`${asked} calls that should have been cached went to the token endpoint`);

  const own = (total: readonly number[]): readonly number[] =>
    total.map((time, round) => time - (taken.transport[round] ?? Number.NaN));
  const [one, most] = [own(taken.one), own(taken.most)];
  const peers = medians(taken);
  return [
    row("1 user", median(one), peers.msalOne, peers.identityOne),
    row("10 000 users", median(own(taken.many)), peers.msalMany, peers.identityMany),
    {
      ...row("100 000 users", median(most)),
      note: "msal-node's cache cannot be filled so far, and 100 000 @azure/identity credentials need 2.4 GB.",
    },
    {
      what: "cached token, 100 000 users over 1",
      unit: "times",
      budget: 1.5,
      ours: timesMore(most, one),
      msalNode: timesMore(taken.msalMany, taken.msalOne),
      azureIdentity: timesMore(taken.identityMany, taken.identityOne),
      note: "the peers' numbers are for 10 000 users.",
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

function row(users: string, ours: number, msalNode?: number, azureIdentity?: number): Row {
  return {
    what: `cached token p50, ${users}`,
    unit: "ms",
    budget: 0.005,
    ours,
    ...(msalNode === undefined ? {} : { msalNode }),
    ...(azureIdentity === undefined ? {} : { azureIdentity }),
  };
}
