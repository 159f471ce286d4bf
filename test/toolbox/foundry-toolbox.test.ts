import { experimental_createMCPClient as createMCPClient } from "@ai-sdk/mcp";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  closeMcpClient,
  foundryToolbox,
  type FoundryToolbox,
  type FoundryToolboxOptions,
  mcpClientPool,
  runWithUserContext,
  toolApproval,
  toolCallApproval,
  tryGetUserContext,
} from "hosted-agent-identity";
import { knownHosts } from "../../src/foundry/developer-machine.js";
import { openClient, whoami, type ClientKind, type RealClient } from "../support/mcp-clients.js";
import { contextFor, contextWithoutToken } from "../support/people.js";
import { startToolbox, type ToolboxServer, type ToolboxServerOptions } from "../support/toolbox-server.js";
import {
  appToken,
  callContext,
  countingCredential,
  hostedEnvironment,
  localEnvironment,
  onePersonContext,
  objectIds,
  personToken,
} from "../support/toolbox-users.js";

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

async function server(options?: ToolboxServerOptions): Promise<ToolboxServer> {
  const started = await startToolbox(options);
  closers.push(started.close);
  return started;
}

function toolboxOf(
  { projectEndpoint }: { readonly projectEndpoint: string },
  options: Partial<FoundryToolboxOptions> = {},
): FoundryToolbox {
  const toolbox = foundryToolbox({
    name: "people",
    projectEndpoint,
    credential: countingCredential(),
    environment: hostedEnvironment,
    ...options,
  });
  closers.push(toolbox.close);
  return toolbox;
}

const listTools = { jsonrpc: "2.0", id: 1, method: "tools/list" };
const post = (body: object = listTools, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const call = (toolbox: FoundryToolbox, init = post(), url: string | URL = toolbox.url) =>
  toolbox.fetch(url, init);

describe.each<[ClientKind, "json" | "sse"]>([
  ["v1", "json"],
  ["v1", "sse"],
  ["v2-legacy", "json"],
  ["v2-legacy", "sse"],
])("a real client of SDK %s, answered as %s", (kind, format) => {
  it("carries the agent's token, the features and the call id of its request on every request", async () => {
    const box = await server({ format });
    const toolbox = toolboxOf(box);
    const [first, second] = [callContext("call-1", "ada"), callContext("call-2", "ada")];
    const client = await runWithUserContext(first, () =>
      openClient(kind, toolbox.url, { fetch: toolbox.fetch }),
    );
    expect((await runWithUserContext(second, () => whoami(client))).caller).toBe("call-2");
    expect(box.seen.map(({ headers }) => headers["x-agent-foundry-call-id"])).toEqual([
      "call-1",
      "call-1",
      "call-2",
    ]);
    for (const { headers, url } of box.seen) {
      expect(url).toBe("/api/projects/support/toolboxes/people/mcp?api-version=v1");
      expect(headers).toMatchObject({
        authorization: "Bearer agent-token-1",
        "foundry-features": "Toolboxes=V1Preview",
        traceparent: first.trace["traceparent"],
      });
      expect(Object.keys(headers).filter((name) => /^x-(?:agent-user|client|ms)/.test(name))).toEqual([]);
    }
    await client.close();
  });

  it("serves 50 users at once, and none of them gets another's call id", async () => {
    const box = await server({ format });
    const toolbox = toolboxOf(box);
    const shared = await runWithUserContext(callContext("opener"), () =>
      openClient(kind, toolbox.url, { fetch: toolbox.fetch }),
    );
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, user) =>
        Promise.all(
          Array.from({ length: 4 }, async (_, turn) => {
            const callId = `call-${user}-${turn}`;
            const { caller, nonce } = await runWithUserContext(callContext(callId, `user-${user}`), () =>
              whoami(shared, callId),
            );
            return caller === callId && nonce === callId;
          }),
        ),
      ),
    );
    expect(answers.flat().filter((own) => !own)).toEqual([]);
    expect(answers.flat()).toHaveLength(200);
    await shared.close();
  });
});

it("serves the AI SDK's client", async () => {
  const box = await server();
  const toolbox = toolboxOf(box);
  const said = await runWithUserContext(callContext("call-1"), async () => {
    const client = await createMCPClient({
      transport: { type: "http", url: toolbox.url.href, fetch: toolbox.fetch as typeof fetch },
    });
    const tools = await client.tools();
    const result = await tools["people.whoami"]?.execute?.({ nonce: "n" }, { toolCallId: "t", messages: [] });
    await client.close();
    return JSON.stringify(result);
  });
  expect(said).toContain("call-1");
  const posts = box.seen.filter(({ http }) => http === "POST");
  expect(posts.map(({ headers }) => headers["x-agent-foundry-call-id"])).toEqual(posts.map(() => "call-1"));
});

