import { setMaxListeners } from "node:events";
import {
  clientSecret,
  entraApp,
  mcpClientPool,
  onBehalfOf,
  runWithUserContext,
  userAccess,
  userContext,
  userTokenVerifier,
  type UserContext,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { init, resource } from "../ours.js";
import { agentApp, claimsOf, contextOf, person, tenant } from "../people.js";
import { issuer } from "../signed-tokens.js";
import { tokens } from "../token-endpoint.js";
import { heapAfterCollection, slope } from "./heap.js";
import { watchLeftBehind, type LeftBehind } from "./left-behind.js";

export interface SoakOptions {
  /** How many people come, and how many tokens the cache holds. */
  readonly users: number;
  readonly entries: number;
  /** Called in each turn: what a test leaks with. */
  readonly onTurn?: (context: UserContext, signal: AbortSignal) => void;
}

export interface SoakResult {
  readonly turns: number;
  readonly calls: number;
  readonly exchanges: number;
  /** Megabytes in use after every second minute. */
  readonly heap: readonly number[];
  /** By how many bytes the heap grows with each person who comes when the cache is full already. */
  readonly bytesPerUser: number;
  readonly left: LeftBehind;
}

const minutes = 30;
/** The cache is full, and every table has its size, after these. */
const warmUpMinutes = 10;
/** In minutes: a collection of all garbage takes as long as many turns. */
const weighedEvery = 2;
/** A token lives this long on the soak's clock, and is renewed from the second one on. */
const lifetimeS = 600;
const renewS = 240;
const together = 20;
/** One turn in so many: comes back, verifies a signed token, opens an MCP session. */
const every = { returning: 5, verified: 50, session: 10 };
const signedUsers = 100;

/**
 * Half an hour's traffic on a clock of its own, without a wait: in each minute its share of people, each with
 * a turn of three calls, some of whom come back while their token is cached, is being renewed, or has gone.
 */
export async function soak({ users, entries, onTurn }: SoakOptions): Promise<SoakResult> {
  const controller = new AbortController();
  const { signal } = controller;
  // As a server's signal for its end: so many turns at a time are no leak.
  setMaxListeners(10 * together, signal);
  const watch = watchLeftBehind(signal);
  const start = Date.now();
  let clock = start;
  const now = (): number => clock;
  let [turns, calls, exchanges, sessions] = [0, 0, 0, 0];

  const entra = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("soak"),
    now,
    fetch: async (_input, request) => {
      exchanges += 1;
      return Response.json(exchanged(String(request?.body)));
    },
  });
  const contacts = userAccess(resource, [onBehalfOf(entra)], {
    now,
    cache: { maxEntries: entries },
    // Forgets at once: what it costs here are its timers and its encryption, not its memory.
    sharedCache: {
      store: { get: async () => undefined, set: async () => true, delete: async () => true },
      encryptionKeys: [Buffer.alloc(32, 7).toString("base64")],
    },
    fetch: async (_url, request) => {
      calls += 1;
      const opens = request?.method === "POST" && calls % every.session === 0;
      return new Response(null, { headers: opens ? { "mcp-session-id": `session ${(sessions += 1)}` } : {} });
    },
  });
  const pool = mcpClientPool({ open: async () => ({}), close: async () => undefined, max: 100, now });
  const signer = issuer();
  const verify = userTokenVerifier({ app: entra, now, fetch: async () => Response.json(signer.jwks) });
  const asUser = userContext({ verify, require: true, environment: { hosted: false } });
  const signed = Array.from({ length: signedUsers }, (_, number) => signer.token(number));

  /** What an agent does in a turn: through the pool, with the caller's signal, and one MCP session. */
  const work = async (): Promise<void> => {
    await runTurn(
      () =>
        pool.use(async () => {
          for (let call = 0; call < 3; call += 1) {
            const { headers } = await contacts.fetch(resource.url, { ...init, signal });
            const session = headers.get("mcp-session-id");
            if (session === null) continue;
            await contacts.fetch(resource.url, { method: "DELETE", headers: { "mcp-session-id": session } });
          }
        }),
      { signal },
    );
  };
  const turn = async (user: number): Promise<void> => {
    turns += 1;
    if (turns % every.verified === 0) {
      const headers = { "x-client-user-token": signed[turns % signedUsers] ?? "" };
      const request = new Request("https://agent.example.com/responses", { headers });
      const response = await asUser(request, async () => {
        await work();
        return new Response("done");
      });
      if ((await response.text()) !== "done") throw new Error(`a turn was answered with ${response.status}`);
      return;
    }
    const context = contextOf(person(user));
    onTurn?.(context, signal);
    await runWithUserContext(context, work);
    context.end();
  };

  const heap: number[] = [];
  const perMinute = Math.ceil(users / minutes);
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let from = minute * perMinute; from < (minute + 1) * perMinute; from += together) {
      clock = start + (from / perMinute) * 60_000;
      const batch: Promise<void>[] = [];
      for (let user = from; user < Math.min(from + together, (minute + 1) * perMinute); user += 1) {
        batch.push(turn(user));
        // Somebody of the last minutes: still cached, due for renewal, or evicted.
        if (user % every.returning === 0) batch.push(turn(Math.max(0, user - ((user * 7) % (2 * entries)))));
      }
      await Promise.all(batch);
    }
    if (minute % weighedEvery === 1) heap.push(await heapAfterCollection());
  }
  await pool.close();
  await contacts.close();
  await entra.close();
  return {
    turns,
    calls,
    exchanges,
    heap: heap.map((bytes) => bytes / 1e6),
    bytesPerUser: slope(heap.slice(warmUpMinutes / weighedEvery)) / (perMinute * weighedEvery),
    left: watch.stop(),
  };
}

function exchanged(body: string): Record<string, unknown> {
  const form = new URLSearchParams(body);
  const { oid, tid } = claimsOf(form.get("assertion") ?? "");
  return { ...tokens(String(oid), String(tid), form), expires_in: lifetimeS, refresh_in: renewS };
}
