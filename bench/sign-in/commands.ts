import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createClient } from "redis";
import { freePort } from "../../test/support/free-port.js";
import { startRedis } from "../../test/support/redis-server.js";
import type { Row } from "../table.js";
import { asked, child } from "./crowd.js";
import type { EntraStart, EntraStarted, ServiceStart } from "./crowd-messages.js";
import { closeConnections, person } from "./crowd-person.js";

/** What one whole sign-in sends to Redis. Counted, not timed: one is enough. */
interface Sent {
  readonly commands: readonly string[];
  readonly bytes: number;
}

/** One first sign-in of each kind, from the link to the first token, by a service that has served others before. */
export async function signInCommands(): Promise<readonly Row[]> {
  const redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  const children: ChildProcess[] = [];
  try {
    const port = await freePort();
    const service = `http://127.0.0.1:${port}`;
    const entra = child(new URL("crowd-entra.ts", import.meta.url), children);
    const wanted: EntraStart = { people: 4, redirectUri: `${service}/sign-in/callback` };
    const { oids, ...addresses } = (await asked(entra, wanted)) as EntraStarted;
    const serving = child(new URL("crowd-service.ts", import.meta.url), children);
    const start: ServiceStart = {
      ...addresses,
      redisUrls: [redis.url],
      port,
      key: randomBytes(32).toString("base64"),
    };
    await asked(serving, start);
    const chatting = async (oid: string): Promise<void> => {
      const one = person({ service, entra: addresses.origin }, `user ${oid}`, oid);
      await one.signIn(await one.tokenOrLink());
      await expectToken(one.tokenOrLink(), oid);
    };
    const known = async (oid: string): Promise<void> => {
      const one = person({ service, entra: addresses.origin }, `known ${oid}`, oid);
      await one.signInKnown(await one.tokenOrLink());
      await expectToken(one.tokenOrLink(), oid);
    };
    const [first = "", second = "", third = "", fourth = ""] = oids;
    await chatting(first);
    await known(second);
    const ofChat = await sentBy(redis.url, () => chatting(third));
    const ofKnown = await sentBy(redis.url, () => known(fourth));
    return [
      ...rows("whom a token names", ofKnown, { commands: 8, bytes: 10_000 }),
      // With a code, a question and a yes: each is kept, counted or answered in an order that a failure has to find.
      ...rows("in a chat, with code and yes", ofChat, { commands: 15, bytes: 15_500 }),
    ];
  } finally {
    closeConnections();
    for (const each of children) each.disconnect();
    await Promise.all(children.map(async (each) => each.exitCode === null && once(each, "exit")));
    await redis.remove();
  }
}

function rows(who: string, { commands, bytes }: Sent, budget: { commands: number; bytes: number }): Row[] {
  const what = `one sign-in ${who}`;
  return [
    {
      what: `${what}: commands to Redis`,
      unit: "commands",
      budget: budget.commands,
      goal: 8,
      ours: commands.length,
      note: commands.join("; "),
    },
    { what: `${what}: sent to Redis`, unit: "bytes", budget: budget.bytes, goal: 10_000, ours: bytes },
  ];
}

async function expectToken(token: Promise<string>, oid: string): Promise<void> {
  if ((await token) !== oid) throw new Error("a person has not got their own token");
}

async function sentBy(url: string, work: () => Promise<void>): Promise<Sent> {
  const [watching, asking] = await Promise.all([connected(url), connected(url)]);
  const received = async (): Promise<number> =>
    Number(/^total_net_input_bytes:(\d+)/m.exec(await asking.info("stats"))?.[1]);
  const commands: string[] = [];
  await received();
  // What the question itself takes.
  const own = -(await received()) + (await received());
  await watching.monitor((line) => commands.push(String(line)));
  const before = await received();
  await work();
  const bytes = (await received()) - before - own;
  watching.destroy();
  asking.destroy();
  const sent = commands.filter((line) => !line.includes(" lua] ") && !line.includes('"INFO"'));
  return { commands: sent.map(kindsIn), bytes };
}

async function connected(url: string) {
  return createClient({ url })
    .on("error", () => undefined)
    .connect();
}

/** The command, and of which kinds its keys are. */
function kindsIn(line: string): string {
  const [, command = ""] = /\] "(\w+)"/.exec(line) ?? [];
  const kinds = [...line.matchAll(/"hosted-agent-identity:([a-z-]+):/g)].map(([, kind]) => kind);
  return `${command} ${kinds.join(" ")}`;
}
