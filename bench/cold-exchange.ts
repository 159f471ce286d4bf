import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash, X509Certificate } from "node:crypto";
import { certificate, clientSecret, type ClientCredential, type UserContext } from "hosted-agent-identity";
import { generate } from "selfsigned";
import { networkTo, type Network } from "./network.js";
import { access, app, call, fillable } from "./ours.js";
import { fillMsal, msalClient, msalToken, type MsalCredential } from "./peers/msal.js";
import { identityCredential, identityToken, type IdentityCredential } from "./peers/identity.js";
import { contextOf, people, type Person } from "./people.js";
import { interleaved, median, medians, timesMore } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const rounds = 5;
const each = 40;
const many = 10_000;

/** The first call of a user: all the time but what the token endpoint and the network took. */
export async function coldExchange(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  try {
    const rows: Row[] = [];
    for (const kind of await credentials(folder)) rows.push(...(await measure(network, kind)));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
    await endpoint.close();
  }
}

interface Credentials {
  readonly name: string;
  readonly ours: ClientCredential;
  readonly msal: MsalCredential;
  readonly identity: IdentityCredential;
}

async function credentials(folder: string): Promise<readonly Credentials[]> {
  const secret = "bench-secret";
  const made = await generate([{ name: "commonName", value: "bench" }], { keySize: 2048 });
  const path = join(folder, "bench.pem");
  await writeFile(path, made.private + made.cert);
  const thumbprintSha256 = createHash("sha256").update(new X509Certificate(made.cert).raw).digest("hex");
  return [
    {
      name: "secret",
      ours: clientSecret(secret),
      msal: { clientSecret: secret },
      identity: { clientSecret: secret },
    },
    {
      name: "certificate",
      ours: certificate({ path }),
      msal: { clientCertificate: { thumbprintSha256, privateKey: made.private } },
      identity: { certificatePath: path },
    },
  ];
}

async function measure(
  network: Network,
  { name, ours, msal, identity }: Credentials,
): Promise<readonly Row[]> {
  const cached = people(many);
  const oursAt = async (users: readonly Person[]): Promise<(context: UserContext) => Promise<unknown>> => {
    const { source, real } = fillable(app(network, ours));
    const contacts = access(source);
    for (const user of users) await call(contacts, contextOf(user));
    real();
    return (context) => call(contacts, context);
  };
  const msalAt = async (users: readonly Person[]): Promise<(user: Person) => Promise<unknown>> => {
    const client = msalClient(network, msal);
    await fillMsal(client, users);
    return (user) => msalToken(client, user);
  };
  const [oursEmpty, oursMany, msalMany] = [await oursAt([]), await oursAt(cached), await msalAt(cached)];
  let next = many;
  const newcomers = (count: number): readonly Person[] => people(count, (next += count));
  const time = <T>(items: readonly T[], one: (item: T) => Promise<unknown>): Promise<number> =>
    outsideNetwork(network, items, one);

  const taken = await interleaved(rounds, {
    oursEmpty: () => time(newcomers(each).map(contextOf), oursEmpty),
    oursMany: () => time(newcomers(each).map(contextOf), oursMany),
    // A new client each round: after 100 users msal-node already takes twice as long.
    msalEmpty: async () => time(newcomers(each), await msalAt([])),
    msalMany: () => time(newcomers(3), msalMany),
    identity: () =>
      time(newcomers(each), (user) => identityToken(identityCredential(network, user, identity))),
  });
  const result = medians(taken);
  const what = `cold exchange outside the network p50, ${name}`;
  return [
    {
      what,
      unit: "ms",
      budget: 1,
      ours: result.oursEmpty,
      msalNode: result.msalEmpty,
      azureIdentity: result.identity,
    },
    {
      what: `${what}, 10 000 users cached`,
      unit: "ms",
      budget: 1,
      ours: result.oursMany,
      msalNode: result.msalMany,
    },
    {
      what: `cold exchange, ${name}, 10 000 users over 0`,
      unit: "times",
      budget: 1.5,
      ours: timesMore(taken.oursMany, taken.oursEmpty),
      msalNode: timesMore(taken.msalMany, taken.msalEmpty),
    },
  ];
}

async function outsideNetwork<T>(
  network: Network,
  items: readonly T[],
  one: (item: T) => Promise<unknown>,
): Promise<number> {
  const samples: number[] = [];
  for (const item of items) {
    const spent = network.spentMs();
    const started = performance.now();
    await one(item);
    const all = performance.now() - started;
    if (network.spentMs() === spent) throw new Error("a first call did not reach the token endpoint");
    samples.push(all - (network.spentMs() - spent));
  }
  return median(samples);
}
