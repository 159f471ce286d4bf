import { createMCPClient, ElicitationRequestSchema as AiSdkElicitation } from "@ai-sdk/mcp";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { MCPServerStreamableHttp } from "@openai/agents";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as v1 from "@modelcontextprotocol/sdk/types.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  closeMcpClient,
  type IdentityEvent,
  mcpClientPool,
  type McpClientPool,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import {
  startTalkingServer,
  type TalkingServer,
  type TalkingServerOptions,
} from "../support/talking-server.js";
import { contextOf, testIssuer, type TestIssuer, type TestIssuerOptions } from "../support/test-users.js";

vi.setConfig({ testTimeout: 60_000 });

const clientId = "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1";

/** What every kind of client can do. */
interface Talker {
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
  readonly transport?: object | undefined;
}

/** What a handler of a client was asked, and for whom it ran. */
interface Heard {
  readonly what: string;
  readonly by: string | undefined;
  readonly context: UserContext | undefined;
}

type Kind = "SDK v1" | "SDK v2" | "AI SDK";

interface World {
  server: TalkingServer;
  issuer: TestIssuer;
  access: UserAccess;
  pool: McpClientPool<Talker>;
  heard: Heard[];
  events: IdentityEvent[];
}

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Waits until a handler may answer, where a test wants to do something meanwhile. */
type Think = () => Promise<void>;

async function world(
  kind: Kind,
  options: {
    server?: Partial<TalkingServerOptions>;
    issuer?: TestIssuerOptions;
    access?: UserAccessOptions;
    idleMs?: number;
    think?: Think;
  } = {},
): Promise<World> {
  const issuer = testIssuer(options.issuer);
  const server = await startTalkingServer({ whose: issuer.whose, ...options.server });
  const heard: Heard[] = [];
  const events: IdentityEvent[] = [];
  const access = userAccess(
    protectedResource({
      url: server.url,
      serverLabel: "talking",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [issuer.source],
    { onEvent: (event) => void events.push(event), ...options.access },
  );
  const hear = async (what: string): Promise<void> => {
    const context = tryGetUserContext();
    const by = context?.principal?.kind === "entra" ? context.principal.oid : undefined;
    heard.push({ what, by, context });
    await options.think?.();
    // The context of a handler stays what it was when it began.
    expect(tryGetUserContext()).toBe(context);
  };
  const pool = mcpClientPool<Talker>({
    open: () => openTalker(kind, access, hear),
    close: closeMcpClient,
    idleMs: options.idleMs ?? 60_000,
  });
  stops.push(server.close, access.close, pool.close);
  return { server, issuer, access, pool, heard, events };
}

async function openTalker(
  kind: Kind,
  access: UserAccess,
  hear: (what: string) => Promise<void>,
): Promise<Talker> {
  const asked = async ({ params }: { params?: unknown }): Promise<v1.ElicitResult> => {
    await hear(`asked ${(params as { message: string }).message}`);
    return { action: "accept", content: {} };
  };
  const thought = async (): Promise<v1.CreateMessageResult> => {
    await hear("thinks");
    return { model: "m", role: "assistant", content: { type: "text", text: "a thought" } };
  };
  const roots = async (): Promise<v1.ListRootsResult> => {
    await hear("roots");
    return { roots: [{ uri: "file:///r", name: "r" }] };
  };
  const logged = (params: unknown): void => {
    void hear(`log ${(params as { data: { caller: string } }).data.caller}`);
  };
  const listChanged = (): void => void hear("list changed");
  const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} };
  const textOf = (result: unknown): string =>
    (result as { content: { text: string }[] }).content[0]?.text ?? "";
  if (kind === "AI SDK") {
    const client = await createMCPClient({
      transport: { type: "http", url: access.url.href, fetch: access.fetch as typeof fetch },
      capabilities: { elicitation: {} },
    });
    client.onElicitationRequest(AiSdkElicitation, async (request) => asked(request));
    const tools = await client.tools();
    return Object.assign(client, {
      call: async (name: string, args = {}) =>
        textOf(await tools[name]?.execute(args, { toolCallId: "1", messages: [] })),
    });
  }
  if (kind === "SDK v1") {
    const client = new ClientV1({ name: "tests", version: "1.0.0" }, { capabilities });
    client.setRequestHandler(v1.ElicitRequestSchema, asked);
    client.setRequestHandler(v1.CreateMessageRequestSchema, thought);
    client.setRequestHandler(v1.ListRootsRequestSchema, roots);
    client.setNotificationHandler(v1.LoggingMessageNotificationSchema, ({ params }) => logged(params));
    client.setNotificationHandler(v1.ToolListChangedNotificationSchema, listChanged);
    await client.connect(
      new TransportV1(access.url, { fetch: access.fetch }) as Parameters<ClientV1["connect"]>[0],
    );
    return Object.assign(client, {
      call: async (name: string, args = {}) => textOf(await client.callTool({ name, arguments: args })),
    });
  }
  const client = new ClientV2({ name: "tests", version: "1.0.0" }, { capabilities });
  client.setRequestHandler("elicitation/create", asked);
  client.setRequestHandler("sampling/createMessage", thought);
  client.setRequestHandler("roots/list", roots);
  client.setNotificationHandler("notifications/message", ({ params }) => logged(params));
  client.setNotificationHandler("notifications/tools/list_changed", listChanged);
  await client.connect(new TransportV2(access.url, { fetch: access.fetch }));
  return Object.assign(client, {
    call: async (name: string, args = {}) => textOf(await client.callTool({ name, arguments: args })),
  });
}

