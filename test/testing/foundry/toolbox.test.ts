import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toolCallApproval, type ListedTool } from "hosted-agent-identity";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { toolboxConsent } from "../../../src/foundry/toolbox-consent.js";
import { openClient, type RealClient } from "../../support/mcp-clients.js";
import { toolboxBench, type LiveCall, type ToolboxBench } from "./live-calls.js";
import { foundryWorld, type FoundryWorld } from "./world.js";

let world: FoundryWorld;
let bench: ToolboxBench;
let foundry: FoundryEmulator;
let ada: string;
let bob: string;
let clock = 0;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  world = await foundryWorld(() => Date.now() + clock);
});
beforeEach(async () => {
  clock = 0;
  [ada, bob] = await Promise.all([world.tokenOf("Ada"), world.tokenOf("Bob")]);
  bench = await toolboxBench(world, {
    impersonators: ["backend"],
    toolboxes: [
      {
        name: "tools",
        sources: [{ ...world.people, requireApproval: { whoami: "always" } }],
        versions: ["2", "1"],
      },
      { name: "plain", sources: [world.people], answers: "json", sessions: "none", consentMessage: "prose" },
      { name: "early", sources: [world.people], consentAt: "initialize" },
      { name: "cached", sources: [{ ...world.people, tools: [{ name: "whoami" }] }] },
      {
        name: "searching",
        sources: [
          {
            ...world.people,
            tools: [{ name: "whoami" }, { name: "erase" }],
            requireApproval: { whoami: "never", erase: "always" },
          },
        ],
        toolSearch: { pinned: ["people.whoami"] },
      },
      { name: "quirky", sources: [world.people], consentFor: "container" },
      {
        name: "several",
        sources: [
          world.people,
          {
            name: "colleague",
            auth: world.connection,
            type: "a2a_preview",
            server: async (request) => {
              const asked = (await request.json()) as { params: { message: { parts: { text: string }[] } } };
              const token = request.headers.get("authorization") === null ? "no token" : "a token";
              const text = `${asked.params.message.parts[0]?.text} with ${token}`;
              return Response.json({
                jsonrpc: "2.0",
                id: 1,
                result: { kind: "message", parts: [{ kind: "text", text }] },
              });
            },
          },
          { name: "agent", url: world.mcp.url, auth: { type: "agent", audience: world.audience } },
        ],
      },
      {
        name: "own",
        sources: [{ name: "agent", url: world.mcp.url, auth: { type: "agent", audience: world.audience } }],
      },
      { name: "nowhere", sources: [{ name: "gone", url: "http://127.0.0.1:9/mcp", auth: { type: "none" } }] },
      { name: "refusing", sources: [{ name: "locked", url: world.mcp.url, auth: { type: "none" } }] },
      {
        name: "exchanged",
        sources: [{ name: "graph", url: world.mcp.url, auth: { type: "user_entra_token" } }],
      },
    ],
  });
  ({ foundry } = bench);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await foundry.close();
});
afterAll(() => world.close());

async function client(options: Parameters<ToolboxBench["client"]>[0]): Promise<RealClient> {
  const opened = await bench.client(options);
  open.push(opened);
  return opened;
}

async function live(token: string, headers?: Record<string, string>): Promise<LiveCall> {
  const call = await bench.live(token, headers);
  open.push({ close: () => call.end() });
  return call;
}

interface WireError {
  readonly code: number;
  readonly message: string;
}

async function errorOf(work: Promise<unknown>): Promise<WireError> {
  const { code, message } = await work.then(
    () => ({ code: 0, message: "it worked" }),
    (error: WireError) => error,
  );
  return { code, message: message.replace(/^MCP error -?\d+: /, "") };
}

async function whoami(of: RealClient, source = "people"): Promise<string> {
  const result = (await of.callTool({ name: `${source}.whoami`, arguments: { nonce: "1" } })) as {
    content: { text: string }[];
  };
  return (JSON.parse(result.content[0]?.text ?? "{}") as { caller: string }).caller;
}

