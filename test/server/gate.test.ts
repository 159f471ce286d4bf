import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type AroundStep, type ErrorCode, errorCodes, type IdentityEvent } from "hosted-agent-identity";
import {
  callerOf,
  type EntraAuthInfo,
  type McpServerOptions,
  protectMcpServer,
  type ToolRequirement,
} from "hosted-agent-identity/server";
import { cloudEndpoints } from "../../src/entra/clouds.js";
import {
  type RequirementChecks,
  requirementChecks,
  requirementOptions,
} from "../../src/server/tool-requirements.js";
import { bearerChallenge, parseChallenges } from "../../src/access/challenges.js";
import { handMade, signingKey, startTestCloud, type TestCloud } from "../support/keys.js";
import { listening } from "../support/listening.js";
import { leaks } from "../support/people.js";

const url = "https://contacts.example.com/mcp";
const metadataUrl = "https://contacts.example.com/.well-known/oauth-protected-resource/mcp";
const agentApp = randomUUID();
const otherTenant = randomUUID();
const stops: (() => Promise<unknown>)[] = [];
let cloud: TestCloud;

beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

type Options = Partial<McpServerOptions>;

function gateWith(options: Options = {}) {
  const { tenantId, clientId } = cloud.app;
  const app = {
    tenantId,
    clientId,
    allowedTenants: [tenantId, otherTenant],
    cloud: { loginEndpoint: cloud.origin, stsEndpoint: "https://sts.windows.net" },
  };
  return protectMcpServer({ url, app, scopes: ["access_as_user"], ...options });
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** What came past the gate. */
  passed: EntraAuthInfo | undefined;
}