it("lives in a pool, which ends no session when its user's turn is over", async () => {
  const box = await server({ sessions: true });
  const toolbox = toolboxOf(box);
  const pool = mcpClientPool<RealClient>({
    open: () => openClient("v2-legacy", toolbox.url, { fetch: toolbox.fetch }),
    close: closeMcpClient,
  });
  for (const [callId, user] of [
    ["c1", "ada"],
    ["c2", "grace"],
    ["c3", "ada"],
  ] as const) {
    const context = onePersonContext(callId, user);
    expect(
      await runWithUserContext(context, () => pool.use(async (client) => (await whoami(client)).caller)),
    ).toBe(callId);
    context.end();
  }
  expect(box.forMethod("initialize")).toHaveLength(2);
  await pool.close();
  expect(box.seen.filter(({ http }) => http === "DELETE")).toEqual([]);
});

describe("for whom it acts", () => {
  it("is nobody without a user context, even with the agent's token at hand", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    await runWithUserContext(callContext("call-1"), () => call(toolbox));
    await expect(call(toolbox)).rejects.toMatchObject({ code: "no_user_context" });
    expect(box.seen).toHaveLength(1);
  });

  it("is nobody once the turn is over", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    const context = callContext("call-1");
    await runWithUserContext(context, async () => {
      context.end();
      await expect(call(toolbox)).rejects.toMatchObject({ code: "context_ended" });
    });
    expect(box.seen).toEqual([]);
  });

  it("is refused with the fix named when a hosted request has no call id", async () => {
    const box = await server();
    const credential = countingCredential();
    const toolbox = toolboxOf(box, { credential });
    const context = callContext(undefined, "ada");
    const refused = runWithUserContext(context, () => call(toolbox));
    await expect(refused).rejects.toMatchObject({
      code: "call_id_missing",
      message: expect.stringContaining("x-agent-foundry-call-id") as string,
    });
    expect([box.seen, credential.asked]).toEqual([[], []]);
    expect(toolbox.explain(context).sources).toMatchObject([
      { applies: false, detail: expect.stringContaining("x-agent-foundry-call-id") as string },
    ]);
  });

  it("is the same whether the process or the context knows that it is hosted", async () => {
    const box = await server();
    for (const [context, environment] of [
      [contextWithoutToken(), hostedEnvironment],
      [callContext(undefined), localEnvironment],
    ] as const) {
      const toolbox = toolboxOf(box, {
        environment,
        credential: countingCredential(() => personToken()),
      });
      await expect(runWithUserContext(context, () => call(toolbox))).rejects.toMatchObject({
        code: "call_id_missing",
      });
    }
    expect(box.seen).toEqual([]);
  });

  it("is the context it is bound to, wherever it is called from", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    const bound = toolbox.as(callContext("bound"));
    await call(bound);
    await runWithUserContext(callContext("other"), () => call(bound));
    expect(box.seen.map(({ headers }) => headers["x-agent-foundry-call-id"])).toEqual(["bound", "bound"]);
  });

  it("is the developer outside the hosted environment, and explain() says so", async () => {
    const box = await server();
    const context = contextWithoutToken();
    const toolbox = toolboxOf(box, {
      environment: localEnvironment,
      credential: countingCredential(() => personToken()),
    });
    expect((await runWithUserContext(context, () => call(toolbox))).status).toBe(200);
    expect(box.seen[0]?.headers["x-agent-foundry-call-id"]).toBeUndefined();
    expect(toolbox.explain(context).sources).toMatchObject([
      {
        applies: true,
        provesUser: false,
        detail: expect.stringContaining("developer's own identity") as string,
      },
    ]);
    expect(toolbox.explain().sources).toMatchObject([{ applies: false }]);
  });

  it.each([
    ["an environment that says nothing of a developer", { hosted: false }],
    ["one in which there is none", { hosted: false, developer: false }],
  ])("is not the developer in %s", async (_where, environment) => {
    const box = await server();
    const credential = countingCredential(() => personToken("ada"));
    const toolbox = toolboxOf(box, { environment, credential });
    const context = contextWithoutToken();
    await expect(runWithUserContext(context, () => call(toolbox))).rejects.toMatchObject({
      code: "developer_source_refused",
    });
    expect(toolbox.explain(context).sources).toMatchObject([
      { applies: false, detail: expect.stringContaining("HOSTED_AGENT_IDENTITY_DEVELOPER=1") as string },
    ]);
    expect([box.seen, credential.asked]).toEqual([[], []]);
  });

  it("is the developer where the environment of the process says so, and nowhere else", () => {
    for (const { variable } of knownHosts) vi.stubEnv(variable, "");
    vi.stubEnv("FOUNDRY_PROJECT_ENDPOINT", "https://x.services.ai.azure.com/api/projects/p");
    const applies = (): boolean | undefined =>
      foundryToolbox({ name: "support" }).explain(contextWithoutToken()).sources[0]?.applies;
    expect(applies()).toBe(false);
    vi.stubEnv("HOSTED_AGENT_IDENTITY_DEVELOPER", "1");
    expect(applies()).toBe(true);
    vi.stubEnv("WEBSITE_INSTANCE_ID", "x");
    expect(applies()).toBe(false);
    vi.unstubAllEnvs();
  });

  it("is never an application, and never somebody else than the developer", async () => {
    const box = await server();
    const local = (token: string) =>
      toolboxOf(box, { environment: localEnvironment, credential: countingCredential(() => token) });
    await expect(
      runWithUserContext(contextWithoutToken(), () => call(local(appToken()))),
    ).rejects.toMatchObject({
      code: "developer_source_refused",
    });
    const toolbox = local(personToken());
    const grace = contextFor({ oid: objectIds.grace, tid: "tenant" });
    await expect(runWithUserContext(grace, () => call(toolbox))).rejects.toMatchObject({
      code: "wrong_user",
    });
    const ada = contextFor({ oid: objectIds.ada, tid: "tenant" });
    expect((await runWithUserContext(ada, () => call(toolbox))).status).toBe(200);
    await expect(runWithUserContext(grace, () => call(toolbox))).rejects.toMatchObject({
      code: "wrong_user",
    });
    expect(box.seen).toHaveLength(1);
  });

  it("is not the developer for a token that some resource could have sent on", async () => {
    const box = await server();
    const toolbox = toolboxOf(box, {
      environment: localEnvironment,
      credential: countingCredential(() => personToken()),
    });
    const replayed = contextFor({ oid: objectIds.ada, tid: "tenant" }, "resource");
    await expect(runWithUserContext(replayed, () => call(toolbox))).rejects.toMatchObject({
      code: "user_not_identified",
    });
    expect(toolbox.explain(replayed).sources).toMatchObject([{ applies: false }]);
    expect(box.seen).toEqual([]);
  });
});

