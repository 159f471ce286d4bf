import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  foundryToolbox,
  type FoundryToolbox,
  type FoundryToolboxOptions,
  getUserContext,
  type ResponsesRun,
  runWithUserContext,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/node";
import {
  type EntraEmulator,
  type FoundryEmulator,
  type FoundryOptions,
  startEntra,
  startFoundry,
  type ToolboxOptions,
  type ToolSourceOptions,
} from "hosted-agent-identity/testing";
import { openClient, type ClientKind, type RealClient } from "../support/mcp-clients.js";
import { startMcpServer, type McpTestServer } from "../support/mcp-servers.js";

/**
 * An agent as it is deployed: on a port, behind the gateway, with the container's environment and its managed
 * identity through `@azure/identity`. Nothing of it knows that Foundry is emulated.
 */
const userCount = 50;
let entra: EntraEmulator;
let contacts: McpTestServer;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "chat", secrets: ["chat-secret"] },
      { name: "connector", secrets: ["connector-secret"] },
      { name: "contacts", scopes: ["contacts.read"] },
    ],
    users: [
      { name: "Ada" },
      { name: "Grace" },
      ...Array.from({ length: userCount }, (_, n) => ({ name: `user${n}` })),
    ],
    managedIdentities: [{ name: "agent identity", systemAssigned: true }],
  });
  entra.grantConsent({
    allUsers: true,
    client: "connector",
    resource: "contacts",
    scopes: ["contacts.read"],
  });
  const tenantId = entra.tenants[0]?.id ?? "";
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${tenantId}/discovery/v2.0/keys`));
  contacts = await startMcpServer({
    kind: "v1-stateless",
    whose: async (token) => {
      const verified = await jwtVerify(token, keys, {
        audience: entra.app("contacts").clientId,
        issuer: `${entra.origin}/${tenantId}/v2.0`,
      }).catch(() => undefined);
      return verified === undefined ? undefined : String(verified.payload["oid"]);
    },
  });
});
afterAll(async () => {
  await contacts?.close();
  await entra?.close();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
  contacts.seen.length = 0;
});

interface World {
  readonly foundry: FoundryEmulator;
  readonly toolbox: FoundryToolbox;
  /** Asks the agent as a person. */
  ask(user: string, more?: Record<string, unknown>): Promise<ResponseBody>;
}

interface ResponseBody {
  readonly id: string;
  readonly status: string;
  readonly incomplete_details: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: readonly {
    readonly type: string;
    readonly consent_link?: string;
    readonly server_label?: string;
    readonly content?: readonly { readonly text: string }[];
  }[];
}

interface WorldOptions {
  readonly source?: Partial<ToolSourceOptions>;
  readonly toolbox?: Partial<ToolboxOptions>;
  readonly foundry?: Partial<FoundryOptions>;
  readonly options?: Partial<FoundryToolboxOptions>;
  readonly agent?: (toolbox: FoundryToolbox) => ResponsesRun;
}

async function world({
  source,
  toolbox: box,
  foundry: more,
  options,
  agent = perTurn("v1"),
}: WorldOptions = {}): Promise<World> {
  const people: ToolSourceOptions = {
    name: "people",
    url: contacts.url,
    auth: {
      type: "oauth2",
      app: "connector",
      scopes: [`api://${entra.app("contacts").clientId}/contacts.read`, "offline_access"],
    },
    ...source,
  };
  const foundry = await startFoundry({
    entra,
    consentLinks: "platform",
    toolboxes: [{ name: "support", sources: [people], ...box }],
    ...more,
  });
  closers.push(foundry.close);
  for (const [name, value] of Object.entries(foundry.env)) vi.stubEnv(name, value);
  const toolbox = foundryToolbox({ name: "support", ...options });
  closers.push(toolbox.close);
  foundry.connectAgent(await container(agent(toolbox)));
  return {
    foundry,
    toolbox,
    async ask(user, body = {}) {
      const token = await entra.issueUserToken({ user, app: "https://ai.azure.com", client: "chat" });
      const answer = await fetch(foundry.responsesUrl, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ input: "Who am I?", ...body }),
      });
      return (await answer.json()) as ResponseBody;
    },
  };
}