/** The status of a call whose body a parser in front of the middleware has read. */
async function sendParsed(token: string, body: unknown): Promise<number> {
  const gate = gateWith();
  const server = createServer((request, response) =>
    gate.middleware(Object.assign(request, { body }), response, () => void response.writeHead(200).end()),
  );
  const host = await listening(server);
  stops.push(host.close);
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${host.url}/mcp`, { method: "POST", headers, body: "{}" })).status;
}

/** Sends a call through the middleware on a real socket; what passes is answered 200. */
async function send(
  token: string | undefined,
  { options = {}, body = toolCall("whoami"), headers = {}, method = "POST" }: Sent = {},
): Promise<Answer> {
  const gate = gateWith(options);
  let passed: EntraAuthInfo | undefined;
  const server = createServer((request, response) =>
    // As one writes it on a plain server: nothing here looks at what the gate may hand on.
    gate.middleware(request, response, () => {
      passed = (request as unknown as { auth: EntraAuthInfo }).auth;
      response.writeHead(200).end();
    }),
  );
  const host = await listening(server);
  stops.push(host.close);
  const response = await fetch(`${host.url}/mcp`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(["POST", "PUT", "PATCH"].includes(method)
      ? { body: typeof body === "string" ? body : JSON.stringify(body) }
      : {}),
  });
  const { status } = response;
  return { status, headers: response.headers, text: await response.text(), passed };
}

interface Sent {
  options?: Options;
  body?: unknown;
  headers?: Record<string, string>;
  method?: string;
}

function toolCall(name: string): object {
  return { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: {} } };
}

function challengeIn({ headers }: Answer): Readonly<Record<string, string>> {
  const [first, ...more] = parseChallenges(headers.get("www-authenticate"));
  expect([first?.scheme, more]).toEqual(["bearer", []]);
  return first?.parameters ?? {};
}

const ownScope = (scope = "access_as_user"): string => `api://${cloud.app.clientId}/${scope}`;
const appClaims = (roles: unknown = ["Contacts.ReadAll"]): Record<string, unknown> => {
  const oid = randomUUID();
  return { oid, sub: oid, scp: undefined, name: undefined, preferred_username: undefined, roles };
};

describe("a token of a person for this server", () => {
  test("passes, and names who is calling and no more of its claims", async () => {
    const oid = randomUUID();
    const token = await cloud.token({
      oid,
      azp: agentApp,
      scp: "access_as_user Contacts.Read",
      groups: ["g"],
    });
    const { status, passed } = await send(token);
    expect(status).toBe(200);
    expect(passed).toMatchObject({
      token,
      clientId: agentApp,
      scopes: ["access_as_user", "Contacts.Read", ownScope(), ownScope("Contacts.Read")],
      resource: new URL(url),
      resourceMetadataUrl: metadataUrl,
      expiresAt: expect.any(Number),
    });
    const user = { tid: cloud.home, oid, name: "Ada Example", username: "ada@example.com" };
    expect(passed?.extra).toEqual({ user });
    expect(callerOf(passed)).toEqual({
      kind: "user",
      ...user,
      clientId: agentApp,
      principalKey: JSON.stringify(["entra", cloud.home, oid]),
    });
  });

  test("may have the version 1 form of issuer, audience and client", async () => {
    const token = await cloud.token({
      iss: `https://sts.windows.net/${cloud.home}/`,
      aud: `api://${cloud.app.clientId}`,
      ver: "1.0",
      azp: undefined,
      appid: agentApp,
    });
    const { status, passed } = await send(token, { options: { clients: [agentApp] } });
    expect([status, passed?.clientId]).toEqual([200, agentApp]);
  });

  test("may come from another listed tenant, and may name an app-ID URI of the app's own", async () => {
    const appIdUri = "api://contacts.example.com";
    const iss = `${cloud.origin}/${otherTenant}/v2.0`;
    const token = await cloud.token({ tid: otherTenant, iss, aud: appIdUri });
    const { status, passed } = await send(token, { options: { appIdUri } });
    expect([status, passed?.extra.user?.tid]).toEqual([200, otherTenant]);
    expect(passed?.scopes).toContain(`${appIdUri}/access_as_user`);
  });
});

type Hostile = [name: string, code: ErrorCode, token: () => Promise<string> | string, options?: Options];

const hostile: Hostile[] = [
  ["no token at all, but text", "user_token_malformed", () => `opaque-${"a1b2".repeat(40)}`],
  ["two in one header", "user_token_malformed", async () => `${await cloud.token()}, Bearer x.y.z`],
  ["too large", "user_token_too_large", () => cloud.token(), { maxTokenBytes: 100 }],
  ["alg none", "user_token_algorithm", () => handMade({ alg: "none" }, { tid: cloud.home, aud: "x" })],
  ["a tenant that is not listed", "user_token_tenant", () => cloud.token({ tid: randomUUID() })],
  ["a tenant that is a path", "user_token_tenant", () => cloud.token({ tid: "../../evil" })],
  [
    "another tenant's issuer",
    "user_token_issuer",
    () => cloud.token({ iss: `${cloud.origin}/${otherTenant}/v2.0` }),
  ],
  [
    "the version 1 issuer of another tenant",
    "user_token_issuer",
    () => cloud.token({ iss: `https://sts.windows.net/${randomUUID()}/` }),
  ],
  [
    "an issuer of its own",
    "user_token_issuer",
    () => cloud.token({ iss: `https://evil.example/${cloud.home}/v2.0` }),
  ],
  ["another audience", "user_token_audience", () => cloud.token({ aud: randomUUID() })],
  ["Foundry's audience", "user_token_audience", () => cloud.token({ aud: "https://ai.azure.com" })],
  ["the server's own URL as audience", "user_token_audience", () => cloud.token({ aud: url })],
  [
    "several audiences",
    "user_token_audience",
    () => cloud.token({ aud: [cloud.app.clientId, "api://other"] }),
  ],
  ["expired", "user_token_expired", () => cloud.token({ exp: 1_000_000 })],
  ["not yet valid", "user_token_not_yet_valid", () => cloud.token({ nbf: 4_000_000_000 })],
  ["a key nobody published", "user_token_key_unknown", () => cloud.token({}, { key: signingKey() })],
  [
    "somebody else's key under a known id",
    "user_token_signature",
    () => cloud.token({}, { key: signingKey(cloud.key.kid) }),
  ],
  ["an application's", "user_token_app_only", () => cloud.token({ ...appClaims(), idtyp: "app" })],
  ["without scopes", "user_token_subject", () => cloud.token({ scp: undefined })],
  ["an agent's own user", "user_token_agent_user", () => cloud.token({ xms_sub_fct: "13" })],
  [
    "an agent's own user, where applications may call",
    "user_token_agent_user",
    () => cloud.token({ xms_sub_fct: "13" }),
    { applications: { roles: ["Contacts.ReadAll"] } },
  ],
  [
    "a client that is not allowed",
    "user_token_client",
    () => cloud.token({ azp: randomUUID() }),
    { clients: [agentApp] },
  ],
  ["no client", "user_token_client", () => cloud.token({ azp: undefined }), { clients: [agentApp] }],
];

describe("a token that is not acceptable", () => {
  test.each(hostile)(
    "%s: 401 with where to read on, and nothing of the token",
    async (_name, code, make, options) => {
      const token = await make();
      const refused: unknown[] = [];
      const steps: unknown[] = [];
      const around: AroundStep = async ({ step }, run) => void steps.push([step, (await run()).error]);
      const onEvent = Object.assign((event: IdentityEvent): void => void refused.push(event), { around });
      const answer = await send(token, { options: { ...options, onEvent } });
      expect([answer.status, answer.passed]).toEqual([401, undefined]);
      // One event: the token itself is refused, before anybody asks what the caller may do.
      expect(refused).toMatchObject([{ type: "user_token_refused", code }]);
      expect(steps).toEqual([["verify", code]]);
      expect(challengeIn(answer)).toEqual({
        error: "invalid_token",
        error_description: errorCodes[code].title,
        scope: options?.appIdUri ?? ownScope(),
        resource_metadata: metadataUrl,
      });
      expect(JSON.parse(answer.text)).toEqual({
        error: "invalid_token",
        error_description: errorCodes[code].title,
      });
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const said = answer.text + JSON.stringify([...answer.headers]);
      expect(leaks(said, token)).toBe(false);
      for (const value of claimValues(token)) expect(said).not.toContain(value);
    },
  );

  test("none, or of another scheme: 401 that says no more than where to read on", async () => {
    const none: Record<string, string>[] = [{}, { authorization: "Basic dTpw" }, { authorization: "Bearer" }];
    for (const headers of none) {
      const answer = await send(undefined, { headers });
      expect(answer.status).toBe(401);
      expect(challengeIn(answer)).toEqual({ scope: ownScope(), resource_metadata: metadataUrl });
    }
    // GET and DELETE need one as well.
    for (const method of ["GET", "DELETE", "PUT"])
      expect((await send(undefined, { method })).status).toBe(401);
  });

  test("two, in a header each: 400, although each is good", async () => {
    const gate = gateWith();
    let passed = false;
    const server = createServer((incoming, response) =>
      gate.middleware(incoming, response, () => {
        passed = true;
        response.end();
      }),
    );
    const host = await listening(server);
    stops.push(host.close);
    const body = JSON.stringify(toolCall("whoami"));
    const twice = (await Promise.all([cloud.token(), cloud.token()])).flatMap((token) => [
      "authorization",
      `Bearer ${token}`,
    ]);
    const headers = ["host", new URL(host.url).host, "content-type", "application/json", ...twice];
    const sent = request(`${host.url}/mcp`, {
      method: "POST",
      headers: [...headers, "content-length", String(body.length)],
    });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    expect([answer.statusCode, passed]).toEqual([400, false]);
    expect(await json(answer)).toMatchObject({ error: "invalid_request" });
  });

  test("in the query: is not looked at", async () => {
    const token = await cloud.token();
    const gate = gateWith();
    const response = await gate.fetch(
      new Request(`${url}?access_token=${token}`, { method: "POST", body: "{}" }),
      () => new Response("passed"),
    );
    expect(response.status).toBe(401);
  });

  test("keys that cannot be had are no fault of the token: 503", async () => {
    const token = await cloud.token();
    const answer = await send(token, {
      options: { fetch: () => Promise.reject(new TypeError("fetch failed")) },
    });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(answer.headers.get("www-authenticate")).toBeNull();
    expect(leaks(answer.text, token)).toBe(false);
  });
});

/** Ids and addresses that a token names, apart from what the server says by itself. */
function claimValues(token: string): string[] {
  const [, claims = ""] = token.split(".");
  let read: object;
  try {
    read = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as object;
  } catch {
    return [];
  }
  const own = [cloud.app.clientId, `api://${cloud.app.clientId}`, url, "access_as_user", "2.0"];
  return Object.values(read)
    .flat()
    .map(String)
    .filter((value) => value.length > 3 && !own.includes(value));
}

describe("an application's own token", () => {
  const options: Options = {
    applications: { roles: ["Contacts.ReadAll"] },
    tools: {
      delete_contact: { scopes: ["Contacts.Write"] },
      purge: { scopes: ["Contacts.Write"], roles: ["Contacts.Purge"] },
    },
  };

  test("passes with a role, where applications may call", async () => {
    const claims: Record<string, unknown> = { ...appClaims(), idtyp: "app", azp: agentApp };
    const { status, passed } = await send(await cloud.token(claims), { options });
    expect([status, passed?.scopes]).toEqual([200, []]);
    const application = { tid: cloud.home, oid: claims["oid"], roles: ["Contacts.ReadAll"] };
    expect(passed?.extra).toEqual({ application });
    expect(callerOf(passed)).toMatchObject({ kind: "application", ...application, clientId: agentApp });
    // Without the optional claim it is known by its subject.
    expect((await send(await cloud.token(appClaims()), { options })).status).toBe(200);
  });

  test.each([
    ["none of the roles", () => ({ ...appClaims(["Other"]), idtyp: "app" })],
    ["no roles", () => ({ ...appClaims(), idtyp: "app", roles: undefined })],
    ["roles that are no list", () => ({ ...appClaims("Contacts.ReadAll"), idtyp: "app" })],
    ["no object id", () => ({ ...appClaims(), idtyp: "app", oid: undefined })],
    ["no client", () => ({ ...appClaims(), idtyp: "app", azp: undefined })],
    ["a person's id token, whose roles are the person's", () => ({ ...appClaims(), sub: randomUUID() })],
  ])("is refused with %s", async (_name, claims) => {
    const told: IdentityEvent[] = [];
    const onEvent = (event: IdentityEvent): void => void told.push(event);
    const answer = await send(await cloud.token(claims()), { options: { ...options, onEvent } });
    expect(answer.status).toBe(401);
    expect(challengeIn(answer)).toMatchObject({ error: "invalid_token" });
    expect(told).toMatchObject([{ type: "user_token_refused" }]);
  });

  test("calls no tool that needs a scope, unless a role stands for it; no scope would help", async () => {
    for (const [tool, roles, status] of [
      ["delete_contact", ["Contacts.ReadAll"], 403],
      ["purge", ["Contacts.ReadAll"], 403],
      ["purge", ["Contacts.ReadAll", "Contacts.Purge"], 200],
      ["whoami", ["Contacts.ReadAll"], 200],
    ] as const) {
      const token = await cloud.token({ ...appClaims(roles), idtyp: "app" });
      const answer = await send(token, { options, body: toolCall(tool) });
      expect([tool, answer.status]).toEqual([tool, status]);
      if (status === 403) expect(challengeIn(answer)).not.toHaveProperty("scope");
    }
  });
});

describe("what a call needs besides", () => {
  const tools = {
    delete_contact: { scopes: ["Contacts.Write"] },
    wipe: { scopes: ["Contacts.Write"], authContext: "c1" },
    __proto__: { scopes: ["Never"] },
  };

  test("a scope that the token lacks: 403 with all that the call needs, and not what the token has", async () => {
    const token = await cloud.token({ scp: "access_as_user Secret.Scope" });
    const answer = await send(token, { options: { tools }, body: toolCall("delete_contact") });
    expect([answer.status, answer.passed]).toEqual([403, undefined]);
    expect(challengeIn(answer)).toEqual({
      error: "insufficient_scope",
      error_description: "This call needs more than the token allows.",
      scope: `${ownScope()} ${ownScope("Contacts.Write")}`,
      resource_metadata: metadataUrl,
    });
    expect(answer.text).not.toContain("Secret.Scope");
    const both = await cloud.token({ scp: "access_as_user Contacts.Write" });
    expect((await send(both, { options: { tools }, body: toolCall("delete_contact") })).status).toBe(200);
    expect((await send(token, { options: { tools }, body: toolCall("whoami") })).status).toBe(200);
    expect((await send(token, { options: { tools }, body: toolCall("constructor") })).status).toBe(200);
  });

  test("the scope of every call, also for GET and DELETE", async () => {
    const token = await cloud.token({ scp: "Contacts.Write" });
    for (const method of ["POST", "GET", "DELETE"]) {
      const answer = await send(token, { method });
      expect([method, answer.status]).toEqual([method, 403]);
      expect(challengeIn(answer)).toMatchObject({ scope: ownScope() });
    }
  });

  test.each(["PUT", "PATCH", "POST"])("also when the call comes by %s", async (method) => {
    const token = await cloud.token();
    const body = toolCall("delete_contact");
    expect((await send(token, { options: { tools }, body, method })).status).toBe(403);
  });

  test("one call of a batch is enough to refuse it", async () => {
    const token = await cloud.token();
    const body = [toolCall("whoami"), toolCall("delete_contact")];
    expect((await send(token, { options: { tools }, body })).status).toBe(403);
  });

  test("an authentication context: 401 as Microsoft's clients read it, and passed once the token has it", async () => {
    const scp = "access_as_user Contacts.Write";
    const answer = await send(await cloud.token({ scp }), { options: { tools }, body: toolCall("wipe") });
    expect([answer.status, answer.passed]).toEqual([401, undefined]);
    const { claims = "", ...others } = challengeIn(answer);
    expect(others).toEqual({
      realm: "",
      authorization_uri: `${cloud.origin}/${cloud.home}/oauth2/v2.0/authorize`,
      error: "insufficient_claims",
      error_description: "This call needs a stronger or newer sign-in.",
      resource_metadata: metadataUrl,
    });
    const asked = { access_token: { acrs: { essential: true, value: "c1" } } };
    expect(JSON.parse(Buffer.from(claims, "base64").toString("utf8"))).toEqual(asked);
    expect(bearerChallenge(answer.headers.get("www-authenticate"))?.claims).toBe(JSON.stringify(asked));
    for (const [acrs, status] of [
      [["c1", "c2"], 200],
      ["c1", 200],
      [["c2"], 401],
      ["c11", 401],
      [{ c1: true }, 401],
    ] as const) {
      const token = await cloud.token({ scp, acrs });
      const { status: got } = await send(token, { options: { tools }, body: toolCall("wipe") });
      expect([acrs, got]).toEqual([acrs, status]);
    }
  });

  test("whatever the server decides for one call, from the claims of its token", async () => {
    const revokedAt = Math.floor(Date.now() / 1000);
    const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: String(revokedAt) } } });
    const seen: unknown[] = [];
    const demand: McpServerOptions["demand"] = ({ method, tool, params, caller }, { iat }) => {
      seen.push([method, tool, params["uri"], caller.kind]);
      return Number(iat) < revokedAt ? { claims } : undefined;
    };
    const body = { jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri: "me://profile" } };
    const old = await send(await cloud.token({ iat: revokedAt - 600 }), { options: { demand }, body });
    expect(old.status).toBe(401);
    expect(bearerChallenge(old.headers.get("www-authenticate"))?.claims).toBe(claims);
    expect((await send(await cloud.token({ iat: revokedAt }), { options: { demand }, body })).status).toBe(
      200,
    );
    expect(seen[0]).toEqual(["resources/read", undefined, "me://profile", "user"]);
  });

  const person = { scp: "access_as_user" };
  const application = appClaims(["Contacts.ReadAll"]);
  const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: "1" } } });

  test.each<[string, ToolRequirement, typeof person | typeof application, number]>([
    ["a person", { scopes: ["Contacts.Write"] }, person, 403],
    ["a person", { scopes: ["Contacts.Write"] }, { scp: "access_as_user Contacts.Write" }, 200],
    ["a person", { authContext: "c1" }, person, 401],
    ["a person", { authContext: "c1" }, { ...person, acrs: ["c1"] }, 200],
    ["a person", { claims }, person, 401],
    ["a person", { roles: ["Contacts.ReadAll"] }, person, 200],
    ["a person", { roles: ["Contacts.ReadAll"], scopes: ["Contacts.Write"] }, person, 403],
    ["an application", { scopes: ["Contacts.Read"] }, application, 403],
    ["an application", { authContext: "c1" }, application, 403],
    ["an application", { authContext: "c1" }, { ...application, acrs: ["c1"] }, 403],
    ["an application", { scopes: ["Contacts.Read"], authContext: "c1" }, application, 403],
    ["an application", { claims }, application, 401],
    ["an application", { roles: ["Contacts.ReadAll"] }, application, 200],
    ["an application", { roles: ["Contacts.Other"] }, application, 403],
    ["an application", { roles: [], authContext: "c1" }, application, 403],
    ["an application", { roles: ["Contacts.ReadAll"], authContext: "c1" }, application, 200],
    ["an application", { roles: ["Contacts.Other"], authContext: "c1" }, application, 403],
    ["an application", { roles: ["Contacts.ReadAll"], scopes: ["Contacts.Read"] }, application, 200],
    ["an application", { roles: ["Contacts.ReadAll"], claims }, application, 401],
    ["an application", {}, application, 200],
  ])("what is demanded of %s: %j", async (_who, needed, tokenClaims, status) => {
    const token = await cloud.token(tokenClaims);
    const applications = { roles: ["Contacts.ReadAll"] };
    for (const options of [{ tools: { wipe: needed } }, { demand: () => needed }]) {
      const answer = await send(token, { options: { ...options, applications }, body: toolCall("wipe") });
      expect([answer.status, answer.passed === undefined]).toEqual([status, status !== 200]);
      // No scope would help an application, so none is named.
      if (status === 403 && tokenClaims["scp"] === undefined)
        expect(challengeIn(answer)["scope"]).toBe(undefined);
    }
  });

  test("each kind of caller has a check for each field, or the gate does not compile", () => {
    type Later = ToolRequirement & { readonly later?: string };
    // @ts-expect-error -- a field without a check
    const missing: RequirementChecks<Later> = requirementChecks.application;
    expect(Object.keys(missing).sort()).toEqual(Object.keys(requirementOptions).sort());
    expect(Object.keys(requirementChecks.user).sort()).toEqual(Object.keys(requirementOptions).sort());
  });
});