function linkIn({ message }: WireError): string {
  return /https?:\/\/[^"\s]+\/login\?data=[\w-]+/.exec(message)?.[0] ?? "";
}

/** Ada's grant, for what comes after it. */
async function granted(user = "Ada", token = ada, toolbox = "tools"): Promise<void> {
  const call = await live(token);
  const error = await errorOf((await client({ callId: call.callId, toolbox })).listTools());
  await foundry.giveConsent({ link: linkIn(error), user });
}

describe("a person's consent", () => {
  test.each(["v1", "v2-legacy"] as const)("is asked for by tools/list, and kept (%s)", async (kind) => {
    const call = await live(ada);
    const tools = await client({ kind, callId: call.callId });
    const error = await errorOf(tools.listTools());
    expect(error.code).toBe(-32006);
    expect(error.message).toMatch(
      /^tools\/list failed for 1 tool source\(s\), succeeded for 0 tool source\(s\) \{"errors":\[.*\]\}$/,
    );
    const [asked] = toolboxConsent(error, "toolbox");
    expect(asked).toEqual({ serverLabel: "people", link: linkIn(error) });
    await foundry.giveConsent({ link: linkIn(error), user: "Ada" });
    const { tools: listed } = await tools.listTools();
    expect(listed).toEqual([
      expect.objectContaining({
        name: "people.whoami",
        _meta: expect.objectContaining({ tool_configuration: { require_approval: "always" } }),
      }),
    ]);
    expect(await whoami(tools)).toBe("Ada");
  });

  test("is asked for by tools/call, as the link alone or in a sentence", async () => {
    const { callId } = await live(ada);
    const link = await errorOf(whoami(await client({ callId })));
    const prose = await errorOf(whoami(await client({ callId, toolbox: "plain" })));
    expect(link).toEqual({ code: -32006, message: linkIn(link) });
    expect(prose).toEqual({
      code: -32006,
      message: `User consent is required. Please visit: ${linkIn(prose)}`,
    });
    expect(linkIn(prose)).not.toBe("");
    for (const error of [link, prose]) expect(toolboxConsent(error, "toolbox")).toHaveLength(1);
  });

  test("is asked for by initialize, where the toolbox looks early", async () => {
    const { callId } = await live(ada);
    const error = await errorOf(bench.client({ callId, toolbox: "early" }));
    expect(error.code).toBe(-32006);
    expect(error.message).toMatch(/^initialize failed for 1 tool source/);
    await foundry.giveConsent({ link: linkIn(error), user: "Ada" });
    expect(await whoami(await client({ callId, toolbox: "early" }))).toBe("Ada");
  });

  test("is asked for by the call alone, where the tools are known", async () => {
    const { callId } = await live(ada);
    const tools = await client({ callId, toolbox: "cached" });
    expect((await tools.listTools()).tools.map(({ name }) => name)).toEqual(["people.whoami"]);
    expect((await errorOf(whoami(tools))).code).toBe(-32006);
  });

  test("has one link for each person, the same while it is open", async () => {
    const [first, second] = [await live(ada), await live(bob)];
    const links = await Promise.all(
      [first, first, second].map(async ({ callId }) =>
        linkIn(await errorOf((await client({ callId })).listTools())),
      ),
    );
    expect(links[0]).toBe(links[1]);
    expect(links[0]).not.toBe(links[2]);
  });

  test("is one's own: a second person is asked too", async () => {
    await granted();
    const call = await live(bob);
    const tools = await client({ callId: call.callId });
    const error = await errorOf(whoami(tools));
    expect(error.code).toBe(-32006);
    await foundry.giveConsent({ link: linkIn(error), user: "Bob" });
    expect(await whoami(tools)).toBe("Bob");
  });

  test("counts only of the person who was asked", async () => {
    const call = await live(ada);
    const tools = await client({ callId: call.callId });
    const link = linkIn(await errorOf(tools.listTools()));
    await expect(foundry.giveConsent({ link, user: "Bob" })).rejects.toThrow("Something went wrong");
    expect((await errorOf(tools.listTools())).code).toBe(-32006);
  });

  test("is for one link, once, and not for ever", async () => {
    const call = await live(ada);
    const tools = await client({ callId: call.callId });
    const link = linkIn(await errorOf(tools.listTools()));
    clock += 3_600_001;
    await expect(foundry.giveConsent({ link, user: "Ada" })).rejects.toThrow("Link expired");
    clock = 0;
    await foundry.giveConsent({ link, user: "Ada" });
    await expect(foundry.giveConsent({ link, user: "Ada" })).rejects.toThrow("Link expired");
    await expect(foundry.giveConsent({ link: `${link}x`, user: "Ada" })).rejects.toThrow("Link expired");
  });

  test("can be refused, and the link still be used", async () => {
    const call = await live(ada);
    const link = linkIn(await errorOf((await client({ callId: call.callId })).listTools()));
    const { headers } = await fetch(link, { redirect: "manual" });
    const state = new URL(headers.get("location") ?? "").searchParams.get("state");
    const denied = await fetch(`${foundry.url}/redirect?error=access_denied&state=${state}`);
    expect(denied.status).toBe(400);
    expect(await denied.text()).toContain("you did not agree");
    await foundry.giveConsent({ link, user: "Ada" });
  });

  test("leads to a host like the platform's, if a test wants that", async () => {
    const platform = await toolboxBench(world, {
      consentLinks: "platform",
      toolboxes: [{ name: "tools", sources: [world.people] }],
    });
    const call = await platform.live(ada);
    const tools = await platform.client({ callId: call.callId });
    const link = linkIn(await errorOf(tools.listTools()));
    expect(new URL(link).hostname).toMatch(/\.consent\.azure-apihub\.net$/);
    expect(platform.foundry.openableLink(link)).toBe(link.replace(/^https:\/\/[^/]+/, platform.foundry.url));
    await platform.foundry.giveConsent({ link, user: "Ada" });
    expect(await whoami(tools)).toBe("Ada");
    await tools.close();
    await call.end();
  });

  test("agent-framework 8379: a link that is made for the container ends on Code … not found", async () => {
    const call = await live(ada);
    const link = linkIn(
      await errorOf((await client({ callId: call.callId, toolbox: "quirky" })).listTools()),
    );
    await expect(foundry.giveConsent({ link, user: "Ada" })).rejects.toThrow("Something went wrong");
    // The way round: the person's own token at the toolbox.
    const direct = await client({ token: ada, toolbox: "plain" });
    const own = linkIn(await errorOf(direct.listTools()));
    await foundry.giveConsent({ link: own, user: "Ada" });
    expect(await whoami(direct)).toBe("Ada");
  });

  test("without a call id the container asks for itself, which nobody can grant", async () => {
    const link = linkIn(await errorOf((await client({})).listTools()));
    await expect(foundry.giveConsent({ link, user: "Ada" })).rejects.toThrow("Something went wrong");
  });
});

describe("the grant", () => {
  test("is refreshed when its token is nearly over", async () => {
    await granted();
    clock = 3_599_000;
    const call = await live(await world.tokenOf("Ada"));
    expect(await whoami(await client({ callId: call.callId }))).toBe("Ada");
  });

  test("is over with its token where nobody asked for offline_access", async () => {
    const { connection, people } = world;
    const short = { ...people, auth: { ...connection, scopes: connection.scopes.slice(0, 1) } };
    const other = await toolboxBench(world, { toolboxes: [{ name: "tools", sources: [short] }] });
    const call = await other.live(ada);
    const tools = await other.client({ callId: call.callId });
    await other.foundry.giveConsent({ link: linkIn(await errorOf(tools.listTools())), user: "Ada" });
    expect(await whoami(tools)).toBe("Ada");
    clock = 3_599_000;
    const later = await other.live(await world.tokenOf("Ada"));
    const error = await errorOf(
      whoami(await other.client({ callId: later.callId, token: await world.agentToken() })),
    );
    expect(error.code).toBe(-32006);
    await Promise.all([call.end(), later.end(), tools.close()]);
  });

  test("is over when Entra takes it back, and a new consent works on the same connection", async () => {
    await granted();
    const call = await live(ada);
    const tools = await client({ callId: call.callId });
    expect(await whoami(tools)).toBe("Ada");
    world.entra.revokeSessions("Ada");
    clock = 3_599_000;
    const later = await live(await world.tokenOf("Ada"));
    const again = await client({ callId: later.callId });
    const error = await errorOf(whoami(again));
    expect(error.code).toBe(-32006);
    await foundry.giveConsent({ link: linkIn(error), user: "Ada" });
    expect(await whoami(again)).toBe("Ada");
  });

  test("can be forgotten, of one person or of all", async () => {
    await granted();
    await granted("Bob", bob);
    const [first, second] = [await live(ada), await live(bob)];
    const [adas, bobs] = [await client({ callId: first.callId }), await client({ callId: second.callId })];
    foundry.revokeGrants({ toolbox: "tools", source: "people", user: "Ada" });
    expect((await errorOf(whoami(adas))).code).toBe(-32006);
    expect(await whoami(bobs)).toBe("Bob");
    foundry.revokeGrants({ toolbox: "tools", source: "people" });
    expect((await errorOf(whoami(bobs))).code).toBe(-32006);
  });

  test("azure-sdk-for-net 58001: of a back end that names nobody is everybody's", async () => {
    const backend = await world.appToken();
    const first = await live(backend);
    const error = await errorOf((await client({ callId: first.callId })).listTools());
    await foundry.giveConsent({ link: linkIn(error), user: "Ada" });
    const second = await live(backend);
    expect(await whoami(await client({ callId: second.callId }))).toBe("Ada");
    const named = await live(backend, { "x-ms-user-identity": "user-2" });
    expect((await errorOf(whoami(await client({ callId: named.callId })))).code).toBe(-32006);
  });
});

describe("who is meant", () => {
  test("is decided by the call id of each request, on one connection", async () => {
    await granted();
    await granted("Bob", bob);
    const calls = [await live(ada), await live(bob)];
    let at = 0;
    const shared = await client({ callId: () => calls[at]?.callId ?? "" });
    const seen: string[] = [];
    for (const next of [0, 1, 1, 0]) {
      at = next;
      seen.push(await whoami(shared));
    }
    expect(seen).toEqual(["Ada", "Bob", "Bob", "Ada"]);
  });

  test("is nobody as soon as the request is over", async () => {
    await granted();
    const call = await bench.live(ada);
    const tools = await client({ callId: call.callId });
    expect(await whoami(tools)).toBe("Ada");
    await call.end();
    await expect(whoami(tools)).rejects.toThrow(/invalid_call_id/);
  });

  test("a person at home calls with their own token, and no call id", async () => {
    const tools = await client({ token: ada });
    const error = await errorOf(tools.listTools());
    await foundry.giveConsent({ link: linkIn(error), user: "Ada" });
    expect(await whoami(tools)).toBe("Ada");
  });

  test("what an agent sends onward that it must not is noted", async () => {
    const url = foundry.toolboxUrl("tools");
    const agent = await world.agentToken();
    const headers = {
      authorization: `Bearer ${agent}`,
      "foundry-features": "Toolboxes=V1Preview",
      "x-agent-user-id": foundry.userId({ name: "Ada" }),
      "x-client-user-token": "secret",
    };
    const noted = await openClient("v1", url, {
      fetch: (input, init) =>
        fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } }),
    });
    await noted.close();
    expect(foundry.log.find(({ rpc }) => rpc === "initialize")?.violations).toEqual([
      "x-agent-user-id was sent onward",
      "x-client-user-token was sent onward",
    ]);
    expect(JSON.stringify(foundry.log)).not.toContain("secret");
  });
});