describe("the headers", () => {
  it("never carry what a client was made with: call id, identity, user token, authorization", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    const stale = {
      Authorization: "Bearer somebody",
      "X-Agent-Foundry-Call-Id": "call-of-another",
      "x-agent-user-id": "another",
      "x-client-user-token": "a user token",
      "x-ms-user-identity": "another",
      "x-ms-user-isolation-key": "another",
      "x-aml-oid": "another",
    };
    await runWithUserContext(callContext("call-1"), () => call(toolbox, post(listTools, stale)));
    await runWithUserContext(callContext("call-2"), () =>
      toolbox.fetch(new Request(toolbox.url, { ...post(listTools, stale) })),
    );
    const sent = box.seen.map(({ headers }) => headers);
    expect(sent.map((headers) => headers["x-agent-foundry-call-id"])).toEqual(["call-1", "call-2"]);
    expect(JSON.stringify(sent)).not.toMatch(/another|somebody|a user token/);
  });

  it("keep other preview features and the caller's own trace", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    const own = { "Foundry-Features": "Skills=V1, Toolboxes=V1Preview", traceparent: "00-own" };
    await runWithUserContext(callContext("call-1"), () => call(toolbox, post(listTools, own)));
    expect(box.seen[0]?.headers).toMatchObject({
      "foundry-features": "Toolboxes=V1Preview,Skills=V1",
      traceparent: "00-own",
    });
  });
});

