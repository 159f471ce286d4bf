import { createDecipheriv, hkdfSync } from "node:crypto";
import type { UserContext } from "hosted-agent-identity";
import { startRedis } from "../../test/support/redis-server.js";
import { init, noTransport, resource } from "../ours.js";
import { claimsOf } from "../people.js";
import { interleaved, median, p50, shuffled, slice, timesMore } from "../statistics.js";
import type { Row } from "../table.js";
import {
  callAs,
  connected,
  instance,
  oidOf,
  platformContext,
  sealing,
  storeGrants,
  type Grants,
} from "./grants.js";

const people = 100_000;
const rounds = 15;
/** Read from the store in each round, by the package and by hand. */
const reads = 1000;
/** Rounds before those that count: compiled code first. */
const warmUp = 3;
const counted = 500;

/** The token of a stored grant: from the memory of the process, and from the store. */
export async function grantTokens(): Promise<readonly Row[]> {
  const redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  try {
    const grants = await storeGrants(redis.url, people);
    const numbers = shuffled(Array.from({ length: grants.count }, (_, number) => number));
    return [
      ...(await oneReadNoRequest(grants, numbers)),
      ...(await fromTheStore(grants, numbers)),
      ...(await fromMemory(grants, numbers)),
    ];
  } finally {
    await redis.remove();
  }
}

/** Counted where it happens: at the store's interface, by the Redis server itself, and in the network. */
async function oneReadNoRequest(grants: Grants, numbers: readonly number[]): Promise<readonly Row[]> {
  let posts = 0;
  const fresh = await instance(grants, async () => {
    posts += 1;
    throw new Error("nobody may be asked for a token that is stored");
  });
  const operator = await connected(grants.url);
  await operator.configResetStat();
  const before = fresh.steps.length;
  for (const number of numbers.slice(0, counted)) {
    const { token } = await fresh.contacts.token(platformContext(number));
    if (claimsOf(token)["oid"] !== oidOf(number)) throw new Error("a token of somebody else");
  }
  const steps = fresh.steps.slice(before);
  const commands = await commandsSince(operator);
  await operator.close();
  await fresh.close();
  const others = steps.filter((step) => step !== "get").length;
  if (commands !== steps.length || others > 0)
    throw new Error(`${steps.length} steps, ${others} of them no reads, made ${commands} commands`);
  if (steps.length < counted) throw new Error("tokens came from somewhere else than the store");
  return [
    {
      what: "reads of the store for a grant's token, fresh process",
      unit: "reads",
      budget: 1,
      ours: steps.length / counted,
    },
    { what: "requests to Entra for it", unit: "POSTs", budget: 0, ours: posts },
  ];
}

/** How many commands the server has run since its statistics were reset, without those that ask for them. */
async function commandsSince(operator: { info(section: string): Promise<string> }): Promise<number> {
  const stats = await operator.info("commandstats");
  let calls = 0;
  for (const [, name = "", count] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
    if (name !== "info" && !name.startsWith("config")) calls += Number(count);
  }
  return calls;
}

async function fromTheStore(grants: Grants, numbers: readonly number[]): Promise<readonly Row[]> {
  const byHand = await plainRead(grants);
  const taken = { ours: [] as number[], plain: [] as number[] };
  for (let round = 0; round < warmUp + rounds; round += 1) {
    // A new one each round: its memory knows nobody, and nobody is asked for twice.
    const fresh = await instance(grants, noNetwork);
    const some = slice(numbers, reads, round);
    const samples = { ours: new Float64Array(reads), plain: new Float64Array(reads) };
    for (const [at, number] of some.entries()) {
      const context = platformContext(number);
      const record = byHand.record(number);
      const ours = async (): Promise<void> => {
        const started = performance.now();
        await fresh.contacts.token(context);
        samples.ours[at] = performance.now() - started;
      };
      const plain = async (): Promise<void> => {
        const started = performance.now();
        await byHand.read(record);
        samples.plain[at] = performance.now() - started;
      };
      // Whoever comes second finds the bytes in the caches of the processor.
      for (const read of at % 2 === 0 ? [ours, plain] : [plain, ours]) await read();
    }
    await fresh.close();
    if (round < warmUp) continue;
    taken.ours.push(median(samples.ours));
    taken.plain.push(median(samples.plain));
  }
  await byHand.close();
  const [ours, plain] = [median(taken.ours), median(taken.plain)];
  return [
    {
      what: "token from the store over a plain read of the same bytes p50, 100 000 grants",
      unit: "times",
      budget: 1.2,
      ours: timesMore(taken.ours, taken.plain),
      note: `${ours.toFixed(4)} ms over ${plain.toFixed(4)} ms for GET, and AES-256-GCM and JSON.parse of all that it brought, keys at hand; ${Math.round(grants.textBytes)} bytes of text and ${Math.round(grants.redisBytes)} bytes of Redis a grant.`,
    },
  ];
}

