import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { signInAs } from "./visitor.js";

const redirectUri = "https://agent.example.com/callback";
let entra: EntraEmulator;
let clock = 0;

beforeAll(async () => {
  clock = Date.now();
  entra = await startEntra({
    now: () => clock,
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["s"], redirectUris: [redirectUri] },
      { name: "contacts", scopes: ["contacts.read"] },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }],
    managedIdentities: [{ name: "identity" }],
  });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "agent", scopes: ["access_as_user"] });
});
afterEach(() => entra.policies.clear());
afterAll(() => entra.close());

const tokenUrl = (): string => `${entra.origin}/${entra.tenants[0]?.id}/oauth2/v2.0/token`;
const scope = (): string => `${entra.app("contacts").identifierUris[0]}/contacts.read`;

async function obo(user: string, given?: { assertion?: string; signal?: AbortSignal }): Promise<Response> {
  return fetch(tokenUrl(), {
    method: "POST",
    signal: given?.signal ?? null,
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      requested_token_use: "on_behalf_of",
      client_id: entra.app("agent").clientId,
      client_secret: "s",
      assertion: given?.assertion ?? (await entra.issueUserToken({ user, app: "agent" })),
      scope: scope(),
    }),
  });
}

async function signIn(user: string, extra: Record<string, string> = {}): Promise<Record<string, string>> {
  const { clientId, identifierUris } = entra.app("agent");
  const wanted = `${identifierUris[0]}/access_as_user openid offline_access`;
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: wanted,
    ...extra,
  });
  const url = `${entra.origin}/${entra.tenants[0]?.id}/oauth2/v2.0/authorize?${query}`;
  const answer = await signInAs(entra.origin, url, entra.user(user).oid);
  const response = await fetch(tokenUrl(), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: clientId,
      client_secret: "s",
      code: answer.get("code") ?? "",
      redirect_uri: redirectUri,
      scope: wanted,
    }),
  });
  return response.json();
}

async function refresh(
  refreshToken: string | undefined,
  form: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(tokenUrl(), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      client_id: entra.app("agent").clientId,
      client_secret: "s",
      refresh_token: refreshToken ?? "",
      ...form,
    }),
  });
  return response.json();
}

describe("a second factor", () => {
  test("is asked for of that user and resource only, until a sign-in with the claims brings it", async () => {
    entra.policies.add({ type: "mfa", user: "Ada", resource: "contacts" });
    expect((await obo("Bob")).status).toBe(200);
    const before = await signIn("Ada");
    const refused = await (await obo("Ada", { assertion: before["access_token"] ?? "" })).json();
    expect(refused.error).toBe("interaction_required");

    const after = await signIn("Ada", { claims: refused.claims });
    expect((await obo("Ada", { assertion: after["access_token"] ?? "" })).status).toBe(200);
    expect((await obo("Ada", { assertion: before["access_token"] ?? "" })).status).toBe(400);
    const refreshed = await refresh(after["refresh_token"], { scope: scope() });
    expect(refreshed["error"]).toBeUndefined();
  });

  test("may be had by a token made for tests", async () => {
    const { id } = entra.policies.add({ type: "mfa", user: "Ada" });
    const claimsChallenge = JSON.stringify({ access_token: { polids: { essential: true, values: [id] } } });
    const assertion = await entra.issueUserToken({ user: "Ada", app: "agent", claimsChallenge });
    expect((await obo("Ada", { assertion })).status).toBe(200);
  });

  test("an authentication context ends up in acrs", async () => {
    entra.policies.add({ type: "auth_context", value: "c1", resource: "contacts" });
    const { claims } = await (await obo("Ada")).json();
    expect(JSON.parse(claims)).toEqual({ access_token: { acrs: { essential: true, value: "c1" } } });
    const { access_token: assertion = "" } = await signIn("Ada", { claims });
    const response = await fetch(tokenUrl(), {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        requested_token_use: "on_behalf_of",
        client_id: entra.app("agent").clientId,
        client_secret: "s",
        assertion,
        scope: scope(),
        claims,
      }),
    });
    expect(decodeJwt((await response.json()).access_token)["acrs"]).toEqual(["c1"]);
  });
});

