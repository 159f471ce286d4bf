import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { clientSecret, entraApp, onBehalfOf, userAccess } from "hosted-agent-identity";
import { authority } from "./network.js";
import { noTransport, resource } from "./ours.js";
import { agentApp, contextOf, people, tenant } from "./people.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";

const users = 2_000;
const timeoutMs = 2_000;
const runs = 5;
/** Of requests that an app has under way at once; undici has at most twice as many sockets. */
const limit = 128;

interface Burst {
  readonly lost: number;
  readonly sockets: number;
  readonly wallMs: number;
  readonly loopMs: number;
}

/** The first calls of 2 000 users in the same instant, at an endpoint that answers after 50 ms. */
export async function burst(): Promise<readonly Row[]> {
  const [ours, plain]: [Burst[], Burst[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    ours.push(await measured(firstCalls, run));
    plain.push(await measured(plainPosts, run));
  }
  const most = (of: keyof Burst, all: readonly Burst[] = ours): number =>
    Math.max(...all.map((one) => one[of]));
  const middle = (of: keyof Burst, all: readonly Burst[]): number => median(all.map((one) => one[of]));
  const wall = `${(middle("wallMs", ours) / 1000).toFixed(1)} s, without a limit and without a deadline ${(middle("wallMs", plain) / 1000).toFixed(1)} s`;
  return [
    {
      what: "2 000 first calls at once, timeoutMs 2 000: lost",
      unit: `of ${users}, most of ${runs} runs`,
      budget: 0,
      ours: most("lost"),
      note: `All were done after ${wall} (plain fetch of the same requests, in turn with ours).`,
    },
    {
      what: "2 000 first calls at once: sockets to Entra",
      unit: `most of ${runs} runs`,
      budget: 2 * limit,
      ours: most("sockets"),
      note: `Without a limit ${most("sockets", plain)}. The event loop was blocked for ${Math.round(middle("loopMs", ours))} ms at most, without a limit ${Math.round(middle("loopMs", plain))} ms.`,
    },
  ];
}

async function measured(
  calls: (origin: string, from: number) => Promise<number>,
  run: number,
): Promise<Burst> {
  const endpoint = fork(fileURLToPath(new URL("burst-endpoint.ts", import.meta.url)), [], {
    execArgv: process.execArgv,
  });
  const [port] = (await once(endpoint, "message")) as [number];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const started = performance.now();
  const lost = await calls(`http://127.0.0.1:${port}`, run * users);
  const wallMs = performance.now() - started;
  delay.disable();
  endpoint.send("use");
  const [{ sockets }] = (await once(endpoint, "message")) as [{ readonly sockets: number }];
  endpoint.disconnect();
  await once(endpoint, "exit");
  return { lost, sockets, wallMs, loopMs: delay.max / 1e6 };
}

async function firstCalls(origin: string, from: number): Promise<number> {
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("bench-secret"),
    timeoutMs,
    fetch: (url, init) => fetch(origin + String(url).slice(authority.length), init),
  });
  const contacts = userAccess(resource, [onBehalfOf(app)], { fetch: noTransport });
  const outcomes = await Promise.allSettled(people(users, from).map((one) => contacts.token(contextOf(one))));
  await contacts.close();
  return outcomes.filter(({ status }) => status === "rejected").length;
}

/** The same requests by plain `fetch`: nothing bounds them, and nothing ends them. */
async function plainPosts(origin: string, from: number): Promise<number> {
  const outcomes = await Promise.allSettled(
    people(users, from).map(async ({ assertion }) => {
      const body = new URLSearchParams({
        client_id: agentApp,
        assertion,
        requested_token_use: "on_behalf_of",
      });
      return (await fetch(`${origin}/${tenant}/oauth2/v2.0/token`, { method: "POST", body })).json();
    }),
  );
  return outcomes.filter(({ status }) => status === "rejected").length;
}
