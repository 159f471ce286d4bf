import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  foundryToolbox,
  type IdentityEvent,
  invocations,
  mcpClientPool,
  onBehalfOf,
  type OnEvent,
  responses,
  type RunEvent,
  runWithUserContext,
  type TokenSource,
  userAccess,
  userContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";
import { agentsOutput } from "hosted-agent-identity/openai-agents";
import { openTelemetry } from "hosted-agent-identity/otel";
import { protectMcpServer } from "hosted-agent-identity/server";
import { createSignIn, memoryStore, remoteSignIn, signInApi } from "hosted-agent-identity/sign-in";
import { testUserContext } from "hosted-agent-identity/testing";
import { factories } from "../options/factories.js";
import { contextOf } from "../sign-in/support/contexts.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";

const page = readFileSync(new URL("../../docs/guides/observability.md", import.meta.url), "utf8");
const section =
  page.split(/^## /m).find((part) => part.startsWith("Which process emits which event\n")) ?? "";
const named = [...section.matchAll(/^\| `(\w+)\(\)` \|/gm)].map(([, name = ""]) => name);
/** These take their options behind what a framework streams, and check them themselves. */
const withoutTable = ["aiSdkOutput", "agentsOutput"];

let world: SignInWorld;
beforeAll(async () => {
  world = await signInWorld();
  const consent = { user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] };
  world.entra.grantConsent(consent);
});
afterAll(() => world.entra.close());

const ignored = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

async function drained(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

const unheardOf = async function* (): AsyncGenerator<RunEvent> {
  yield { type: "response.unheard_of" } as unknown as RunEvent;
};

async function answered(handler: (request: Request) => Promise<Response>): Promise<void> {
  const request = new Request("https://agent.example.com/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "hello" }),
  });
  const answer = await runWithUserContext(testUserContext(), () => handler(request));
  await answer.text();
}

const source: TokenSource = {
  kind: "any",
  provesUser: true,
  cacheScope: "",
  usesAssertion: false,
  cached: true,
  skip: () => undefined,
  acquire: async () => ({
    status: "token",
    token: { token: "t", source: "any", expiresAt: Date.now() + 3_600_000 },
  }),
};

