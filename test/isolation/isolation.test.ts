import { afterEach, describe, expect, test, vi } from "vitest";
import { closeMcpClient, mcpClientPool, type McpClientPool, runWithUserContext } from "hosted-agent-identity";
import { seeded } from "../../src/testing/isolation/random.js";
import { openClient, type ClientKind, type RealClient } from "../support/mcp-clients.js";
import type { McpTestServerOptions } from "../support/mcp-servers.js";
import { measure, newLedger, type Measured } from "./measure.js";
import { startWorld, userCount, type IsolationWorld, type WorldOptions } from "./world.js";

const seed = Number(process.env["ISOLATION_SEED"] ?? 20_261_122);
// A run takes 3 seconds on two idle cores; a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 });

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function newWorld(options: Omit<WorldOptions, "random">): Promise<IsolationWorld> {
  const world = await startWorld({ ...options, random: seeded(seed) });
  stops.push(world.close);
  return world;
}

async function pooled(kind: ClientKind, world: IsolationWorld, calls: number): Promise<Measured> {
  const ledger = newLedger();
  const pool: McpClientPool<RealClient> = mcpClientPool({
    open: ({ principalKey, context }) => {
      const owner = context.principal?.kind === "entra" ? context.principal.oid : "";
      return openClient(kind, world.access.url, {
        fetch: world.access.fetch,
        cachePartition: principalKey,
        onNotification: (data) => ledger.notified(data, owner),
      });
    },
    close: closeMcpClient,
    // Fewer clients than people: they are closed and opened again all the time.
    max: 35,
  });
  stops.push(pool.close);
  return measure(world, (run) => pool.use(run), ledger, { calls, random: seeded(seed + 1) });
}

async function shared(kind: ClientKind, world: IsolationWorld, calls: number): Promise<Measured> {
  const ledger = newLedger();
  const first = await world.contextOf(world.users[0] ?? "");
  const client = await runWithUserContext(first, () =>
    openClient(kind, world.access.url, {
      fetch: world.access.fetch,
      onNotification: (data) => ledger.notified(data),
    }),
  );
  stops.push(() => client.close());
  return measure(world, (run) => run(client), ledger, { calls, random: seeded(seed + 1) });
}

/** In all: 4 × 1 000 pooled, 3 × 200 shared, 2 × 100 refused and 200 about the cache are 5 000 calls. */
const inThePool: [ClientKind, McpTestServerOptions["kind"], number][] = [
  ["v1", "v1-sessions", 0],
  ["v2-legacy", "v1-sessions", 0],
  ["v2-legacy", "v2", 60_000],
  ["v2-modern", "v2", 60_000],
];

describe("one client for each user", () => {
  test.each(inThePool)(
    "%s on %s (lifetimes of %i ms): nobody sees anything of anybody else",
    async (kind, server, ttlMs) => {
      const world = await newWorld({ kind: server, ttlMs });
      const measured = await pooled(kind, world, 1000);
      expect(measured).toMatchObject({ calls: 1000, wrong: 0, without: 0, refused: {} });
      // The run was as hard as it is meant to be: tokens were evicted, ran out, and were refused.
      expect(measured.exchanges).toBeGreaterThan(userCount);
      expect(measured.expired).toBeGreaterThan(0);
    },
  );
});

describe("one client for everybody", () => {
  test.each([
    ["v1", "v1-stateless"],
    ["v2-legacy", "v2"],
    ["v2-modern", "v2"],
  ] as [ClientKind, McpTestServerOptions["kind"]][])(
    "%s on %s without sessions and lifetimes: every call is still its own user's",
    async (kind, server) => {
      const world = await newWorld({ kind: server });
      const measured = await shared(kind, world, 200);
      expect(measured).toMatchObject({ calls: 200, wrong: 0, without: 0, refused: {} });
    },
  );

  test.each(["v1", "v2-legacy"] as ClientKind[])(
    "%s with sessions: every call of a second user is refused",
    async (kind) => {
      const world = await newWorld({ kind: "v1-sessions" });
      const measured = await shared(kind, world, 100);
      // 100 calls in turns of 10: the first of ten people is the one whose session it is.
      expect(measured).toMatchObject({ calls: 100, wrong: 0, refused: { shared_session: 90 } });
      const callers = world.server.seen
        .filter(({ token }) => token === "accepted")
        .map(({ caller }) => caller);
      expect(new Set(callers)).toEqual(new Set([world.users[0]]));
    },
  );

  test("SDK v2 with cache lifetimes: the client serves one user's resource to another; a pool does not", async () => {
    const world = await newWorld({ kind: "v2", ttlMs: 60_000 });
    expect((await shared("v2-modern", world, 100)).wrong).toBeGreaterThan(0);
    expect(await pooled("v2-modern", world, 100)).toMatchObject({ wrong: 0, without: 0 });
  });
});

describe("a server that attacks whoever calls it", () => {
  test.each(["v1", "v2-legacy", "v2-modern"] as ClientKind[])(
    "%s in a pool: calls fail, and nobody sees anything of anybody else",
    async (kind) => {
      const world = await newWorld({ kind: kind === "v1" ? "v1-sessions" : "v2", attackEvery: 12 });
      const measured = await pooled(kind, world, 300);
      expect(measured).toMatchObject({ calls: 300, wrong: 0 });
      // Enough of them failed, and enough did not.
      expect(measured.without).toBeGreaterThan(10);
      expect(measured.without).toBeLessThan(150);
    },
  );
});

test("the same measurement sees it when one token is shared", async () => {
  const world = await newWorld({ kind: "v1-stateless", shareOneToken: true });
  expect((await pooled("v1", world, 200)).wrong).toBeGreaterThan(0);
});