describe("several sources", () => {
  test("ask together, each by its name and type", async () => {
    const { callId } = await live(ada);
    const error = await errorOf((await client({ callId, toolbox: "several" })).listTools());
    expect(error.message).toMatch(
      /^tools\/list failed for 2 tool source\(s\), succeeded for 1 tool source\(s\) /,
    );
    const { errors } = JSON.parse(error.message.slice(error.message.indexOf("{"))) as { errors: object[] };
    const link = expect.stringMatching(/\/login\?data=/);
    expect(errors).toEqual([
      { name: "people", type: "mcp", error: { code: "CONSENT_REQUIRED", message: link } },
      { name: "colleague", type: "a2a_preview", error: { code: "CONSENT_REQUIRED", message: link } },
    ]);
    for (const { link: one } of toolboxConsent(error, "toolbox")) {
      await foundry.giveConsent({ link: one, user: "Ada" });
    }
    const tools = await client({ callId, toolbox: "several" });
    const { tools: listed } = await tools.listTools();
    expect(listed.map(({ name }) => name)).toEqual([
      "people.whoami",
      "colleague.send_message",
      "agent.whoami",
    ]);
    const told = (await tools.callTool({
      name: "colleague.send_message",
      arguments: { message: "Hello" },
    })) as {
      content: object[];
    };
    expect(told.content).toEqual([{ type: "text", text: "Hello with a token" }]);
    expect([await whoami(tools), await whoami(tools, "agent")]).toEqual(["Ada", "agent"]);
  });

  test("are all or nothing: one that fails is a listing that fails", async () => {
    await granted();
    const { callId } = await live(ada);
    const tools = await client({ callId });
    foundry.failSource({ toolbox: "tools", source: "people" }, { code: "CONNECTION_FAILED" });
    const listing = await errorOf(tools.listTools());
    expect(listing.code).toBe(-32007);
    expect(listing.message).toContain('"code":"CONNECTION_FAILED"');
    expect((await errorOf(whoami(tools))).code).toBe(-32007);
    foundry.failSource({ toolbox: "tools", source: "people" }, undefined);
    expect(await whoami(tools)).toBe("Ada");
  });

  test("a mix of consent and failure has the code of consent, and is none", async () => {
    const { callId } = await live(ada);
    foundry.failSource({ toolbox: "several", source: "agent" }, { code: "HTTP_400", message: "no" });
    const error = await errorOf((await client({ callId, toolbox: "several" })).listTools());
    expect(error.code).toBe(-32006);
    expect(error.message).toContain(
      '{"name":"agent","type":"mcp","error":{"code":"HTTP_400","message":"no"}}',
    );
    expect(toolboxConsent(error, "toolbox")).toEqual([]);
  });

  test.each([
    ["nowhere", "gone", "CONNECTION_FAILED"],
    ["refusing", "locked", "HTTP_401"],
    ["exchanged", "graph", "HTTP_400"],
  ])("of the toolbox %s: %s fails with %s", async (toolbox, name, code) => {
    const { callId } = await live(ada);
    const error = await errorOf((await client({ callId, toolbox })).listTools());
    expect(error.code).toBe(-32007);
    expect(error.message).toContain(`{"name":"${name}","type":"mcp","error":{"code":"${code}"`);
  });

  test("called as the agent needs no person", async () => {
    expect(await whoami(await client({ toolbox: "own" }), "agent")).toBe("agent");
  });
});