/** One turn of a user: its context ends with it. */
async function turn<T>(user: string, run: () => Promise<T>): Promise<T> {
  const context = contextOf(user);
  try {
    return await runWithUserContext(context, run);
  } finally {
    context.end();
  }
}

const asks = (user: string, { pool }: World, note = ""): Promise<string> =>
  turn(user, () => pool.use((client) => client.call("ask", { note })));

const callsTo = ({ server }: World): unknown[] => server.seen.filter(({ rpc }) => rpc === "tools/call");

/** The server asks on the stream, outside of any tool. */
function question({ server }: World): Promise<unknown> {
  const [session] = [...server.sessions.values()];
  if (session === undefined) throw new Error("There is no session.");
  return session.server.server.elicitInput(
    { message: "?", requestedSchema: { type: "object", properties: {} } },
    { timeout: 5000 },
  );
}

const kinds: Kind[] = ["SDK v1", "SDK v2", "AI SDK"];

describe.each(kinds)("a pooled client of the %s", (kind) => {
  test("is asked in every turn, in the context of that turn, and so is everybody else's", async () => {
    const one = await world(kind);
    for (const user of ["ana", "ben", "ana", "ben", "ana"]) {
      const said = await asks(user, one);
      expect(said).toContain(`"caller":"${user}"`);
      expect(said).toContain('"action":"accept"');
    }
    expect(one.heard.map(({ what, by }) => [what.trim(), by])).toEqual(
      ["ana", "ben", "ana", "ben", "ana"].map((user) => [`asked ${user}`, user]),
    );
    // Each was asked in a turn of its own.
    expect(new Set(one.heard.map(({ context }) => context)).size).toBe(5);
    expect(["ana", "ben"].map(one.server.streams)).toEqual([1, 1]);
  });

  test("is asked where the server answers calls with JSON, too", async () => {
    const one = await world(kind, { server: { json: true } });
    for (const user of ["ana", "ana"]) expect(await asks(user, one)).toContain('"action":"accept"');
    expect(one.heard.map(({ by }) => by)).toEqual(["ana", "ana"]);
  });
});

const sdks: Kind[] = ["SDK v1", "SDK v2"];

