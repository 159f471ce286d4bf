import { createMCPClient } from "@ai-sdk/mcp";
import { afterEach, describe, expect, test } from "vitest";
import {
  closeMcpClient,
  mcpClientPool,
  protectedResource,
  runWithUserContext,
  userAccess,
  type McpClientPool,
  type UserAccess,
} from "hosted-agent-identity";
import { openClient, whoami, type RealClient } from "../support/mcp-clients.js";
import { startMcpServer, type McpTestServer, type McpTestServerOptions } from "../support/mcp-servers.js";
import { mcpApp } from "../support/people.js";
import { contextOf, testIssuer } from "../support/test-users.js";

type Unknown = NonNullable<McpTestServerOptions["unknownSession"]>;

const json = (status: number, code: number, message: string): Unknown => ({
  status,
  type: "application/json",
  body: JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id: null }),
});
const plain = (status: number, body: string): Unknown => ({ status, type: "text/plain", body });

/** What servers answer to a session that they do not know, by whom it was seen. */
const answers: readonly [string, Unknown | undefined][] = [
  ["404, as MCP wants it", undefined],
  ["the transport of SDK v1, made anew", "anew"],
  ["the examples of SDK v1", json(400, -32000, "Bad Request: No valid session ID provided")],
  ["older examples of SDK v1", plain(400, "Invalid or missing session ID")],
  ["older Python SDKs", plain(400, "Bad Request: No valid session ID provided")],
  ["mcp-go", plain(400, "Invalid session ID")],
  ["OmniRoute", json(400, -32000, "Bad Request: Unknown Mcp-Session-Id header")],
  ["mcp-proxy", plain(400, "No active transport")],
  ["older versions of rmcp", plain(401, "Unauthorized: Session not found")],
];

interface World {
  readonly server: McpTestServer;
  readonly access: UserAccess;
  readonly pools: McpClientPool<never>[];
}
const worlds: World[] = [];
afterEach(async () => {
  for (const { server, access, pools } of worlds.splice(0)) {
    await Promise.all(pools.map((pool) => pool.close()));
    await access.close();
    await server.close();
  }
});

