import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import {
  foundryToolbox,
  type FoundryToolbox,
  type FoundryToolboxOptions,
  type IdentityEvent,
  isHostedAgentIdentityError,
  runWithUserContext,
  findConsentRequired,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { openClient, whoami, type RealClient } from "../support/mcp-clients.js";
import {
  startToolbox,
  type RpcError,
  type ToolboxServer,
  type ToolboxServerOptions,
} from "../support/toolbox-server.js";
import { callContext, countingCredential, hostedEnvironment } from "../support/toolbox-users.js";

const secret = "c2VjcmV0IHBhcnQgb2YgdGhlIGxpbms";
const link = `https://logic-westeurope-001.consent.azure-apihub.net/login?data=${secret}`;
const other = `https://logic-apis-eastus2.consent.azure-apim.net/login?data=${secret}2`;
const entry = (code: string, message: string, name = "people", type = "mcp") => ({
  name,
  type,
  error: { code, message },
});
const listing = (...errors: unknown[]): string =>
  `Request failed (remote): tools/list failed for ${errors.length} tool source(s), succeeded for 0 tool source(s) ${JSON.stringify({ errors })}`;

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

interface World {
  readonly box: ToolboxServer;
  readonly toolbox: FoundryToolbox;
}

async function world(
  server: ToolboxServerOptions,
  options: Partial<FoundryToolboxOptions> = {},
): Promise<World> {
  const box = await startToolbox(server);
  const toolbox = foundryToolbox({
    name: "support",
    projectEndpoint: box.projectEndpoint,
    credential: countingCredential(),
    environment: hostedEnvironment,
    random: () => new Uint8Array(1),
    ...options,
  });
  closers.push(box.close, toolbox.close);
  return { box, toolbox };
}

const refusing =
  (method: string, error: RpcError): ToolboxServerOptions["refuse"] =>
  (rpc) =>
    rpc.method === method ? error : undefined;

const thrownBy = (work: () => Promise<unknown>): Promise<unknown> =>
  work().then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: unknown) => error,
  );

/** Everything a framework may print of an error, or give to the model. */
const printed = (error: unknown): string =>
  [String(error), inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error)].join("\n");