describe("a body", () => {
  test.each([
    ["that is no JSON", "{"],
    ["that is no object", '"text"'],
    ["without JSON-RPC", "{}"],
    ["an empty batch", "[]"],
    ["a batch with something else in it", JSON.stringify([toolCall("whoami"), 5])],
    ["of another version", JSON.stringify({ ...toolCall("whoami"), jsonrpc: "1.0" })],
    ["that is missing", ""],
    ["that calls a tool without a name", JSON.stringify({ ...toolCall("x"), params: {} })],
    [
      "that calls a list of tools",
      JSON.stringify({ ...toolCall("x"), params: { name: ["delete_contact"] } }),
    ],
    ["with the parameters in a list", JSON.stringify({ ...toolCall("x"), params: ["delete_contact"] })],
  ])("%s is answered 400, whatever the type says", async (_name, body) => {
    const token = await cloud.token();
    for (const type of ["application/json", "text/plain"]) {
      const answer = await send(token, { body, headers: { "content-type": type } });
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { error: { code: -32700 } }]);
    }
  });

  test("that is nested too deeply, or has too many values, is answered 400, whoever has parsed it", async () => {
    const token = await cloud.token();
    const nested = (levels: number): string =>
      `{"jsonrpc":"2.0","method":"tools/list","params":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    const wide = (values: number): string =>
      `{"jsonrpc":"2.0","method":"tools/list","params":[${"0,".repeat(values - 5)}0]}`;
    for (const [body, status] of [
      [nested(100), 200],
      [nested(101), 400],
      [nested(200_000), 400],
      [wide(50_000), 200],
      [wide(50_001), 400],
    ] as const) {
      const answer = await send(token, { body });
      expect([body.length, answer.status, answer.passed === undefined]).toEqual([
        body.length,
        status,
        status !== 200,
      ]);
      if (status === 400) expect(JSON.parse(answer.text)).toMatchObject({ error: { code: -32600 } });
      const request = new Request(url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body,
      });
      const response = await gateWith().fetch(request, () => new Response("passed"));
      expect([body.length, response.status]).toEqual([body.length, status]);
      if (body.length > 300_000) continue;
      const parsed = await sendParsed(token, JSON.parse(body));
      expect([body.length, parsed]).toEqual([body.length, status]);
    }
  });

  test("that is too long is answered 413, by the middleware and by fetch", async () => {
    const token = await cloud.token();
    const options = { maxBodyBytes: 1000 };
    const body = JSON.stringify({ ...toolCall("whoami"), more: "x".repeat(2000) });
    expect((await send(token, { options, body })).status).toBe(413);
    const headers = { authorization: `Bearer ${token}` };
    const response = await gateWith(options).fetch(
      new Request(url, { method: "POST", body, headers }),
      () => new Response(),
    );
    expect(response.status).toBe(413);
  });

  test("of a request without a token is not read", async () => {
    expect((await send(undefined, { body: "{" })).status).toBe(401);
  });
});

describe("options that cannot work", () => {
  const bad: [string, Options][] = [
    ["url", { url: "http://contacts.example.com/mcp" }],
    ["url", { url: "https://contacts.example.com/mcp?x=1" }],
    ["scopes", { scopes: [] }],
    ["scopes", { scopes: ["api://contacts/read"] }],
    ["scopes", { scopes: ["two words"] }],
    ["applications.roles", { applications: { roles: [] } }],
    ["appIdUri", { appIdUri: "contacts" }],
    ["clients", { clients: ["agent"] }],
    ['tools["wipe"]', { tools: { wipe: { authContext: "mfa" } } }],
    ['tools["wipe"]', { tools: { wipe: { claims: "{}" } } }],
    ["tenantId", { app: { tenantId: "common", clientId: randomUUID() } }],
    ["maxBodyBytes", { maxBodyBytes: 0 }],
  ];
  test.each(bad)("%s", (option, options) => {
    expect(() => gateWith(options)).toThrow(expect.objectContaining({ code: "invalid_option" }));
    expect(() => gateWith(options)).toThrow(option);
  });
});

test("refusals for routes of one's own are the gate's", () => {
  const gate = gateWith();
  const { status, headers } = gate.insufficientScope(["Contacts.Write"]);
  expect([status, bearerChallenge(headers["www-authenticate"] ?? null)?.scopes]).toEqual([
    403,
    [ownScope("Contacts.Write")],
  ]);
  const claims = gate.insufficientClaims({ authContext: "c2" });
  expect(claims.status).toBe(401);
  expect(bearerChallenge(claims.headers["www-authenticate"] ?? null)?.claims).toContain('"c2"');
  expect(() => gate.insufficientClaims({ claims: "none" })).toThrow("access_token");
  expect(() => gate.insufficientClaims({} as { claims: string })).toThrow("expected authContext or claims");
});

test("nobody is calling where no token was verified", () => {
  for (const authInfo of [undefined, { clientId: "x" }, { clientId: "x", extra: {} }])
    expect(() => callerOf(authInfo)).toThrow(expect.objectContaining({ code: "no_user_context" }));
});

test("the clouds of Microsoft have both forms of issuer", () => {
  expect(cloudEndpoints("global").stsEndpoint).toBe("https://sts.windows.net");
});
