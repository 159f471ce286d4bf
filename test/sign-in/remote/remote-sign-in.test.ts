import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ManagedIdentityCredential } from "@azure/identity";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  ConsentRequest,
  ConsentRequiredError,
  createUserContext,
  entraApp,
  type EntraApp,
  isConsentRequiredError,
  protectedResource,
  type TokenSource,
  userAccess,
  UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import {
  type Redeemed,
  remoteSignIn,
  type RemoteSignIn,
  signInApi,
  type SignInApi,
} from "hosted-agent-identity/sign-in";
import { type EntraEmulator, startEntra, testUserContext } from "hosted-agent-identity/testing";

const link = "https://sign-in.example.com/start?ticket=a-secret-ticket-that-no-log-may-show";
const project = "https://foundry.example.com/projects/p";
const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/access_as_user"],
  audiences: ["api://contacts"],
});

const account = { tid: "a-tenant", oid: "an-object-id", username: "ada@example.com" };

/** What the service says to each message. */
const answers: ReadonlyMap<string, Redeemed> = new Map<string, Redeemed>([
  ["hello", { status: "not_a_code" }],
  ["a wrong code", { status: "wrong_code", triesLeft: 3, say: "That code is not right." }],
  ["a code", { status: "confirm", account, serverLabel: "contacts", say: "Is it yours?" }],
  ["yes", { status: "bound", account, serverLabel: "contacts", say: "Connected.", prompt: "Who am I?" }],
  ["yes, later", { status: "bound", account, serverLabel: "contacts", say: "Connected." }],
  ["an old code", { status: "refused", reason: "expired", say: "That code has expired." }],
]);

let entra: EntraEmulator;
let app: EntraApp;
let signedIn: Set<string>;
let signedOut: string[];
let heard: unknown[][];
let kept: unknown[][];
let settled: unknown[][];
let usableMs: number | undefined;
let url: string;
let stop: () => Promise<void>;

// One emulator for all: MSAL remembers the first managed identity endpoint of a process.
beforeAll(async () => {
  entra = await startEntra({
    apps: [{ name: "service", scopes: ["chat"], secrets: ["s"] }, { name: "other" }],
    users: [{ name: "Ada" }, { name: "Grace" }],
    managedIdentities: [{ name: "agent" }, { name: "stranger" }],
  });
  app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("service").clientId,
    credential: clientSecret("s"),
    cloud: entra.cloud,
  });
  vi.stubEnv("IDENTITY_ENDPOINT", entra.managedIdentity.env.IDENTITY_ENDPOINT);
  vi.stubEnv("IDENTITY_HEADER", entra.managedIdentity.env.IDENTITY_HEADER);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await entra.close();
});

beforeEach(async () => {
  signedIn = new Set();
  signedOut = [];
  heard = [];
  kept = [];
  settled = [];
  usableMs = undefined;
  const api = signInApi({ app, verify: userTokenVerifier({ app }), agents: [agent("agent", project)] });
  ({ url, stop } = await serve(api));
});
afterEach(() => stop());

/** What a sign-in does, reduced to who has signed in. The flows themselves have their own tests. */
function tokensOfSignedIn(): TokenSource {
  return {
    kind: "sign_in",
    provesUser: true,
    cacheScope: "",
    usesAssertion: false,
    cached: false,
    skip: () => undefined,
    async acquire({ context }) {
      const key = context.principalKey ?? "";
      if (signedIn.has(key))
        return {
          status: "token",
          token: {
            token: `token of ${key}`,
            expiresAt: Date.now() + 3_600_000,
            source: "sign_in",
            ...(usableMs === undefined ? {} : { useUntil: Date.now() + usableMs }),
          },
        };
      const requests = [new ConsentRequest({ link, serverLabel: "contacts", reason: "sign_in" })];
      return { status: "needs", error: new ConsentRequiredError(requests), requests };
    },
  };
}

function agent(identity: string, platformProject?: string) {
  const found = entra.managedIdentity.identities.find(({ name }) => name === identity);
  return {
    name: identity,
    clientIds: [found?.clientId ?? ""],
    resources: [resource],
    signIn: {
      tokens: tokensOfSignedIn,
      redeem: async (context: UserContext, text: string): Promise<Redeemed> => {
        heard.push([context.principalKey, context.platform.conversationId, text]);
        return answers.get(text) ?? { status: "not_a_code" };
      },
      keepPrompt: async (context: UserContext, prompt: string) =>
        void kept.push([context.principalKey, context.platform.conversationId, prompt]),
      settle: async (context: UserContext, end: string) =>
        void settled.push([context.principalKey, context.platform.conversationId, end]),
      signOut: async (principal: object) => void signedOut.push(JSON.stringify(principal)),
    },
    ...(platformProject === undefined ? {} : { platformProject }),
  };
}