describe("faults", () => {
  test("throttling is of one user, as often as it says, with Retry-After", async () => {
    entra.policies.add({ type: "throttled", user: "Ada", times: 2, retryAfterS: 30 });
    const [first, other, second, third] = [
      await obo("Ada"),
      await obo("Bob"),
      await obo("Ada"),
      await obo("Ada"),
    ];
    expect([first.status, other.status, second.status, third.status]).toEqual([429, 200, 429, 200]);
    expect(first.headers.get("retry-after")).toBe("30");
  });

  test("a transient error of the status that was asked for", async () => {
    entra.policies.add({ type: "transient", status: 504, times: 1 });
    expect((await obo("Ada")).status).toBe(504);
    expect((await obo("Ada")).status).toBe(200);
  });

  test("two responses change places", async () => {
    entra.policies.add({ type: "swap" });
    const [ada, bob] = await Promise.all([obo("Ada"), obo("Bob")]);
    expect(decodeJwt((await ada.json()).access_token)["oid"]).toBe(entra.user("Bob").oid);
    expect(decodeJwt((await bob.json()).access_token)["oid"]).toBe(entra.user("Ada").oid);
    expect(decodeJwt((await (await obo("Ada")).json()).access_token)["oid"]).toBe(entra.user("Ada").oid);
  });

  test("a page instead of JSON, a cut connection, no answer at all", async () => {
    entra.policies.add({ type: "html", times: 1 });
    const page = await obo("Ada");
    expect([page.status, page.headers.get("content-type")]).toEqual([502, "text/html; charset=utf-8"]);
    entra.policies.add({ type: "reset", times: 1 });
    await expect(obo("Ada")).rejects.toThrow("fetch failed");
    entra.policies.add({ type: "hang", user: "Ada", times: 1 });
    const abort = new AbortController();
    const hanging = obo("Ada", { signal: abort.signal });
    expect((await obo("Bob")).status).toBe(200);
    abort.abort();
    await expect(hanging).rejects.toThrow("aborted");
  });

  test("of the keys and of discovery", async () => {
    const keys = `${entra.origin}/${entra.tenants[0]?.id}/discovery/v2.0/keys`;
    const policy = entra.policies.add({ type: "transient", endpoint: "keys" });
    expect((await fetch(keys)).status).toBe(503);
    expect((await obo("Ada")).status).toBe(200);
    entra.policies.remove(policy);
    expect((await fetch(keys)).status).toBe(200);
  });

  test("slow answers come, and come later than fast ones", async () => {
    entra.policies.add({ type: "slow", user: "Ada", delayMs: 50 });
    const order: string[] = [];
    await Promise.all([obo("Ada").then(() => order.push("Ada")), obo("Bob").then(() => order.push("Bob"))]);
    expect(order).toEqual(["Bob", "Ada"]);
  });
});

describe("grants", () => {
  test("a refresh token is replaced, and the old one keeps working", async () => {
    const first = await signIn("Ada");
    const second = await refresh(first["refresh_token"], { scope: scope() });
    expect(second["refresh_token"]).not.toBe(first["refresh_token"]);
    expect(decodeJwt(String(second["access_token"]))).toMatchObject({
      oid: entra.user("Ada").oid,
      scp: "contacts.read",
    });
    expect((await refresh(first["refresh_token"]))["error"]).toBeUndefined();
  });

  test("revoking sessions ends what was issued, and nothing that comes after", async () => {
    const [ada, bob] = [await signIn("Ada"), await signIn("Bob")];
    entra.revokeSessions("Ada");
    expect((await refresh(ada["refresh_token"]))["error_codes"]).toEqual([50173]);
    expect((await (await obo("Ada", { assertion: ada["access_token"] ?? "" })).json()).suberror).toBe(
      "bad_token",
    );
    expect((await refresh(bob["refresh_token"]))["error"]).toBeUndefined();
    expect((await refresh((await signIn("Ada"))["refresh_token"]))["error"]).toBeUndefined();
  });

  test("a policy may be any other refusal", async () => {
    entra.policies.add({
      type: "refuse",
      client: "agent",
      codes: [70002, 500133],
      description: "Old form.",
      times: 1,
    });
    const body = await (await obo("Ada")).json();
    expect(body).toMatchObject({ error: "invalid_grant", error_codes: [70002, 500133] });
    expect(body.error_description).toMatch(/^AADSTS70002: Old form\. Trace ID/);
    expect((await obo("Ada")).status).toBe(200);
  });

  test("the emulator's clock decides what has expired", async () => {
    const assertion = await entra.issueUserToken({ user: "Ada", app: "agent" });
    clock += 3600_000;
    expect((await (await obo("Ada", { assertion })).json()).error_codes).toEqual([500133]);
  });
});

test("the correlation id of the request comes back", async () => {
  const id = "11111111-2222-4333-8444-555555555555";
  const response = await fetch(tokenUrl(), {
    method: "POST",
    headers: { "client-request-id": id },
    body: "grant_type=x",
  });
  expect((await response.json()).correlation_id).toBe(id);
  expect(response.headers.get("client-request-id")).toBe(id);
});

test("the managed identity endpoint wants its header, a version, a known identity and resource", async () => {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = entra.managedIdentity.env;
  const ask = async (query: Record<string, string>, header = IDENTITY_HEADER): Promise<number> =>
    (
      await fetch(`${IDENTITY_ENDPOINT}?${new URLSearchParams(query)}`, {
        headers: { "x-identity-header": header },
      })
    ).status;
  const good = { "api-version": "2019-08-01", resource: "api://AzureADTokenExchange" };
  expect(await ask(good)).toBe(200);
  expect(await ask(good, "wrong")).toBe(401);
  expect(await ask({ ...good, "api-version": "2017-09-01" })).toBe(400);
  expect(await ask({ ...good, client_id: "00000000-1111-4222-8333-444444444444" })).toBe(400);
  expect(await ask({ ...good, resource: "api://unknown" })).toBe(400);
});

test("every request is logged with who, for what and how it ended", async () => {
  await obo("Ada");
  expect(entra.requests.at(-1)).toMatchObject({
    method: "POST",
    grantType: "on_behalf_of",
    client: "agent",
    clientAuth: "secret",
    user: "Ada",
    oid: entra.user("Ada").oid,
    resource: "contacts",
    scopes: [scope()],
    assertionAudience: entra.app("agent").clientId,
    status: 200,
    params: { client_secret: "[redacted]", assertion: "[redacted]", requested_token_use: "on_behalf_of" },
  });
});