describe("the protocol", () => {
  test("a session is given out and ended", async () => {
    const call = await live(ada);
    const opened = await bench.client({ callId: call.callId, version: "1" });
    await (opened.transport as unknown as { terminateSession(): Promise<void> }).terminateSession();
    await expect(opened.listTools()).rejects.toThrow("Mcp-Session-Id header is required");
    await opened.close();
  });

  test("a client that tries 2026-07-28 first falls back", async () => {
    const modern = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
    const headers = { authorization: `Bearer ${ada}`, "foundry-features": "Toolboxes=V1Preview" };
    const url = new URL(foundry.toolboxUrl("own"));
    await modern.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    expect((await modern.listTools()).tools.map(({ name }) => name)).toEqual(["agent.whoami"]);
    await modern.close();
  });

  test("a tool needs its prefix", async () => {
    await granted();
    const { callId } = await live(ada);
    const tools = await client({ callId });
    for (const name of ["whoami", "people.", "other.whoami"]) {
      expect(await errorOf(tools.callTool({ name, arguments: {} }))).toMatchObject({ code: -32602 });
    }
  });

  test("what the server itself refuses is passed on", async () => {
    await granted();
    const { callId } = await live(ada);
    const tools = await client({ callId });
    const result = await tools
      .callTool({ name: "people.whoami", arguments: { nonce: 1 } })
      .catch((error: unknown) => error);
    expect(JSON.stringify(result) + String(result)).toMatch(/nonce|Invalid/);
  });

  test("messages that are none", async () => {
    const headers = {
      authorization: `Bearer ${await world.agentToken()}`,
      "foundry-features": "Other=V1Preview, Toolboxes=V1Preview",
      "content-type": "application/json",
    };
    const post = async (body: string, more = {}): Promise<[number, unknown]> => {
      const url = foundry.toolboxUrl("plain");
      const response = await fetch(url, { method: "POST", headers: { ...headers, ...more }, body });
      return [response.status, ((await response.json()) as { error: { code: number } }).error.code];
    };
    expect(await post("{")).toEqual([400, -32700]);
    expect(await post("[]")).toEqual([400, -32600]);
    expect(await post('{"jsonrpc":"1.0","id":1,"method":"ping"}')).toEqual([400, -32600]);
    expect(await post('{"jsonrpc":"2.0","id":1,"method":"resources/list"}')).toEqual([200, -32601]);
    const stream = await fetch(foundry.toolboxUrl("plain"), { headers });
    expect([stream.status, stream.headers.get("allow")]).toEqual([405, "POST, DELETE"]);
  });
});