async function serve(api: SignInApi): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = new Headers(request.headers as Record<string, string>);
    const { method = "GET" } = request;
    const body = method === "POST" ? { body: Buffer.concat(chunks) } : {};
    const reply =
      (await api(new Request(`http://service${request.url}`, { method, headers, ...body }))) ??
      new Response(null, { status: 404 });
    response.writeHead(reply.status, Object.fromEntries(reply.headers)).end(await reply.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: close };
}

function remote(identity = "agent", more: { readonly timeoutMs?: number } = {}): RemoteSignIn {
  const clientId = entra.managedIdentity.identities.find(({ name }) => name === identity)?.clientId ?? "";
  return remoteSignIn({
    url,
    credential: new ManagedIdentityCredential({ clientId }),
    scope: `api://${app.clientId}/.default`,
    ...more,
  });
}

async function person(user: string): Promise<UserContext> {
  const userToken = await entra.issueUserToken({ user, app: "service" });
  return createUserContext({ userToken }, { verify: userTokenVerifier({ app }) });
}

function platformPerson(id: string, conversationId?: string): UserContext {
  return new UserContext({
    principal: { kind: "platform", project, agent: "agent", id },
    platform: { hosted: true, userId: id, ...(conversationId === undefined ? {} : { conversationId }) },
    clientHeaders: {},
    trace: {},
  });
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "it went through",
    (cause: unknown) => cause,
  );