describe("the toolbox's address", () => {
  it.each([
    [{ name: "people" }, "/toolboxes/people/mcp"],
    [{ name: "people", version: 3 }, "/toolboxes/people/versions/3/mcp"],
    [{ name: "people", version: "2026-11" }, "/toolboxes/people/versions/2026-11/mcp"],
  ])("of %j ends with %s", (options, path) => {
    const { url } = foundryToolbox({
      ...options,
      projectEndpoint: "https://x.services.ai.azure.com/api/projects/p/",
    });
    expect(url.href).toBe(`https://x.services.ai.azure.com/api/projects/p${path}?api-version=v1`);
  });

  it("comes from the environment", () => {
    const environment = { hosted: true, projectEndpoint: "https://x.services.ai.azure.com/api/projects/p" };
    expect(foundryToolbox({ name: "a", environment }).url.host).toBe("x.services.ai.azure.com");
  });

  it.each([
    [{ name: "../agents" }, "name"],
    [{ name: "" }, "name"],
    [{ name: "a", version: "1/../.." }, "version"],
    [{ name: "a", projectEndpoint: "http://x.services.ai.azure.com/api/projects/p" }, "projectEndpoint"],
    [{ name: "a", projectEndpoint: "https://u:p@x.example/api" }, "projectEndpoint"],
    [{ name: "a", projectEndpoint: "https://x.example/api?x=1" }, "projectEndpoint"],
    [{ name: "a", projectEndpoint: "https://x.example/%2e%2e/api" }, "projectEndpoint"],
    [{ name: "a", projectEndpoint: "" }, "FOUNDRY_PROJECT_ENDPOINT"],
    [{ name: "a", serverLabel: "a\nb" }, "serverLabel"],
    [{ name: "a", maxRetries: -1 }, "maxRetries"],
    [{ name: "a", timeoutMs: Number.NaN }, "timeoutMs"],
  ])("is refused for %j", (options, named) => {
    expect(() =>
      foundryToolbox({ projectEndpoint: "https://x.example/api", environment: localEnvironment, ...options }),
    ).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining(named) as string }),
    );
  });

  it("is the only one that sees the token", async () => {
    const [box, elsewhere] = [await server(), await server()];
    const toolbox = toolboxOf(box);
    const { pathname, search } = toolbox.url;
    const others = [
      new URL(pathname + search, elsewhere.projectEndpoint),
      new URL("/api/projects/support/toolboxes/people-evil/mcp", toolbox.url),
      new URL("/api/projects/support/toolboxes/mcp", toolbox.url),
      `${toolbox.url.origin}/api/projects/support/toolboxes/people/mcp/..%2f..%2fother`,
    ];
    await runWithUserContext(callContext("call-1"), async () => {
      for (const url of others) {
        await expect(call(toolbox, post(), url)).rejects.toMatchObject({ code: "url_not_allowed" });
      }
    });
    expect([box.seen, elsewhere.seen]).toEqual([[], []]);
  });

  it("keeps token and call id when it redirects off the toolbox", async () => {
    const elsewhere = await server();
    const box = await server({
      intercept: (_request, response) => {
        response.writeHead(307, { location: `${elsewhere.projectEndpoint}/toolboxes/people/mcp` }).end();
        return true;
      },
    });
    await expect(runWithUserContext(callContext("call-1"), () => call(toolboxOf(box)))).rejects.toMatchObject(
      {
        code: "redirect_refused",
      },
    );
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("an MCP session", () => {
  it("belongs to the caller who opened it", async () => {
    const box = await server({ sessions: true });
    const toolbox = toolboxOf(box);
    const client = await runWithUserContext(callContext("c1", "ada"), () =>
      openClient("v1", toolbox.url, { fetch: toolbox.fetch }),
    );
    expect((await runWithUserContext(callContext("c2", "ada"), () => whoami(client))).caller).toBe("c2");
    await expect(runWithUserContext(callContext("c3", "grace"), () => whoami(client))).rejects.toMatchObject({
      code: "shared_session",
    });
    await client.close();
  });

  it("may be shared where the developer says so, and each call is still its caller's", async () => {
    const box = await server({ sessions: true });
    const toolbox = toolboxOf(box, { sharedSessions: "allow" });
    const client = await runWithUserContext(callContext("c1", "ada"), () =>
      openClient("v1", toolbox.url, { fetch: toolbox.fetch }),
    );
    expect((await runWithUserContext(callContext("c3", "grace"), () => whoami(client))).caller).toBe("c3");
    await client.close();
  });

  it("has no stream of its own", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    const answer = runWithUserContext(callContext("c1"), () =>
      toolbox.fetch(toolbox.url, { headers: { accept: "text/event-stream" } }),
    );
    await expect(answer).rejects.toMatchObject({ code: "standalone_stream_refused" });
    expect(box.seen).toEqual([]);
  });
});

describe("the agent's own token", () => {
  it("is got once for all, without a user at hand", async () => {
    const box = await server();
    const users: unknown[] = [];
    const credential = countingCredential(async (n) => {
      users.push(tryGetUserContext());
      return `agent-token-${n}`;
    });
    const toolbox = toolboxOf(box, { credential });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => runWithUserContext(callContext(`c${n}`), () => call(toolbox))),
    );
    expect(credential.asked).toEqual(["https://ai.azure.com/.default"]);
    expect(users).toEqual([undefined]);
  });

  it("is replaced after a 401, once, and the request sent again", async () => {
    let refused = 0;
    const box = await server({
      intercept: ({ headers }, response) => {
        if (headers["authorization"] !== "Bearer agent-token-1") return false;
        refused += 1;
        response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
        return true;
      },
    });
    const toolbox = toolboxOf(box);
    const answer = await runWithUserContext(callContext("c1"), () => call(toolbox));
    expect([answer.status, refused, box.seen.length]).toEqual([200, 1, 2]);
  });

  it("that is refused again ends in an error that names the toolbox", async () => {
    const box = await server({
      intercept: (_request, response) => {
        response.writeHead(401).end();
        return true;
      },
    });
    for (const credential of [countingCredential(), countingCredential(() => "always-the-same")]) {
      await expect(
        runWithUserContext(callContext("c1"), () => call(toolboxOf(box, { credential }))),
      ).rejects.toMatchObject({
        code: "resource_unauthorized",
        message: expect.stringContaining("people") as string,
      });
    }
    expect(box.seen).toHaveLength(3);
  });

  it("meets a claims challenge", async () => {
    const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: "1" } } });
    const box = await server({
      intercept: ({ headers }, response) => {
        if (headers["authorization"] === "Bearer with-claims") return false;
        const encoded = Buffer.from(claims).toString("base64");
        response
          .writeHead(401, { "www-authenticate": `Bearer error="insufficient_claims", claims="${encoded}"` })
          .end();
        return true;
      },
    });
    const credential = countingCredential((_n, asked) => (asked.claims === claims ? "with-claims" : "plain"));
    const answer = await runWithUserContext(callContext("c1"), () => call(toolboxOf(box, { credential })));
    expect([answer.status, credential.asked.length]).toEqual([200, 2]);
  });

  it("is asked for with the scope of the cloud, or the one given", async () => {
    const scopes: string[] = [];
    for (const [host, scope] of [
      ["x.services.ai.azure.us", undefined],
      ["x.services.ai.azure.com", undefined],
      ["x.services.ai.azure.cn", "https://ai.azure.cn/.default"],
    ] as const) {
      const credential = countingCredential();
      const toolbox = foundryToolbox({
        name: "a",
        projectEndpoint: `https://${host}/api/projects/p`,
        credential,
        environment: hostedEnvironment,
        fetch: async () => Response.json({ jsonrpc: "2.0", id: 1, result: {} }),
        ...(scope === undefined ? {} : { scope }),
      });
      await runWithUserContext(callContext("c1"), () => call(toolbox));
      scopes.push(...credential.asked);
    }
    expect(scopes).toEqual([
      "https://ai.azure.us/.default",
      "https://ai.azure.com/.default",
      "https://ai.azure.cn/.default",
    ]);
  });

  it("is not sent for more scopes than it has", async () => {
    const box = await server({
      intercept: (_request, response) => {
        response
          .writeHead(403, { "www-authenticate": 'Bearer error="insufficient_scope", scope="more"' })
          .end();
        return true;
      },
    });
    await expect(runWithUserContext(callContext("c1"), () => call(toolboxOf(box)))).rejects.toMatchObject({
      code: "insufficient_scope",
    });
    expect(box.seen).toHaveLength(1);
  });

  it("is gone after close()", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    await runWithUserContext(callContext("c1"), () => call(toolbox));
    await toolbox.close();
    await expect(runWithUserContext(callContext("c1"), () => call(toolbox))).rejects.toMatchObject({
      code: "closed",
    });
    await expect(call(toolbox.as(callContext("c1")))).rejects.toMatchObject({ code: "closed" });
    expect(box.seen).toHaveLength(1);
  });
});