interface PlainRecord {
  readonly name: string;
  readonly parts: readonly { readonly key: Buffer; readonly context: Buffer }[];
}

/** The least that anybody has to do: one GET, and what it brought opened with keys that are there, and parsed. */
async function plainRead(grants: Grants): Promise<{
  record(number: number): PlainRecord;
  read(record: PlainRecord): Promise<unknown>;
  close(): Promise<void>;
}> {
  const client = await connected(grants.url);
  const { keyOf, bindingOf } = sealing(grants.key);
  return {
    record(number) {
      const parts = ["grant", "cached-token"].map((purpose) => {
        const context = Buffer.from(
          JSON.stringify(["hosted-agent-identity/1", purpose, ...bindingOf(number)]),
        );
        const key = Buffer.from(hkdfSync("sha256", grants.key, Buffer.alloc(0), context, 32));
        return { key, context };
      });
      return { name: keyOf(number), parts };
    },
    async read({ name, parts }) {
      const sealed = (await client.get(name))?.split(".") ?? [];
      return parts.map(({ key, context }, at) => {
        const bytes = Buffer.from(sealed[at] ?? "", "base64url");
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(4, 16));
        decipher.setAAD(context);
        decipher.setAuthTag(bytes.subarray(16, 32));
        const text = decipher.update(bytes.subarray(32));
        decipher.final();
        return JSON.parse(text.toString("utf8", 32)) as unknown;
      });
    },
    close: async () => client.close(),
  };
}

function noNetwork(): Promise<Response> {
  return Promise.reject(new Error("nobody may be asked for a token that is stored"));
}

/** Turns that run at the same time, and how often each of them calls the MCP server. */
const turns = 2000;
const callsPerTurn = 5;

async function fromMemory(grants: Grants, numbers: readonly number[]): Promise<readonly Row[]> {
  const time = Date.now();
  const filled = async (count: number) => {
    const made = await instance(grants, noNetwork, () => time);
    const cached = numbers.slice(0, count);
    for (let from = 0; from < count; from += 100) {
      await Promise.all(
        cached.slice(from, from + 100).map((number) => callAs(made.contacts, platformContext(number))),
      );
    }
    return { ...made, cached, before: made.steps.length };
  };
  const [one, most] = [await filled(1), await filled(grants.count)];
  const repeated = (contexts: readonly UserContext[]): readonly UserContext[] =>
    Array.from({ length: callsPerTurn }, () => contexts).flat();
  const hits = ({ contacts, cached }: typeof one, round: number): Promise<number> =>
    p50(repeated(slice(cached, turns, round).map(platformContext)), (context) => callAs(contacts, context));
  const someTurns = numbers.slice(0, turns).map(platformContext);
  const taken = await interleaved(rounds, {
    transport: () => p50(repeated(someTurns), () => noTransport(resource.url, init)),
    one: (round) => hits(one, round),
    most: (round) => hits(most, round),
  });
  for (const { steps, before } of [one, most])
    if (steps.length > before) throw new Error("calls that should have been cached went to the store");
  await one.close();
  await most.close();
  const own = (total: readonly number[]): readonly number[] =>
    total.map((ms, round) => ms - (taken.transport[round] ?? Number.NaN));
  return [
    { what: "cached token of a grant p50, 1 user", unit: "ms", budget: 0.005, ours: median(own(taken.one)) },
    {
      what: "cached token of a grant p50, 100 000 users",
      unit: "ms",
      budget: 0.005,
      ours: median(own(taken.most)),
    },
    {
      what: "cached token of a grant, 100 000 users over 1",
      unit: "times",
      budget: 1.5,
      ours: timesMore(own(taken.most), own(taken.one)),
    },
  ];
}