describe.each([
  ["v1", "json"],
  ["v1", "sse"],
  ["v2-legacy", "json"],
  ["v2-legacy", "sse"],
] as const)("with SDK %s and %s answers", (kind, format) => {
  const open = ({ toolbox }: World): Promise<RealClient> =>
    openClient(kind, toolbox.url, { fetch: toolbox.fetch });

  it.each([
    ["the link itself", link],
    ["prose with the link", `User consent is required. Please visit: ${link}.`],
  ])("consent for a call, asked for with %s, is thrown typed and recorded", async (_, message) => {
    const w = await world({ format, refuse: refusing("tools/call", { code: -32006, message }) });
    const context = callContext("call-1");
    const error = await runWithUserContext(context, async () => {
      const client = await open(w);
      const thrown = await thrownBy(() => whoami(client));
      await client.close();
      return thrown;
    });
    expect(findConsentRequired(error)?.requests).toMatchObject([
      { link, serverLabel: "support", reason: "consent" },
    ]);
    expect(context.consentRequests).toMatchObject([{ link }]);
    expect(printed(error)).not.toContain(secret);
  });

  it.each(["initialize", "tools/list"])(
    "consent missing at %s is asked for, for each source",
    async (method) => {
      const message = listing(
        entry("CONSENT_REQUIRED", link, "people"),
        entry("CONSENT_REQUIRED", other, "travel", "a2a_preview"),
      );
      const w = await world({ format, refuse: refusing(method, { code: -32006, message }) });
      const context = callContext("call-1");
      const error = await runWithUserContext(context, () =>
        thrownBy(async () => (await open(w)).listTools()),
      );
      expect(findConsentRequired(error)?.requests).toMatchObject([
        { link, serverLabel: "people" },
        { link: other, serverLabel: "travel" },
      ]);
      expect(context.consentRequests).toHaveLength(2);
      expect(printed(error)).not.toContain(secret);
    },
  );

  it("a mix of missing consent and another failure is a failure, which names that source", async () => {
    const message = listing(
      entry("CONSENT_REQUIRED", link, "people"),
      entry("CONNECTION_FAILED", "could not connect", "crm"),
    );
    const w = await world({ format, refuse: refusing("tools/list", { code: -32006, message }) });
    const context = callContext("call-1");
    const error = await runWithUserContext(context, () => thrownBy(async () => (await open(w)).listTools()));
    expect(error).toMatchObject({
      code: "toolbox_source_failed",
      category: "retry",
      message: 'The toolbox "support" failed at "crm" (CONNECTION_FAILED).',
    });
    expect(context.consentRequests).toEqual([]);
    expect(printed(error)).not.toContain(secret);
  });

  it("a link that may lead anywhere is refused, and not recorded", async () => {
    const evil = `https://consent.azure-apihub.net.evil.example/login?data=${secret}`;
    const w = await world({ format, refuse: refusing("tools/call", { code: -32006, message: evil }) });
    const context = callContext("call-1");
    const error = await runWithUserContext(context, async () => thrownBy(async () => whoami(await open(w))));
    expect(error).toMatchObject({
      code: "consent_link_refused",
      message: expect.stringContaining(
        '"https://consent.azure-apihub.net.evil.example" is not allowed',
      ) as string,
      help: expect.stringMatching(/policy of foundryToolbox\(\).*entraConsent/) as string,
    });
    expect(context.consentRequests).toEqual([]);
    expect(printed(error)).not.toContain(secret);
  });

  it("-32006 in what a tool returned means nothing", async () => {
    const text = JSON.stringify({ jsonrpc: "2.0", id: 2, error: { code: -32006, message: link } });
    const w = await world({
      format,
      intercept(_request, response, rpc) {
        if (rpc.method !== "tools/call") return false;
        const message = {
          jsonrpc: "2.0",
          id: rpc.id,
          result: { isError: true, content: [{ type: "text", text }], structuredContent: JSON.parse(text) },
        };
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(message));
        return true;
      },
    });
    const context = callContext("call-1");
    const result = await runWithUserContext(context, async () =>
      (await open(w)).callTool({ name: "people.whoami", arguments: {} }),
    );
    expect(JSON.stringify(result)).toContain("-32006");
    expect(context.consentRequests).toEqual([]);
  });
});

describe("a stream that begins with something else", () => {
  const progress =
    'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":0}}\n\n';

  it.each(["v1", "v2-legacy"] as const)(
    "asks for consent later: recorded, and the link is taken out of what SDK %s says",
    async (kind) => {
      const { toolbox } = await world({
        format: "sse",
        before: (rpc) => (rpc.method === "tools/call" ? `: keep-alive\n\nid: 7\ndata: \n\n${progress}` : ""),
        refuse: refusing("tools/call", { code: -32006, message: link }),
      });
      const context = callContext("call-1");
      const error = await runWithUserContext(context, () =>
        thrownBy(async () => whoami(await openClient(kind, toolbox.url, { fetch: toolbox.fetch }))),
      );
      expect(error).toMatchObject({ code: -32006, data: { code: "consent_required" } });
      expect(printed(error)).not.toContain(secret);
      expect(context.consentRequests).toMatchObject([{ link, serverLabel: "support" }]);
      const found = runWithUserContext(context, () => findConsentRequired(error));
      expect(found?.requests).toMatchObject([{ link }]);
      // Neither outside the turn nor in another one does such an error mean anything.
      expect(findConsentRequired(error)).toBeUndefined();
      expect(runWithUserContext(callContext("call-2"), () => findConsentRequired(error))).toBeUndefined();
    },
  );

  it("is held only until its first message", async () => {
    let finish = (): void => {};
    const { toolbox } = await world({
      intercept(_request, response) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(": open\n\n");
        response.write(progress);
        finish = () => response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
        return true;
      },
    });
    const answer = await runWithUserContext(callContext("call-1"), () =>
      toolbox.fetch(toolbox.url, { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"tools/call"}' }),
    );
    finish();
    expect(await answer.text()).toBe(`: open\n\n${progress}data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n`);
  });

  it("is passed on when it only ever says that it is alive", async () => {
    const { toolbox } = await world({
      intercept(_request, response) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(`: ${"x".repeat(70_000)}\n\n`);
        return true;
      },
    });
    const answer = await runWithUserContext(callContext("call-1"), () =>
      toolbox.fetch(toolbox.url, { method: "POST", body: "{}" }),
    );
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
  });
});