describe("an agent that holds no grant, no key and no client credential", () => {
  it("gets the link for its person, then that person's token, and nobody else's", async () => {
    const contacts = userAccess(resource, [remote().tokens()]);
    const [ada, grace] = [await person("Ada"), await person("Grace")];
    const error = await failure(contacts.token(ada));
    if (!isConsentRequiredError(error)) throw error;
    expect(error.requests.map((one) => [one.link, one.reason])).toEqual([[link, "sign_in"]]);
    expect(JSON.stringify(error)).not.toContain("a-secret-ticket");

    signedIn.add(ada.principalKey ?? "");
    const again = await person("Ada");
    expect((await contacts.token(again)).token).toBe(`token of ${ada.principalKey}`);
    expect(isConsentRequiredError(await failure(contacts.token(grace)))).toBe(true);
  });

  it("names its person by the platform's id where the service lists the agent's project", async () => {
    const contacts = userAccess(resource, [remote().tokens()]);
    const someone = platformPerson("user-1");
    signedIn.add(someone.principalKey ?? "");
    expect((await contacts.token(someone)).token).toBe(`token of ${someone.principalKey}`);
    expect(isConsentRequiredError(await failure(contacts.token(platformPerson("user-2"))))).toBe(true);
  });

  it("may not name people by the platform's id where it is not declared", async () => {
    await stop();
    ({ url, stop } = await serve(
      signInApi({ app, verify: userTokenVerifier({ app }), agents: [agent("agent")] }),
    ));
    const contacts = userAccess(resource, [remote().tokens()]);
    expect(await failure(contacts.token(platformPerson("user-1")))).toMatchObject({
      code: "user_not_identified",
    });
  });

  it.each([...answers])("hands the newest message over, and is told what it was: %s", async (text, said) => {
    const someone = platformPerson("user-1", "conversation-1");
    expect(await remote().redeem(someone, text)).toEqual(said);
    expect(heard).toEqual([[someone.principalKey, "conversation-1", text]]);
  });

  it("keeps nothing and asks nothing for somebody known by a token, who has no code to type", async () => {
    const ada = await person("Ada");
    expect(await remote().redeem(ada, "ABC-D2E-FGH")).toEqual({ status: "not_a_code" });
    await remote().keepPrompt(ada, "Who am I?");
    await remote().settle(ada, "answered");
    expect([heard, kept, settled]).toEqual([[], [], []]);
  });

  it("lets the service keep a long prompt, in its conversation", async () => {
    const someone = platformPerson("user-1", "conversation-1");
    const prompt = "\u{1f600}".repeat(50_000);
    await remote().keepPrompt(someone, prompt);
    expect(kept).toEqual([[someone.principalKey, "conversation-1", prompt]]);
  });

  it("tells the service how the turn of a message ended, also when its context has", async () => {
    const someone = platformPerson("user-1", "conversation-1");
    someone.end();
    await remote().settle(someone, "sending");
    await remote().settle(someone, "answered");
    await remote().settle(someone, "failed");
    expect(settled.map(([, conversation, end]) => [conversation, end])).toEqual([
      ["conversation-1", "sending"],
      ["conversation-1", "answered"],
      ["conversation-1", "failed"],
    ]);
  });

  it("takes nothing for an answer that no sign-in service writes", async () => {
    for (const reply of [{}, { status: "bound", say: "yes" }, { status: "refused", say: "", reason: "x" }]) {
      await stop();
      ({ url, stop } = await serve(async () => Response.json(reply)));
      expect(await failure(remote().redeem(platformPerson("user-1"), "hello"))).toMatchObject({
        code: "sign_in_service_unavailable",
      });
    }
  });

  it("asks again when the service would, and after a minute at the latest", async () => {
    for (const [left, kept] of [
      [5_000, 5_000],
      [3_600_000, 60_000],
      [undefined, 60_000],
    ] as const) {
      await stop();
      ({ url, stop } = await serve(async () =>
        Response.json({
          status: "token",
          access_token: "t",
          expires_at: Date.now() + 3_600_000,
          use_for_ms: left,
        }),
      ));
      const before = Date.now();
      const { useUntil = 0 } = await userAccess(resource, [remote().tokens()]).token(
        platformPerson("user-1"),
      );
      expect(useUntil - before).toBeGreaterThanOrEqual(kept);
      expect(useUntil - before).toBeLessThan(kept + 5_000);
    }
  });

  it("passes on how long the service itself may keep the token", async () => {
    const someone = platformPerson("user-1");
    signedIn.add(someone.principalKey ?? "");
    usableMs = 20_000;
    const { useUntil = 0 } = await userAccess(resource, [remote().tokens()]).token(someone);
    expect(useUntil).toBeLessThanOrEqual(Date.now() + 20_000);
  });

  it("refuses a platform user id that nobody has said to be one person's, and explain() says so", async () => {
    const undeclared = new UserContext({
      platform: { hosted: true, userId: "user-1" },
      clientHeaders: {},
      trace: {},
    });
    const contacts = userAccess(resource, [remote().tokens()]);
    expect(await failure(contacts.token(undeclared))).toMatchObject({ code: "user_not_identified" });
    expect(JSON.stringify(contacts.explain(undeclared))).toContain("platformUserId");
  });

  it("sends no user token that is meant for a resource", async () => {
    const forResource = testUserContext({ use: "resource" });
    const contacts = userAccess(resource, [remote().tokens()]);
    expect(await failure(contacts.token(forResource))).toMatchObject({ code: "no_token" });
    expect(await failure(remote().signOut(forResource))).toMatchObject({ code: "user_not_identified" });
  });

  it("signs its person out", async () => {
    const ada = await person("Ada");
    await remote().signOut(ada);
    expect(signedOut).toEqual([JSON.stringify(ada.principal)]);
  });

  it("says when the service cannot be reached, or something else answers", async () => {
    const contacts = userAccess(resource, [remote().tokens()]);
    await stop();
    expect(await failure(contacts.token(await person("Ada")))).toMatchObject({
      code: "sign_in_service_unavailable",
      category: "retry",
    });
    const server = createServer((_request, response) => void response.end("<h1>hello</h1>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stop = () => new Promise((resolve) => server.close(() => resolve()));
    const other = userAccess(resource, [remote().tokens()]);
    expect(await failure(other.token(await person("Grace")))).toMatchObject({
      code: "sign_in_service_unavailable",
    });
    server.closeAllConnections();
  });

  it("a service that takes the request and never answers is given up after timeoutMs", async () => {
    await stop();
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    stop = () => new Promise((resolve) => silent.close(() => resolve()));
    const contacts = userAccess(resource, [remote("agent", { timeoutMs: 50 }).tokens()]);
    expect(await failure(contacts.token(await person("Ada")))).toMatchObject({
      code: "sign_in_service_unavailable",
      message: expect.stringContaining("50 ms"),
    });
    silent.closeAllConnections();
  });
});

describe("who may call the service", () => {
  const call = (
    authorization: string | undefined,
    body: unknown,
    path = "tokens",
    method = "POST",
  ): Promise<Response> =>
    fetch(`${url}/v1/${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {}),
    });
  const code = async (response: Response): Promise<string> =>
    ((await response.json()) as { error: { code: string } }).error.code;
  const ownToken = async (
    identity = "agent",
    audience = `api://${app.clientId}/.default`,
  ): Promise<string> => {
    const clientId = entra.managedIdentity.identities.find(({ name }) => name === identity)?.clientId ?? "";
    return `Bearer ${(await new ManagedIdentityCredential({ clientId }).getToken(audience)).token}`;
  };

  it.each<[string, () => Promise<string | undefined>]>([
    ["nobody", async () => undefined],
    ["an identity that is not listed", () => ownToken("stranger")],
    ["a person's token", async () => `Bearer ${await entra.issueUserToken({ user: "Ada", app: "service" })}`],
    [
      "a token for another service",
      async () => `Bearer ${await entra.issueAppToken({ app: "other", client: "service" })}`,
    ],
    ["a token that is none", async () => "Bearer a.b.c"],
  ])("not %s", async (_who, authorization) => {
    const response = await call(await authorization(), {
      user: { platform_user_id: "x" },
      server_label: "contacts",
    });
    expect([response.status, await code(response)]).toEqual([403, "agent_not_identified"]);
  });

  it.each<[string, unknown, number, string]>([
    [
      "a resource of another agent",
      { user: { platform_user_id: "x" }, server_label: "payroll" },
      400,
      "invalid_option",
    ],
    [
      "scopes beyond the resource's",
      { user: { platform_user_id: "x" }, server_label: "contacts", scopes: ["api://contacts/admin"] },
      400,
      "insufficient_scope",
    ],
    ["nobody", { server_label: "contacts" }, 400, "invalid_option"],
    ["something that is no JSON", "{", 400, "invalid_option"],
    ["a body without end", `"${"x".repeat(600_000)}"`, 400, "invalid_option"],
    [
      "a user token that is none",
      { user: { user_token: "a.b.c" }, server_label: "contacts" },
      401,
      "user_token_malformed",
    ],
  ])("asks in vain for %s", async (_what, body, status, expected) => {
    const response = await call(await ownToken(), body);
    expect([response.status, await code(response)]).toEqual([status, expected]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("answers POST only, and leaves other paths alone", async () => {
    expect((await call(await ownToken(), undefined, "tokens", "GET")).status).toBe(405);
    expect((await call(await ownToken(), {}, "constructor")).status).toBe(404);
  });
});

it("serves the paths that its OpenAPI description names, and no others", async () => {
  const description = JSON.parse(
    readFileSync(new URL("../../../docs/sign-in-service.openapi.json", import.meta.url), "utf8"),
  ) as { paths: Record<string, object> };
  const paths = ["/v1/tokens", "/v1/page", "/v1/redeem", "/v1/prompt", "/v1/settle", "/v1/sign-out"];
  expect(Object.keys(description.paths)).toEqual(paths);
  const served = await Promise.all(
    [...paths, "/v1/grants"].map(async (path) => (await fetch(url + path, { method: "POST" })).status),
  );
  expect(served).toEqual([403, 403, 403, 403, 403, 403, 404]);
});

describe("a Python agent with the standard library only", () => {
  const client = fileURLToPath(new URL("../../../examples/sign-in-service/client.py", import.meta.url));
  const program = `import json, sys; sys.path.insert(0, sys.argv[1]); import client
user = json.loads(sys.argv[2])
try:
    print("token", client.access_token("contacts", user))
except client.ConsentRequired as needed:
    print("consent", [one["server_label"] for one in needed.requests])
    client.call("prompt", user, prompt="Who am I?")
except RuntimeError as error:
    print("error", error)
print(client.call("redeem", user, text="yes")["status"] if "platform_user_id" in user else "")`;

  const run = async (user: object): Promise<string> => {
    // The emulator answers with its first managed identity when the request names none.
    const env = { ...process.env, SIGN_IN_URL: url, SIGN_IN_RESOURCE: `api://${app.clientId}` };
    const folder = fileURLToPath(new URL(".", `file://${client}`));
    const { stdout } = await promisify(execFile)("python3", ["-c", program, folder, JSON.stringify(user)], {
      env,
    });
    return stdout.trim();
  };

  it("gets the link, then the token, in at most 40 lines", async () => {
    expect(readFileSync(client, "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(40);
    const ada = await person("Ada");
    const user = { user_token: await entra.issueUserToken({ user: "Ada", app: "service" }) };
    expect(await run(user)).toBe("consent ['contacts']");
    signedIn.add(ada.principalKey ?? "");
    expect(await run(user)).toBe(`token token of ${ada.principalKey}`);
  });

  it("has the prompt of a platform user kept, and the code taken out of the chat", async () => {
    const someone = platformPerson("user-1", "conversation-1");
    const user = { platform_user_id: "user-1", conversation_id: "conversation-1" };
    expect(await run(user)).toBe("consent ['contacts']\nbound");
    expect(kept).toEqual([[someone.principalKey, "conversation-1", "Who am I?"]]);
    expect(heard).toEqual([[someone.principalKey, "conversation-1", "yes"]]);
  });

  it("is told the service's own error code", async () => {
    expect(await run({ user_token: "a.b.c" })).toBe("error user_token_malformed");
  });
});