async function world(unknownSession?: Unknown): Promise<World> {
  const issuer = testIssuer();
  const server = await startMcpServer({ kind: "v1-sessions", whose: issuer.whose, unknownSession });
  const resource = protectedResource({
    url: server.url,
    serverLabel: "people",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  const made = { server, access: userAccess(resource, [issuer.source]), pools: [] };
  worlds.push(made);
  return made;
}

function pooled<C>({ pools }: World, open: () => Promise<C>, close: (client: C & {}) => Promise<void>) {
  const pool = mcpClientPool({ open, close });
  pools.push(pool as unknown as McpClientPool<never>);
  return pool;
}
const sdkPool = (here: World, kind: "v1" | "v2-legacy"): McpClientPool<RealClient> =>
  pooled(here, () => openClient(kind, here.access.url, { fetch: here.access.fetch }), closeMcpClient);
const aiClient = ({ access: { url, fetch } }: World) =>
  createMCPClient({ transport: { type: "http", url: url.href, fetch } });
type AiClient = Awaited<ReturnType<typeof aiClient>>;
const aiPool = (here: World): McpClientPool<AiClient> => pooled(here, () => aiClient(here), closeMcpClient);

/** The tools are listed in the client's own session, and called in it. */
const aiTool = async (client: AiClient): Promise<() => Promise<unknown>> => {
  const { whoami: tool } = await client.tools();
  return async () => tool?.execute({ nonce: "n" }, { toolCallId: "1", messages: [] });
};
const as = <T>(user: string, run: () => Promise<T>): Promise<T> => runWithUserContext(contextOf(user), run);
const opened = ({ server }: World): number => server.seen.filter(({ rpc }) => rpc === "initialize").length;
const errorOf = (work: Promise<unknown>): Promise<{ code?: string; message: string }> =>
  work.then(
    () => expect.fail("nothing was thrown"),
    (error: { code?: string; message: string }) => error,
  );

describe.each(answers)(
  "a session that the server has forgotten, and answers like %s",
  (_who, unknownSession) => {
    test.each(["v1", "v2-legacy"] as const)("is opened anew in a pool of %s clients", async (kind) => {
      const here = await world(unknownSession);
      const pool = sdkPool(here, kind);
      const ask = () => as("ana", () => pool.use((client) => whoami(client)));
      await ask();
      here.server.forgetSessions();
      expect((await ask()).caller).toBe("ana");
      expect((await ask()).caller).toBe("ana");
      expect(opened(here)).toBe(2);
    });

    test("is told between tools() and the call, and the next turn has a new one, although the error was swallowed", async () => {
      const here = await world(unknownSession);
      const pool = aiPool(here);
      await as("ana", async () => {
        const { client, release } = await pool.lease();
        const call = await aiTool(client);
        here.server.forgetSessions();
        const error = await errorOf(call());
        expect(error.code).toBe("mcp_session_lost");
        expect(error.message).toContain('The MCP server "people" no longer knows the session');
        expect(error.message).not.toContain("transport");
        release();
      });
      const answer = await as("ana", async () => (await aiTool((await pool.lease()).client))());
      expect(JSON.stringify(answer)).toContain("ana");
      expect(opened(here)).toBe(2);
    });
  },
);

test("of a client that shows no transport is replaced once, although the framework swallowed the error", async () => {
  const here = await world();
  const { access } = here;
  const wrapped = async () => ({ inner: await openClient("v1", access.url, { fetch: access.fetch }) });
  const pool = pooled(here, wrapped, ({ inner }) => closeMcpClient(inner));
  const ask = () =>
    pool.use(({ inner }) =>
      whoami(inner).then(
        ({ caller }) => caller,
        () => "swallowed",
      ),
    );
  expect(await as("ana", ask)).toBe("ana");
  here.server.forgetSessions();
  expect(await as("ana", async () => [await ask(), await ask(), await ask()])).toEqual([
    "swallowed",
    "ana",
    "ana",
  ]);
  expect(await as("ana", ask)).toBe("ana");
  expect(opened(here)).toBe(2);
});

describe("an answer that is not about a session", () => {
  const post = (here: World, headers: Record<string, string>) =>
    as("ana", () =>
      here.access.fetch(here.access.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...headers,
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      }),
    );

  test.each([
    json(400, -32000, "Bad Request: Mcp-Session-Id header is required"),
    json(400, -32000, "Bad Request: Unsupported protocol version: 2020-01-01"),
    json(400, -32700, "Parse error: the session was not found"),
    json(400, -32602, "Unknown tool: session not found"),
    json(403, -32001, "Session not found"),
    json(500, -32001, "Session not found"),
    plain(400, "Invalid content type"),
    { status: 400, type: "application/json", body: '{"error":"Session not found"}' },
    { status: 400, type: "application/json", body: "" },
  ])("reaches the client as it is: %j", async (unknownSession) => {
    const here = await world(unknownSession);
    const answer = await post(here, { "mcp-session-id": "s-1" });
    const { status, body } = unknownSession as { status: number; body: string };
    expect([answer.status, await answer.text()]).toEqual([status, body]);
  });

  test("reaches the client as it is where no session was sent", async () => {
    const here = await world();
    const answer = await post(here, {});
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining("Server not initialized"),
    ]);
  });
});

test("another turn's session says nothing about this one's", async () => {
  const here = await world();
  const pool = sdkPool(here, "v1");
  await as("ana", () => pool.use((client) => whoami(client)));
  await as("ben", async () => {
    const code = await errorOf(
      here.access.fetch(here.access.url, {
        method: "POST",
        headers: { "mcp-session-id": "made-up", "content-type": "application/json" },
        body: "{}",
      }),
    );
    expect(code.code).toBe("mcp_session_lost");
    await pool.use((client) => whoami(client));
  });
  await as("ana", () => pool.use((client) => whoami(client)));
  await as("ben", () => pool.use((client) => whoami(client)));
  expect(opened(here)).toBe(2);
});