test("nothing of a token, a link or a secret is in the log", async () => {
  await granted();
  const { callId } = await live(ada);
  await whoami(await client({ callId }));
  const text = JSON.stringify(foundry.log);
  expect(text).not.toMatch(/eyJ|login\?data|connection-secret/);
  expect(foundry.log.filter(({ side }) => side === "source").length).toBeGreaterThan(0);
});

test("tool search hides all tools but the pinned ones, and approval follows the tool that is called", async () => {
  const call = await live(ada);
  const searching = await client({ callId: call.callId, toolbox: "searching" });
  const { tools } = (await searching.listTools()) as { tools: ListedTool[] };
  expect(tools.map(({ name }) => name)).toEqual(["people.whoami", "tool_search", "call_tool"]);
  const asks = (name: string, args: object = {}): string =>
    toolCallApproval({ name, arguments: args as never }, tools);
  expect(["people.whoami", "people.erase", "call_tool", "tool_search"].map((name) => asks(name))).toEqual([
    "never",
    "always",
    "always",
    "never",
  ]);
  expect(asks("call_tool", { name: "people.whoami" })).toBe("never");
  expect(asks("call_tool", { name: "people.erase" })).toBe("always");
  const found = await searching.callTool({ name: "tool_search", arguments: { query: "erase" } });
  expect(JSON.stringify(found)).toContain("people.erase");
  expect(JSON.stringify(found)).not.toContain("whoami");
  // It gets as far as to the grant that is missing.
  const named = { name: "people.whoami", arguments: { nonce: "1" } };
  expect((await errorOf(searching.callTool({ name: "call_tool", arguments: named }))).code).toBe(-32006);
  expect((await errorOf(searching.callTool({ name: "people.erase", arguments: {} }))).code).toBe(-32602);
});