describe("toolApproval", () => {
  it("reads what real clients of both SDKs list", async () => {
    const box = await server();
    const toolbox = toolboxOf(box);
    for (const kind of ["v1", "v2-legacy"] as const) {
      const tools = await runWithUserContext(callContext("c1"), async () => {
        const client = await openClient(kind, toolbox.url, { fetch: toolbox.fetch });
        const listed = await client.listTools();
        await client.close();
        return listed.tools;
      });
      expect(tools.map((tool) => [tool.name, toolApproval(tool)])).toEqual([
        ["people.whoami", "never"],
        ["people.erase", "always"],
      ]);
    }
  });

  it.each([
    [{}, "always"],
    [{ _meta: {} }, "always"],
    [{ _meta: { tool_configuration: null } }, "always"],
    [{ _meta: { tool_configuration: { require_approval: null } } }, "always"],
    [{ name: "tool_search" }, "always"],
    [{ name: "call_tool" }, "always"],
    [{ name: "call_tool", _meta: { tool_configuration: { require_approval: "never" } } }, "always"],
    [{ _meta: { tool_configuration: { require_approval: "never" } } }, "never"],
    [{ _meta: { tool_configuration: { require_approval: "always" } } }, "always"],
    [{ _meta: { tool_configuration: { require_approval: "Never" } } }, "always"],
    [{ _meta: { tool_configuration: { require_approval: { never: {} } } } }, "always"],
    [{ _meta: { tool_configuration: { require_approval: false } } }, "always"],
  ] as const)("of %j is %s", (tool, expected) => {
    expect(toolApproval(tool)).toBe(expected);
  });
});