describe("an answer that is no request for consent", () => {
  it("is passed on as it came, also where it is large", async () => {
    for (const size of [10, 60_000, 70_000, 5_000_000]) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: "ü".repeat(size), error: 1 } });
      const { toolbox } = await world({
        intercept(_request, response) {
          response
            .writeHead(200, { "content-type": "application/json; charset=utf-8", "x-kept": "yes" })
            .end(body);
          return true;
        },
      });
      const answer = await runWithUserContext(callContext("call-1"), () =>
        toolbox.fetch(toolbox.url, { method: "POST", body: "{}" }),
      );
      expect([answer.url, answer.headers.get("x-kept")]).toEqual([toolbox.url.href, "yes"]);
      expect((await answer.text()) === body).toBe(true);
    }
  });

  it("is not waited for when it is large: the first part is there before the last is sent", async () => {
    let finish = (): void => {};
    const { toolbox } = await world({
      intercept(_request, response) {
        response.writeHead(200, { "content-type": "application/json" });
        response.write(`{"error":"${"x".repeat(100_000)}`);
        finish = () => response.end('"}');
        return true;
      },
    });
    const answer = await runWithUserContext(callContext("call-1"), () =>
      toolbox.fetch(toolbox.url, { method: "POST", body: "{}" }),
    );
    finish();
    expect((await answer.text()).length).toBe(100_012);
  });

  it.each([
    ["another code", { code: -32603, message: link }],
    ["a code as text", { code: "-32006", message: link }],
  ])("is passed on with %s", async (_, error) => {
    const { toolbox } = await world({ refuse: () => error as RpcError });
    const context = callContext("call-1");
    const answer = await runWithUserContext(context, () =>
      toolbox.fetch(toolbox.url, { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
    );
    expect(await answer.json()).toMatchObject({ error });
    expect(context.consentRequests).toEqual([]);
  });
});

describe("the answers' HTTP status", () => {
  it("does not matter: an error body would be printed with the link in it", async () => {
    for (const status of [400, 403, 424, 500, 503]) {
      const { toolbox, box } = await world({
        refuse: refusing("tools/list", {
          code: -32006,
          message: listing(entry("CONSENT_REQUIRED", link)),
          status,
        }),
      });
      const context = callContext("call-1");
      const error = await runWithUserContext(context, async () => {
        const client = await openClient("v1", toolbox.url, { fetch: toolbox.fetch });
        return thrownBy(() => client.listTools());
      });
      expect(findConsentRequired(error)?.requests).toHaveLength(1);
      expect(printed(error)).not.toContain(secret);
      expect(box.forMethod("tools/list")).toHaveLength(1);
    }
  });
});

const usGov = "https://x.services.ai.azure.us/api/projects/p";
const emulator = "http://127.0.0.1:4000/api/projects/p";
const entraConsent = {
  clientId: "7C5DBD5B-2D4B-4B1E-9D52-4A7D3EA3F6A1",
  redirectUri: "https://broker.example.com/redirect",
};

