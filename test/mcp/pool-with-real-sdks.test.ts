import { createMCPClient } from "@ai-sdk/mcp";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  closeMcpClient,
  mcpClientPool,
  type McpClientPool,
  type McpClientPoolOptions,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
} from "hosted-agent-identity";
import { openClient, readProfile, whoami, type ClientKind, type RealClient } from "../support/mcp-clients.js";
import { startMcpServer, type McpTestServer, type McpTestServerOptions } from "../support/mcp-servers.js";
import { contextOf, testIssuer, type TestIssuer, type TestIssuerOptions } from "../support/test-users.js";

const clientId = "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1";

interface World {
  server: McpTestServer;
  access: UserAccess;
  issuer: TestIssuer;
  pool: McpClientPool<RealClient>;
}

const worlds: World[] = [];

async function world(
  kind: ClientKind,
  server: McpTestServerOptions["kind"],
  options: {
    pool?: Partial<McpClientPoolOptions<RealClient>>;
    issuer?: TestIssuerOptions;
    server?: Partial<McpTestServerOptions>;
    access?: UserAccessOptions;
  } = {},
): Promise<World> {
  const issuer = testIssuer(options.issuer);
  const mcp = await startMcpServer({ kind: server, whose: issuer.whose, ...options.server });
  const access = userAccess(
    protectedResource({
      url: mcp.url,
      serverLabel: "people",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [issuer.source],
    options.access,
  );
  const pool = mcpClientPool<RealClient>({
    open: ({ principalKey }) =>
      openClient(kind, access.url, { fetch: access.fetch, cachePartition: principalKey }),
    close: closeMcpClient,
    ...options.pool,
  });
  const made = { server: mcp, access, issuer, pool };
  worlds.push(made);
  return made;
}

afterEach(async () => {
  vi.useRealTimers();
  for (const { pool, access, server } of worlds.splice(0)) {
    await pool.close();
    await access.close();
    await server.close();
  }
});

const as = <T>(user: string, run: () => Promise<T>): Promise<T> => runWithUserContext(contextOf(user), run);
const deletes = (server: McpTestServer): string[] =>
  server.seen.filter(({ http }) => http === "DELETE").map(({ caller }) => String(caller));

const sessionful: ClientKind[] = ["v1", "v2-legacy"];

describe.each(sessionful)("a pool of %s clients with sessions", (kind) => {
  test("each user has a session of their own, which only they use", async () => {
    const { server, pool } = await world(kind, "v1-sessions");
    for (const user of ["ana", "ben", "ana"]) {
      expect((await as(user, () => pool.use((client) => whoami(client)))).caller).toBe(user);
      expect(await as(user, () => pool.use((client) => readProfile(client)))).toBe(user);
    }
    expect(server.sessions.size).toBe(2);
    const users = new Map<string, Set<string>>();
    for (const { sessionId, caller } of server.seen) {
      if (sessionId !== undefined)
        users.set(sessionId, (users.get(sessionId) ?? new Set()).add(String(caller)));
    }
    expect([...users.values()].map((set) => set.size)).toEqual([1, 1]);
  });

  test("a session the server forgot is opened anew, without the caller noticing", async () => {
    const { server, pool } = await world(kind, "v1-sessions");
    await as("ana", () => pool.use((client) => whoami(client)));
    server.forgetSessions();
    expect((await as("ana", () => pool.use((client) => whoami(client)))).caller).toBe("ana");
    expect(server.seen.filter(({ rpc }) => rpc === "initialize")).toHaveLength(2);
    expect(pool.size).toBe(1);
  });

  test("a client that makes room ends its session as its own user, with the cached token", async () => {
    const { server, pool, issuer } = await world(kind, "v1-sessions", { pool: { max: 1 } });
    await as("ana", () => pool.use((client) => whoami(client)));
    await as("ben", () => pool.use((client) => whoami(client)));
    await vi.waitFor(() => expect(deletes(server)).toEqual(["ana"]));
    expect([...server.sessions.values()]).toEqual(["ben"]);
    expect(issuer.issued).toEqual(["ana", "ben"]);
  });

  test("an idle client ends its session after the turn is over, and no token is acquired for that", async () => {
    const contexts: unknown[] = [];
    const { server, pool, issuer } = await world(kind, "v1-sessions", {
      pool: {
        idleMs: 20,
        async close(client) {
          contexts.push(tryGetUserContext());
          await closeMcpClient(client);
        },
      },
    });
    const ana = contextOf("ana");
    await runWithUserContext(ana, () => pool.use((client) => whoami(client)));
    ana.end();
    await vi.waitFor(() => expect(deletes(server)).toEqual(["ana"]));
    expect(contexts).toEqual([undefined]);
    expect(issuer.issued).toEqual(["ana"]);
    expect(server.sessions.size).toBe(0);
  });

  test("without a cached token the session is not ended: nothing is acquired, the client just closes", async () => {
    const closed: RealClient[] = [];
    const { server, pool, issuer, access } = await world(kind, "v1-sessions", {
      pool: {
        idleMs: 20,
        async close(client) {
          await closeMcpClient(client);
          closed.push(client);
        },
      },
    });
    await as("ana", () => pool.use((client) => whoami(client)));
    await runWithUserContext(contextOf("ana"), async () => access.forget(contextOf("ana")));
    await vi.waitFor(() => expect(closed).toHaveLength(1));
    expect(closed[0]?.transport).toBeUndefined();
    expect(deletes(server)).toEqual([]);
    expect(issuer.issued).toEqual(["ana"]);
  });

  test("closing may end the session and nothing else", async () => {
    const refused: unknown[] = [];
    const { server, pool, access } = await world(kind, "v1-sessions", {
      pool: {
        max: 1,
        async close(client) {
          const sessionId = String((client.transport as { sessionId?: string }).sessionId);
          for (const init of [
            { method: "POST", headers: { "mcp-session-id": sessionId }, body: "{}" },
            { method: "GET", headers: { "mcp-session-id": sessionId } },
            { method: "DELETE" },
          ]) {
            await access.fetch(access.url, init).catch(({ code }) => refused.push(code));
          }
          await access.token().catch(({ code }) => refused.push(code));
          await closeMcpClient(client);
        },
      },
    });
    await as("ana", () => pool.use((client) => whoami(client)));
    await as("ben", () => pool.use((client) => whoami(client)));
    await vi.waitFor(() => expect(deletes(server)).toEqual(["ana"]));
    expect(refused).toEqual(Array.from({ length: 4 }, () => "no_user_context"));
  });

  test("a failed connect leaves nothing behind", async () => {
    const { server, pool, issuer } = await world(kind, "v1-sessions", { server: { whose: () => undefined } });
    await expect(as("ana", () => pool.use((client) => whoami(client)))).rejects.toMatchObject({
      code: "resource_unauthorized",
    });
    expect(pool.size).toBe(0);
    expect(server.sessions.size).toBe(0);
    // One token, and one more for the one resend after the 401.
    expect(issuer.issued).toHaveLength(2);
  });
});

describe.each(["v1", "v2-legacy", "v2-modern"] as ClientKind[])("a lease of a %s client", (kind) => {
  test("refuses calls once the turn is over, whoever still holds it", async () => {
    const { pool, server } = await world(kind, kind === "v2-modern" ? "v2" : "v1-sessions");
    const ana = contextOf("ana");
    await runWithUserContext(ana, async () => {
      const { client } = await pool.lease();
      expect((await whoami(client)).caller).toBe("ana");
      const before = server.seen.length;
      ana.end();
      await expect(whoami(client)).rejects.toThrow("The user context has ended");
      expect(server.seen).toHaveLength(before);
    });
  });
});

test("SDK v2 in the 2026-07-28 era: what the response cache keeps for one user never reaches another", async () => {
  const { pool, server } = await world("v2-modern", "v2", { server: { ttlMs: 60_000 } });
  for (const user of ["ana", "ben", "ana", "ben"]) {
    expect(await as(user, () => pool.use((client) => readProfile(client)))).toBe(user);
  }
  // The cache does work: the second reading of each was answered from it.
  expect(server.seen.filter(({ rpc }) => rpc === "resources/read")).toHaveLength(2);
});

test("SDK v2 in the 2026-07-28 era: what the response cache kept for a user goes when the user is forgotten", async () => {
  const { pool, server, access } = await world("v2-modern", "v2", { server: { ttlMs: 60_000 } });
  const reads = (): number => server.seen.filter(({ rpc }) => rpc === "resources/read").length;
  for (const expected of [1, 1]) {
    expect(await as("ana", () => pool.use((client) => readProfile(client)))).toBe("ana");
    expect(reads()).toBe(expected);
  }
  await as("ana", async () => access.forget());
  expect(await as("ana", () => pool.use((client) => readProfile(client)))).toBe("ana");
  expect(reads()).toBe(2);
});

describe("a pool of AI SDK clients", () => {
  type AiClient = Awaited<ReturnType<typeof createMCPClient>>;

  async function callerSeenBy(client: AiClient): Promise<string> {
    const { whoami: tool } = await client.tools();
    const result: unknown = await tool?.execute({ nonce: "n" }, { toolCallId: "1", messages: [] });
    return JSON.stringify(result);
  }

  async function aiPool(): Promise<{ pool: McpClientPool<AiClient>; server: McpTestServer }> {
    const { server, access } = await world("v1", "v1-sessions");
    const pool = mcpClientPool<AiClient>({
      open: () =>
        createMCPClient({
          transport: { type: "http", url: access.url.href, fetch: access.fetch },
        }),
      close: closeMcpClient,
      max: 1,
    });
    return { pool, server };
  }

  test("a session the server forgot is opened anew", async () => {
    const { pool, server } = await aiPool();
    expect(await as("ana", () => pool.use(callerSeenBy))).toContain("ana");
    server.forgetSessions();
    expect(await as("ana", () => pool.use(callerSeenBy))).toContain("ana");
    await pool.close();
  });

  test("a client that makes room ends its session as its own user", async () => {
    const { pool, server } = await aiPool();
    expect(await as("ana", () => pool.use(callerSeenBy))).toContain("ana");
    expect(await as("ben", () => pool.use(callerSeenBy))).toContain("ben");
    await vi.waitFor(() => expect(deletes(server)).toEqual(["ana"]));
    await pool.close();
  });
});