describe("toolCallApproval", () => {
  const approval = (require_approval: unknown) => ({ _meta: { tool_configuration: { require_approval } } });
  const free = approval("never");
  /** What a toolbox with tool search lists: the meta tools, and the tools that are pinned. */
  const listed = [
    { name: "tool_search" },
    { name: "call_tool", ...free },
    { name: "people.whoami", ...free },
    { name: "people.erase", ...approval("always") },
    { name: "people.unsaid" },
  ];

  it.each([
    ["the tool that is named, pinned and free", "never", { name: "people.whoami" }],
    ["the same under the other name of the argument", "never", { tool_name: "people.whoami" }],
    ["a pinned tool that wants a yes", "always", { name: "people.erase" }],
    ["a pinned tool of which nothing is said", "always", { name: "people.unsaid" }],
    ["a hidden tool", "always", { name: "people.hidden" }],
    ["two tools", "always", { name: "people.whoami", tool_name: "people.erase" }],
    [
      "call_tool, which names another tool",
      "always",
      { name: "call_tool", arguments: { name: "people.erase" } },
    ],
    ["a list of names", "always", { name: ["people.whoami"] }],
    ["a name in a form that is not known", "always", { tool: "people.whoami" }],
    ["no name", "always", {}],
    ["text", "always", '{"name":"people.whoami"}'],
    ["nothing", "always", undefined],
  ] as const)("of call_tool with %s is %s", (_what, expected, args) => {
    expect(toolCallApproval({ name: "call_tool", arguments: args }, listed)).toBe(expected);
  });

  it("of a tool that is called by its own name is the tool's own, and always for a hidden one", () => {
    const of = (name: string) => toolCallApproval({ name, arguments: { name: "people.whoami" } }, listed);
    expect(of("people.whoami")).toBe("never");
    expect(of("people.erase")).toBe("always");
    expect(of("people.unsaid")).toBe("always");
    expect(of("people.hidden")).toBe("always");
  });

  it("of a name that is listed twice is the stricter one", () => {
    const twice = [...listed, { name: "people.whoami", ...approval("always") }];
    expect(toolCallApproval({ name: "people.whoami" }, twice)).toBe("always");
    expect(toolCallApproval({ name: "call_tool", arguments: { name: "people.whoami" } }, twice)).toBe(
      "always",
    );
  });

  it("of tool_search is never only where it is the toolbox's own and nothing else is said", () => {
    const search = { name: "tool_search", arguments: { query: "people" } };
    const call = { name: "call_tool" };
    expect(toolCallApproval(search, listed)).toBe("never");
    expect(toolCallApproval(search, [{ name: "tool_search", ...free }, call])).toBe("never");
    expect(toolCallApproval(search, [{ name: "tool_search" }])).toBe("always");
    expect(toolCallApproval(search, [{ name: "tool_search", ...approval("always") }, call])).toBe("always");
    expect(toolCallApproval(search, [{ name: "tool_search" }, { name: "tool_search" }, call])).toBe("always");
    expect(toolCallApproval(search, [call])).toBe("always");
  });
});