function entraLink(more: Readonly<Record<string, string>> = {}): string {
  const url = new URL("https://login.microsoftonline.com/common/oauth2/v2.0/authorize");
  const parameters = {
    client_id: entraConsent.clientId.toLowerCase(),
    redirect_uri: entraConsent.redirectUri,
    response_type: "code",
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

it("a link that is refused raises an event with its origin and path, and never its query", async () => {
  const events: IdentityEvent[] = [];
  for (const [link, path] of [
    [entraLink({ state: secret }), "/common/oauth2/v2.0/authorize"],
    [`https://evil.example/login/${secret}?data=${secret}`, "/login/[redacted]"],
  ] as const) {
    const refusing = foundryToolbox({
      name: "support",
      projectEndpoint: "https://x.services.ai.azure.com/api/projects/p",
      credential: countingCredential(),
      environment: hostedEnvironment,
      fetch: async () => Response.json({ jsonrpc: "2.0", id: 1, error: { code: -32006, message: link } }),
      onEvent: (event) => void events.push(event),
    });
    const error = await runWithUserContext(callContext("call-1"), () =>
      thrownBy(() => refusing.fetch(refusing.url, { method: "POST", body: "{}" })),
    );
    expect(printed(error)).not.toContain(secret);
    const { origin } = new URL(link);
    expect(events.filter(({ type }) => type === "consent_link_refused")).toEqual([
      { type: "consent_link_refused", from: "toolbox", serverLabel: "support", origin, path },
    ]);
    expect(JSON.stringify(events)).not.toContain(secret);
    events.length = 0;
  }
});

it("a policy says it all: entraConsent beside it is refused", () => {
  expect(() =>
    foundryToolbox({
      name: "support",
      projectEndpoint: usGov,
      entraConsent,
      policy: consentLinkPolicy({ allowedOrigins: [] }),
    }),
  ).toThrow(
    expect.objectContaining({
      code: "invalid_option",
      message: expect.stringContaining("entraConsent") as string,
    }),
  );
});

describe("where a link may lead", () => {
  const asks = async (
    consentLink: string,
    options: Partial<FoundryToolboxOptions> = {},
  ): Promise<"asked" | "refused"> => {
    const toolbox = foundryToolbox({
      name: "support",
      projectEndpoint: "https://x.services.ai.azure.com/api/projects/p",
      credential: countingCredential(),
      environment: hostedEnvironment,
      fetch: async () =>
        Response.json({ jsonrpc: "2.0", id: 1, error: { code: -32006, message: consentLink } }),
      ...options,
    });
    const context = callContext("call-1");
    const error = await runWithUserContext(context, () =>
      thrownBy(() => toolbox.fetch(toolbox.url, { method: "POST", body: "{}" })),
    );
    const refused = isHostedAgentIdentityError(error) && error.code === "consent_link_refused";
    expect(refused).toBe(context.consentRequests.length === 0);
    return refused ? "refused" : "asked";
  };

  it.each([
    ["https://logic-x.consent.azure-apihub.net/login", {}, "asked"],
    ["https://logic-apis-x.consent.azure-apim.net/login", {}, "asked"],
    ["https://login.microsoftonline.com/common/oauth2/v2.0/authorize", {}, "refused"],
    [entraLink(), {}, "refused"],
    [entraLink(), { entraConsent }, "asked"],
    [entraLink({ scope: "offline_access" }), { entraConsent }, "asked"],
    [entraLink({ client_id: "11111111-2222-4333-8444-555555555555" }), { entraConsent }, "refused"],
    [entraLink({ redirect_uri: "https://evil.example/cb" }), { entraConsent }, "refused"],
    [`${entraLink()}&redirect_uri=https%3A%2F%2Fevil.example%2Fcb`, { entraConsent }, "refused"],
    [`${entraLink()}&Client_Id=11111111-2222-4333-8444-555555555555`, { entraConsent }, "refused"],
    [entraLink().replace("/v2.0/authorize", "/v2.0/logout"), { entraConsent }, "refused"],
    [entraLink().replace("common/", "common/x/"), { entraConsent }, "refused"],
    [entraLink().replace(".com", ".us"), { entraConsent }, "refused"],
    [entraLink().replace(".com", ".us"), { entraConsent, projectEndpoint: usGov }, "asked"],
    ["https://attacker-made.consent.azure-apim.net/login?data=x", {}, "refused"],
    ["https://global.consent.azure-apim.net/redirect?x", {}, "refused"],
    ["https://logic-x.evil.consent.azure-apihub.net/login", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net/", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net/redirect?url=https://evil.example", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net/login/../redirect", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net/login%2F..%2Fredirect", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net/firstPartyLogin?data=x", {}, "refused"],
    ["https://evilconsent.azure-apihub.net/login", {}, "refused"],
    ["https://consent.azure-apihub.net.evil.example/login", {}, "refused"],
    ["https://login.microsoftonline.com.evil.example/", {}, "refused"],
    ["https://evil.example/?https://logic-x.consent.azure-apihub.net/", {}, "refused"],
    ["http://logic-x.consent.azure-apihub.net/login", {}, "refused"],
    ["https://user@logic-x.consent.azure-apihub.net/login", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.net:8443/login", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.us/login", {}, "refused"],
    ["https://logic-x.consent.azure-apihub.us/login", { projectEndpoint: usGov }, "asked"],
    ["https://logic-x.consent.azure-apihub.net/login", { projectEndpoint: usGov }, "refused"],
    ["http://127.0.0.1:4001/consent", {}, "refused"],
    ["http://127.0.0.1:4001/consent", { projectEndpoint: emulator }, "asked"],
    ["http://evil.example/consent", { projectEndpoint: emulator }, "refused"],
    ["https://evil.example/consent", { projectEndpoint: emulator }, "refused"],
    [
      "https://auth.partner.example/consent",
      { policy: consentLinkPolicy({ allowedOrigins: ["https://auth.partner.example"] }) },
      "asked",
    ],
    [
      "https://logic-x.consent.azure-apihub.net/login",
      { policy: consentLinkPolicy({ allowedOrigins: [] }) },
      "refused",
    ],
  ] as const)("%s %j: %s", async (consentLink, options, expected) => {
    expect(await asks(consentLink, options)).toBe(expected);
  });
});

describe("a turn", () => {
  it("is a consent turn even when the framework makes text of the error", async () => {
    const { toolbox } = await world({ refuse: refusing("tools/call", { code: -32006, message: link }) });
    const shown: string[] = [];
    const result = await runWithUserContext(callContext("call-1"), () =>
      runTurn(async () => {
        const client = await openClient("v1", toolbox.url, { fetch: toolbox.fetch });
        await whoami(client).catch((error: unknown) => shown.push(String(error)));
        return "Sorry, that did not work.";
      }),
    );
    expect(result).toMatchObject({ status: "consent_required", requests: [{ link }] });
    expect(shown.join()).not.toContain(secret);
  });

  it("asks for what two toolboxes listed side by side want, in one go", async () => {
    const slow = await world({
      refuse: refusing("tools/list", {
        code: -32006,
        message: listing(entry("CONSENT_REQUIRED", other, "travel")),
      }),
      intercept: async ({ rpc }) => {
        if (rpc === "tools/list") await new Promise((done) => setTimeout(done, 150));
        return false;
      },
    });
    const fast = await world({
      refuse: refusing("tools/list", { code: -32006, message: listing(entry("CONSENT_REQUIRED", link)) }),
    });
    const result = await runWithUserContext(callContext("call-1"), () =>
      runTurn(async ({ signal }) => {
        const list = async ({ toolbox }: World): Promise<unknown> =>
          (await openClient("v2-legacy", toolbox.url, { fetch: toolbox.fetch })).listTools();
        const both = Promise.all([list(fast), list(slow)]);
        both.catch(() => {});
        await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        );
      }),
    );
    expect(result).toMatchObject({ status: "consent_required" });
    if (result.status !== "consent_required") return;
    expect(result.requests.map(({ serverLabel }) => serverLabel)).toEqual(["people", "travel"]);
  });
});

describe("a source that failed", () => {
  it.each([
    [
      listing(entry("HTTP_400", `Connection resolution failed, see ${link}`, "workiq")),
      '"workiq" (HTTP_400)',
      "config",
    ],
    [listing(entry("HTTP_503", "down", "crm")), '"crm" (HTTP_503)', "retry"],
    [listing(entry("bad code!", "x", "a\u0000b")), '"support"', "config"],
    ["ARA OBO token request failed with status BadRequest", '"support"', "config"],
    [listing(entry("CONSENT_REQUIRED", "no link in it", "people")), '"people" (CONSENT_REQUIRED)', "config"],
  ])("is named: %s", async (message, named, category) => {
    for (const code of [-32007, ...(message.includes("CONSENT") ? [-32006] : [])]) {
      const { toolbox } = await world({ refuse: refusing("tools/list", { code, message }) });
      const error = await runWithUserContext(callContext("call-1"), async () => {
        const client = await openClient("v1", toolbox.url, { fetch: toolbox.fetch });
        return thrownBy(() => client.listTools());
      });
      expect(error).toMatchObject({
        code: "toolbox_source_failed",
        category,
        message: `The toolbox "support" failed at ${named}.`,
      });
      expect(printed(error)).not.toContain(secret);
    }
  });
});