const twice = new Headers([["x-client-user-token", "one, two"]]);
const tokenCredential = {
  getToken: async () => ({ token: "t", expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** Something that each of them has to tell. */
const told: Readonly<Record<string, (onEvent: OnEvent) => unknown>> = {
  userTokenVerifier: (onEvent) => ignored(userTokenVerifier({ app: world.app(), onEvent })("a.b.c")),
  userContext: (onEvent) =>
    userContext({ verify: "none", onEvent })(
      new Request("https://agent.example.com/", { headers: twice }),
      () => new Response(),
    ),
  createUserContext: (onEvent) => ignored(createUserContext(twice, { verify: "none", onEvent })),
  protectMcpServer: (onEvent) => {
    const { tenantId, clientId } = world.app();
    const gate = protectMcpServer({
      url: "https://mcp.example.com/mcp",
      app: { tenantId, clientId },
      scopes: ["read"],
      onEvent,
    });
    const headers = { authorization: "Bearer a.b.c" };
    return gate.fetch(
      new Request("https://mcp.example.com/mcp", { method: "POST", headers }),
      () => new Response(),
    );
  },
  async entraApp(onEvent) {
    const { tenantId, clientId } = world.app();
    const app = entraApp({
      tenantId,
      clientId,
      credential: clientSecret("s"),
      cloud: world.entra.cloud,
      onEvent,
      // Without an id token nothing says whose token it is.
      fetch: async () => Response.json({ token_type: "Bearer", access_token: "t", expires_in: 3600 }),
    });
    const ada = await contextOf(world, "Ada");
    await ignored(userAccess(world.contacts, [onBehalfOf(app)]).token(ada));
  },
  userAccess: (onEvent) => userAccess(world.contacts, [source], { onEvent }).token(testUserContext()),
  foundryToolbox(onEvent) {
    const toolbox = foundryToolbox({
      name: "support",
      projectEndpoint: "https://x.services.ai.azure.com/api/projects/p",
      environment: { hosted: true },
      credential: tokenCredential,
      onEvent,
      fetch: async () => Response.json({}),
    });
    const context = testUserContext({ platform: { hosted: true, callId: "call" } });
    return ignored(toolbox.as(context).fetch(toolbox.url));
  },
  async mcpClientPool(onEvent) {
    const pool = mcpClientPool({ open: async () => ({}), close: async () => undefined, onEvent });
    await runWithUserContext(testUserContext(), () => pool.use(() => undefined));
    await pool.close();
  },
  withConsent: (onEvent) => drained(withConsent(unheardOf, { context: testUserContext(), onEvent })),
  responses: (onEvent) => answered(responses(unheardOf, { onEvent })),
  invocations: (onEvent) => answered(invocations(unheardOf, { onEvent })),
  async aiSdkOutput(onEvent) {
    const fullStream = (async function* () {
      yield { type: "unheard-of" };
    })();
    await ignored(drained(aiSdkOutput({ fullStream } as never, { onEvent })));
  },
  async agentsOutput(onEvent) {
    const run = Object.assign(
      (async function* () {
        yield { type: "unheard-of" };
      })(),
      { completed: Promise.resolve() },
    );
    await ignored(drained(agentsOutput(run as never, { onEvent })));
  },
  async createSignIn(onEvent) {
    const signIn = createSignIn({
      app: world.app(),
      publicUrl: "https://agent.example.com/sign-in",
      resources: [world.contacts],
      store: memoryStore({ quiet: true }),
      encryptionKeys: [Buffer.alloc(32, 1)],
      onEvent,
    });
    const until = new Date(Date.now() + 60_000);
    await signIn.longRunning(await contextOf(world, "Ada"), { purpose: "a report", until });
  },
  async memoryStore(onEvent) {
    const store = memoryStore({ onEvent });
    await store.start?.();
    await store.get("any");
  },
  signInApi(onEvent) {
    const app = world.app();
    const signIn = createSignIn({
      app,
      publicUrl: "https://agent.example.com/sign-in",
      resources: [world.contacts],
      store: memoryStore({ quiet: true }),
      encryptionKeys: [Buffer.alloc(32, 1)],
    });
    const agents = [
      { name: "agent", clientIds: [world.entra.app("mail").clientId], signIn, resources: [world.contacts] },
    ];
    const api = signInApi({ app, verify: userTokenVerifier({ app }), agents, onEvent });
    return api(new Request("https://sign-in.example.com/v1/tokens", { method: "POST" }));
  },
  remoteSignIn(onEvent) {
    const remote = remoteSignIn({
      url: "https://sign-in.example.com",
      scope: "api://sign-in/.default",
      credential: tokenCredential,
      onEvent,
      fetch: async () => new Response("hello"),
    });
    const signedOut = contextOf(world, "Ada").then((ada) => remote.signOut(ada));
    return ignored(signedOut);
  },
  openTelemetry: (onEvent) => openTelemetry({ onEvent })({ type: "sign_in_store_volatile" }),
};

describe("the sources of events that the guide names", () => {
  it("are those whose options have onEvent, and no others", () => {
    const taking = Object.values(factories)
      .flatMap((entry) => Object.entries(entry))
      .filter(([, { table }]) => table !== undefined && "onEvent" in table)
      .map(([name]) => name);
    expect(named.toSorted()).toEqual([...new Set([...taking, ...withoutTable])].toSorted());
  });

  it.each(named)("%s() tells something", async (name) => {
    const events: IdentityEvent[] = [];
    await told[name]?.((event) => void events.push(event));
    expect(events.length).toBeGreaterThan(0);
  });

  it("tell what the guide says they do", async () => {
    const rows = [...section.matchAll(/^\| `(\w+)\(\)` \| (.*) \|$/gm)];
    let checked = 0;
    for (const [, name = "", says = ""] of rows) {
      const types = [...says.matchAll(/`([a-z_]+)`/g)].map(([, type = ""]) => type);
      if (types.length === 0) continue;
      const events: IdentityEvent[] = [];
      await told[name]?.((event) => void events.push(event));
      const known = [...types, ...grantsAndWork];
      expect(events.filter(({ type }) => !known.includes(type))).toEqual([]);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(8);
  });
});

/** What "grants, long-running work" in the table stands for. */
const grantsAndWork = ["grant_stored", "grant_ended", "grant_at_risk", "long_running_started"];