describe.each(sdks)("what a server says to a pooled client of the %s", (kind) => {
  test("samples, asks for roots and pings in the turn that calls", async () => {
    const one = await world(kind);
    for (const tool of ["think", "roots", "ping"]) {
      const said = await turn("ana", () => one.pool.use((client) => client.call(tool)));
      expect(said).toContain('"caller":"ana"');
    }
    expect(one.heard.map(({ what, by }) => `${what} ${by}`)).toEqual(["thinks ana", "roots ana"]);
  });

  test("a notification runs in the turn that calls, and with no user context between turns", async () => {
    const one = await world(kind);
    const { heard, server } = one;
    await turn("ana", () => one.pool.use((client) => client.call("log")));
    await vi.waitFor(() => expect(heard).toHaveLength(1), 10_000);
    expect(heard.map(({ what, by }) => `${what} ${by}`)).toEqual(["log ana ana"]);
    for (const session of server.sessions.values()) session.server.sendToolListChanged();
    await vi.waitFor(() => expect(heard).toHaveLength(2), 10_000);
    expect(heard[1]).toMatchObject({ what: "list changed", context: undefined });
  });

  test("a question between turns is declined, and reaches no handler; no token is acquired", async () => {
    const one = await world(kind);
    await turn("ana", () => one.pool.use((client) => client.call("ping")));
    const [session] = one.server.sessions.values();
    const acquired = one.issuer.issued.length;
    const question = { message: "now?", requestedSchema: { type: "object" as const, properties: {} } };
    await expect(session?.server.server.elicitInput(question)).rejects.toThrow(/nobody to ask/);
    const sampling = { messages: [], maxTokens: 1 };
    await expect(session?.server.server.createMessage(sampling)).rejects.toThrow(/nobody to ask/);
    expect(one.heard).toEqual([]);
    expect(await session?.server.server.ping()).toEqual({});
    expect((await session?.server.server.listRoots())?.roots).toHaveLength(1);
    expect(one.heard.map(({ what, context }) => [what, context])).toEqual([["roots", undefined]]);
    expect(one.issuer.issued).toHaveLength(acquired);
    const declined = one.events.filter(({ type }) => type === "server_request_declined");
    expect(declined).toEqual([
      {
        type: "server_request_declined",
        serverLabel: "talking",
        reason: "no_turn",
        method: "elicitation/create",
      },
      {
        type: "server_request_declined",
        serverLabel: "talking",
        reason: "no_turn",
        method: "sampling/createMessage",
      },
    ]);
  });

  test("a question while two conversations of the user call is declined, and the third turn is asked again", async () => {
    const one = await world(kind);
    await turn("ana", () => one.pool.use((client) => client.call("ping")));
    const waiting = turn("ana", () => one.pool.use((client) => client.call("wait", { ms: 1500 })));
    await vi.waitFor(() => expect(one.server.seen.filter(({ rpc }) => rpc === "tools/call")).toHaveLength(2));
    expect(await asks("ana", one)).toMatch(/two conversations/);
    await waiting;
    expect(one.heard).toEqual([]);
    expect(await asks("ana", one)).toContain('"action":"accept"');
    expect(one.events).toContainEqual(expect.objectContaining({ reason: "several_turns" }));
  });

  test("a question that its turn has left is declined, and no other turn answers it", async () => {
    let answer = (): void => {};
    const one = await world(kind, { think: () => new Promise((resolve) => (answer = resolve)) });
    const context = contextOf("ana");
    const left = runWithUserContext(context, () => one.pool.use((client) => client.call("ask")));
    left.catch(() => {});
    await vi.waitFor(() => expect(one.heard).toHaveLength(1), 10_000);
    context.end();
    answer();
    await vi.waitFor(
      () =>
        expect(one.server.seen.filter(({ rpc }) => rpc === "error" || rpc === "result").at(-1)?.rpc).toBe(
          "error",
        ),
      10_000,
    );
  });
});