/** The agent's HTTP server. It takes no user tokens: Foundry knows the user. */
async function container(run: ResponsesRun): Promise<string> {
  const asUser = userContext({ verify: "none" });
  const handle = responses(run);
  const server = createServer((request, response) => {
    if (request.url === "/readiness") return void response.end("ok");
    return void asUser(request, response, () => void handle(request, response));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((done) => server.close(() => done()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const connect = (toolbox: FoundryToolbox, kind: ClientKind): Promise<RealClient> =>
  openClient(kind, toolbox.url, { fetch: toolbox.fetch });

async function whoSays(client: RealClient): Promise<string> {
  const { content } = (await client.callTool({ name: "people.whoami", arguments: { nonce: "n" } })) as {
    content: { text: string }[];
  };
  return (JSON.parse(content[0]?.text ?? "null") as { caller: string }).caller;
}

/** A client for each turn, and an answer that says who the MCP server saw. */
function perTurn(kind: ClientKind): (toolbox: FoundryToolbox) => ResponsesRun {
  return (toolbox) =>
    async function* () {
      const client = await connect(toolbox, kind);
      await client.listTools();
      yield await whoSays(client);
      await client.close();
    };
}

const linkIn = ({ output }: ResponseBody): string =>
  output.find(({ type }) => type === "oauth_consent_request")?.consent_link ?? "";
const textIn = ({ output }: ResponseBody): string =>
  output
    .flatMap(({ content }) => content ?? [])
    .map(({ text }) => text)
    .join("");
/** What the agent did against the contract on its way to the toolbox. */
const violations = (foundry: FoundryEmulator): unknown[] =>
  foundry.log.flatMap(({ side, violations = [] }) => (side === "toolbox" ? violations : []));

describe.each<[ClientKind, "stream" | "json"]>([
  ["v1", "stream"],
  ["v1", "json"],
  ["v2-legacy", "stream"],
  ["v2-legacy", "json"],
])("an agent with SDK %s, answered as %s", (kind, answers) => {
  it.each(["initialize", "tools/list"] as const)(
    "asks for consent at %s, and resumes as the person",
    async (consentAt) => {
      const { foundry, ask } = await world({ toolbox: { answers, consentAt }, agent: perTurn(kind) });
      const first = await ask("Ada");
      expect(first).toMatchObject({ status: "incomplete", error: null });
      expect(first.incomplete_details ?? null).toBeNull();
      expect(first.output).toMatchObject([{ type: "oauth_consent_request", server_label: "people" }]);
      expect(contacts.seen).toEqual([]);
      await foundry.giveConsent({ link: linkIn(first), user: "Ada" });
      const second = await ask("Ada", { previous_response_id: first.id });
      expect([second.status, textIn(second)]).toEqual(["completed", entra.user("Ada").oid]);
      expect(violations(foundry)).toEqual([]);
      expect(foundry.log.filter(({ side, status }) => side === "toolbox" && status >= 400)).toEqual([]);
    },
  );
});

describe("consent that is noticed only at the call", () => {
  it.each(["link", "prose"] as const)("is asked for with %s as the message", async (consentMessage) => {
    const { foundry, ask } = await world({
      source: { tools: [{ name: "whoami" }] },
      toolbox: { consentMessage },
    });
    const first = await ask("Ada");
    expect(first.status).toBe("incomplete");
    await foundry.giveConsent({ link: linkIn(first), user: "Ada" });
    const second = await ask("Ada", { previous_response_id: first.id });
    expect(textIn(second)).toBe(entra.user("Ada").oid);
    expect(contacts.seen.filter(({ rpc }) => rpc === "tools/call")).toHaveLength(1);
  });
});

describe("azure-sdk-for-net#58001 over HTTP", () => {
  it("one person's consent is not another's, in either direction", async () => {
    const { foundry, ask } = await world();
    const ada = await ask("Ada");
    await foundry.giveConsent({ link: linkIn(ada), user: "Ada" });
    expect(textIn(await ask("Ada"))).toBe(entra.user("Ada").oid);
    const grace = await ask("Grace");
    expect([
      grace.status,
      contacts.seen.filter(({ rpc, caller }) => rpc === "tools/call" && caller === entra.user("Grace").oid),
    ]).toEqual(["incomplete", []]);
    await foundry.giveConsent({ link: linkIn(grace), user: "Grace" });
    expect(textIn(await ask("Grace"))).toBe(entra.user("Grace").oid);
    expect(textIn(await ask("Ada"))).toBe(entra.user("Ada").oid);
  });
});

describe("agent-framework#8379 over HTTP", () => {
  it("the link of a request is the person's own, and nobody else can use it", async () => {
    const { foundry, ask } = await world();
    const first = await ask("Ada");
    await expect(foundry.giveConsent({ link: linkIn(first), user: "Grace" })).rejects.toMatchObject({
      code: "invalid_option",
    });
    const second = await ask("Ada");
    await foundry.giveConsent({ link: linkIn(second), user: "Ada" });
    expect(textIn(await ask("Ada"))).toBe(entra.user("Ada").oid);
  });

  it("nothing is asked of the toolbox without a person: not at startup", async () => {
    const { foundry, toolbox } = await world();
    await expect(connect(toolbox, "v1")).rejects.toMatchObject({ code: "no_user_context" });
    expect(foundry.log.filter(({ side }) => side === "toolbox")).toEqual([]);
  });

  it("what the platform itself binds to the container no client can mend: the link ends in an error", async () => {
    const { foundry, ask } = await world({ toolbox: { consentFor: "container" } });
    const first = await ask("Ada");
    await expect(foundry.giveConsent({ link: linkIn(first), user: "Ada" })).rejects.toMatchObject({
      code: "invalid_option",
    });
  });
});

describe("50 people on one client", () => {
  const shared =
    (kind: ClientKind) =>
    (toolbox: FoundryToolbox): ResponsesRun => {
      let opened: Promise<RealClient> | undefined;
      return async function* () {
        opened ??= connect(toolbox, kind);
        const client = await opened;
        for (let n = 0; n < 3; n += 1) yield `${await whoSays(client)} `;
      };
    };

  it.each<[ClientKind, Partial<WorldOptions>]>([
    ["v1", { toolbox: { sessions: "none" } }],
    ["v2-legacy", { toolbox: { sessions: "none" } }],
    ["v1", { toolbox: { sessions: "agent" }, options: { sharedSessions: "allow" } }],
  ])(
    "of SDK %s get their own data, whoever connected it (%j)",
    async (kind, options) => {
      const { foundry, ask } = await world({ ...options, agent: shared(kind) });
      const users = Array.from({ length: userCount }, (_, n) => `user${n}`);
      for (const user of users) {
        const first = await ask(user);
        expect(first.status).toBe("incomplete");
        await foundry.giveConsent({ link: linkIn(first), user });
      }
      const answers = await Promise.all(users.map(async (user) => [user, textIn(await ask(user))] as const));
      const crossed = answers.filter(
        ([user, text]) => text.trim() !== Array(3).fill(entra.user(user).oid).join(" "),
      );
      expect(crossed).toEqual([]);
      expect(foundry.log.filter(({ side, rpc }) => side === "toolbox" && rpc === "initialize")).toHaveLength(
        1,
      );
      expect(foundry.log.filter(({ refusal }) => refusal?.startsWith("call_id"))).toEqual([]);
      expect(violations(foundry)).toEqual([]);
    },
    60_000,
  );

  it("are refused another's MCP session unless the developer allows it", async () => {
    const { ask } = await world({
      agent: shared("v1"),
      source: { auth: { type: "none" }, tools: [{ name: "whoami" }] },
    });
    await ask("Ada");
    const grace = await ask("Grace");
    expect([grace.status, grace.error?.code]).toEqual(["failed", "shared_session"]);
  });
});

describe("when the platform is not well", () => {
  it("waits as it is told, and a call is made once", async () => {
    const { foundry, ask } = await world();
    await foundry.giveConsent({ link: linkIn(await ask("Ada")), user: "Ada" });
    for (const rpc of ["initialize", "tools/list", "tools/call"]) {
      foundry.addFault({ on: "toolbox", kind: "throttled", retryAfterS: 0, rpc });
    }
    foundry.addFault({ on: "toolbox", kind: "internal", rpc: "tools/list" });
    expect(textIn(await ask("Ada"))).toBe(entra.user("Ada").oid);
    expect(contacts.seen.filter(({ rpc }) => rpc === "tools/call")).toHaveLength(1);
  });

  it("does not call a tool again after an error in the middle", async () => {
    const { foundry, ask } = await world();
    await foundry.giveConsent({ link: linkIn(await ask("Ada")), user: "Ada" });
    foundry.addFault({ on: "toolbox", kind: "internal", rpc: "tools/call" });
    const before = foundry.log.length;
    expect((await ask("Ada")).status).toBe("failed");
    const calls = foundry.log
      .slice(before)
      .filter(({ side, rpc }) => side === "toolbox" && rpc === "tools/call");
    expect(calls).toHaveLength(1);
  });

  it("names the source that failed, and asks nobody to consent for it", async () => {
    const { foundry, ask } = await world({ source: { failing: { code: "CONNECTION_FAILED" } } });
    const failed = await ask("Ada");
    expect(failed).toMatchObject({
      status: "failed",
      error: {
        code: "toolbox_source_failed",
        message: expect.stringContaining('"people" (CONNECTION_FAILED)') as string,
      },
    });
    expect(violations(foundry)).toEqual([]);
  });

  it("azure-sdk-for-net#59767: user_entra_token for a server of one's own is such a failure", async () => {
    const { ask } = await world({ source: { auth: { type: "user_entra_token" } } });
    expect(await ask("Ada")).toMatchObject({ status: "failed", error: { code: "toolbox_source_failed" } });
  });
});

describe("at home, without the gateway", () => {
  it("the developer's own identity answers, with the developer's own grants", async () => {
    const { foundry } = await world();
    vi.unstubAllEnvs();
    const credential = {
      getToken: async () => ({
        token: await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" }),
        expiresOnTimestamp: Date.now() + 3_600_000,
      }),
    };
    const toolbox = foundryToolbox({
      name: "support",
      projectEndpoint: foundry.projectEndpoint,
      credential,
      environment: { hosted: false, developer: true },
    });
    closers.push(toolbox.close);
    const ask = async (): Promise<string> => {
      const url = await container(async function* () {
        expect(toolbox.explain(getUserContext()).sources[0]?.detail).toContain("developer's own identity");
        yield* perTurn("v2-legacy")(toolbox)({} as never) as AsyncIterable<string>;
      });
      const answer = await fetch(`${url}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-agent-foundry-call-id": "forged" },
        body: JSON.stringify({ input: "Who am I?" }),
      });
      const body = (await answer.json()) as ResponseBody;
      return body.status === "completed" ? textIn(body) : linkIn(body);
    };
    // The page of the emulator is on this machine; the link is as the platform's.
    await foundry.giveConsent({ link: await ask(), user: "Ada" });
    expect(await ask()).toBe(entra.user("Ada").oid);
    expect(foundry.log.filter(({ callId }) => callId === "forged")).toEqual([]);
  });
});

it("a turn that is over has no call id any more", async () => {
  let late: (() => Promise<unknown>) | undefined;
  const { foundry, ask } = await world({
    source: { auth: { type: "none" }, tools: [{ name: "whoami" }] },
    toolbox: { sessions: "none" },
    agent: (toolbox) =>
      async function* () {
        const client = await connect(toolbox, "v1");
        const context = getUserContext();
        late = () => runWithUserContext(context, () => client.listTools());
        yield "done";
      },
  });
  expect((await ask("Ada")).status).toBe("completed");
  const before = foundry.log.length;
  await expect((async () => late?.())()).rejects.toMatchObject({ code: "context_ended" });
  expect(foundry.log.length).toBe(before);
});