describe("the stream of a pooled client", () => {
  test("comes back between turns when it was cut, with the cached token", async () => {
    const { server, pool, issuer, heard } = await world("SDK v1");
    await turn("ana", () => pool.use((client) => client.call("ping")));
    server.cut();
    await vi.waitFor(() => expect(server.streams("ana")).toBe(0), 10_000);
    await vi.waitFor(() => expect(server.streams("ana")).toBe(1), 10_000);
    for (const session of server.sessions.values()) session.server.sendToolListChanged();
    await vi.waitFor(() => expect(heard.map(({ what }) => what)).toEqual(["list changed"]), 10_000);
    expect(issuer.issued).toHaveLength(1);
  });

  test("ends with its token, acquires none between turns, and the next turn opens it before its call", async () => {
    const one = await world("SDK v2", { issuer: { lifetimeMs: 33_000 } });
    await turn("ana", () => one.pool.use((client) => client.call("ping")));
    expect(one.server.streams("ana")).toBe(1);
    // The access stops using a token 30 seconds before its end.
    await vi.waitFor(() => expect(one.server.streams("ana")).toBe(0), 20_000);
    expect(one.issuer.issued).toHaveLength(1);
    expect(await asks("ana", one)).toContain('"action":"accept"');
    expect(one.issuer.issued).toHaveLength(2);
  });

  test("stays open while a turn runs that gets a new token", async () => {
    const one = await world("SDK v1", { issuer: { lifetimeMs: 33_000 } });
    const said = await turn("ana", () =>
      one.pool.use(async (client) => {
        await client.call("wait", { ms: 4000 });
        await vi.waitFor(() => expect(one.server.streams("ana")).toBe(1), 10_000);
        return client.call("ask");
      }),
    );
    expect(said).toContain('"action":"accept"');
    expect(one.issuer.issued.length).toBeGreaterThan(1);
  });

  test("outlives the turn that opened it while another one of the user has a call under way", async () => {
    // So short that no token is kept: each belongs to its turn.
    const one = await world("SDK v1", { issuer: { lifetimeMs: 29_500 } });
    const first = contextOf("ana");
    const inFirst = <T>(run: () => Promise<T>): Promise<T> => runWithUserContext(first, run);
    await inFirst(() => one.pool.use((client) => client.call("ping")));
    await vi.waitFor(() => expect(one.server.streams("ana")).toBe(1), 10_000);
    const waiting = turn("ana", () => one.pool.use((client) => client.call("wait", { ms: 1500 })));
    await vi.waitFor(() => expect(callsTo(one)).toHaveLength(2), 10_000);
    first.end();
    expect(await question(one)).toMatchObject({ action: "accept" });
    await waiting;
    await vi.waitFor(() => expect(one.server.streams("ana")).toBe(0), 10_000);
  });

  test("a question is declined with the token of another turn, where the first one ends meanwhile", async () => {
    let delayMs = 0;
    const one = await world("SDK v1", { issuer: { lifetimeMs: 29_500, delayMs: () => delayMs } });
    const first = contextOf("ana");
    const wait = (): Promise<string> => one.pool.use((client) => client.call("wait", { ms: 3000 }));
    const left = runWithUserContext(first, wait);
    left.catch(() => {});
    await vi.waitFor(() => expect(callsTo(one)).toHaveLength(1), 10_000);
    const waiting = turn("ana", wait);
    await vi.waitFor(() => expect(callsTo(one)).toHaveLength(2), 10_000);
    delayMs = 300;
    const asked = question(one);
    asked.catch(() => {});
    await vi.waitFor(
      () => expect(one.events).toContainEqual(expect.objectContaining({ reason: "several_turns" })),
      10_000,
    );
    first.end();
    await expect(asked).rejects.toThrow(/two conversations/);
    await waiting;
  });

  test("ends when the access forgets the user, with the idle client, and with the access", async () => {
    const patient = await world("SDK v1");
    await turn("ana", async () => {
      await patient.pool.use((client) => client.call("ping"));
      await vi.waitFor(() => expect(patient.server.streams("ana")).toBe(1), 10_000);
      patient.access.forget();
      await vi.waitFor(() => expect(patient.server.streams("ana")).toBe(0), 10_000);
    });
    const one = await world("SDK v1", { idleMs: 600 });
    await turn("ben", () => one.pool.use((client) => client.call("ping")));
    await vi.waitFor(() => expect(one.server.streams("ben")).toBe(1), 10_000);
    await vi.waitFor(() => expect(one.server.streams("ben")).toBe(0), 10_000);
    await turn("cyd", () => one.pool.use((client) => client.call("ping")));
    await one.access.close();
    await vi.waitFor(() => expect(one.server.streams("cyd")).toBe(0), 10_000);
  });

  test("ends within the minute after which a token from a sign-in is asked for again: it may be gone elsewhere", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], shouldAdvanceTime: true });
    stops.push(async () => void vi.useRealTimers());
    const one = await world("SDK v1", { issuer: { useMs: 60_000 } });
    await turn("ana", () => one.pool.use((client) => client.call("ping")));
    await vi.advanceTimersByTimeAsync(50_000);
    expect(one.server.streams("ana")).toBe(1);
    await vi.advanceTimersByTimeAsync(11_000);
    await vi.waitFor(() => expect(one.server.streams("ana")).toBe(0), 10_000);
    expect(one.issuer.issued).toHaveLength(1);
    expect(await asks("ana", one)).toContain('"action":"accept"');
  });

  test("of OpenAI Agents, which takes no questions: its server learns so at once, and the call goes on", async () => {
    const one = await world("SDK v1");
    const pool = mcpClientPool<MCPServerStreamableHttp>({
      async open() {
        const client = new MCPServerStreamableHttp({
          name: "talking",
          url: one.access.url.href,
          fetch: one.access.fetch as typeof fetch,
        });
        await client.connect();
        return client;
      },
      close: (client) => client.close(),
    });
    stops.push(pool.close);
    for (const user of ["ana", "ben"]) {
      const said = await turn(user, () => pool.use((client) => client.callTool("ask", {})));
      expect(JSON.stringify(said)).toMatch(/does not support (?:form )?elicitation/);
    }
    await vi.waitFor(() => expect(["ana", "ben"].map(one.server.streams)).toEqual([1, 1]), 10_000);
    expect(one.events.map(({ type }) => type)).not.toContain("server_request_declined");
  });

  test("is one user's: a handler of a client can send no request without a turn", async () => {
    const one = await world("SDK v1");
    let refused: unknown;
    const pool = mcpClientPool<ClientV1>({
      async open() {
        const client = new ClientV1({ name: "tests", version: "1.0.0" });
        client.setNotificationHandler(v1.ToolListChangedNotificationSchema, () =>
          client.listTools().then(undefined, (error: unknown) => void (refused = error)),
        );
        await client.connect(new TransportV1(one.access.url, { fetch: one.access.fetch }) as never);
        return client;
      },
      close: closeMcpClient,
    });
    stops.push(pool.close);
    await turn("ana", () => pool.use((client) => client.listTools()));
    for (const session of one.server.sessions.values()) session.server.sendToolListChanged();
    await vi.waitFor(() => expect(refused).toMatchObject({ code: "no_user_context" }), 10_000);
  });
});
