import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";

let entra: EntraEmulator;
let tenant: string;

beforeAll(async () => {
  entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["s"], installedIn: ["Fabrikam"] },
      { name: "two", scopes: ["two.read", "two.write"], installedIn: ["Fabrikam"] },
      {
        name: "one",
        scopes: ["one.read"],
        accessTokenVersion: 1,
        identifierUris: ["api://one.example.com"],
        optionalClaims: ["idtyp", "xms_cc", "upn"],
      },
    ],
    users: [{ name: "Ada", guestIn: ["Fabrikam"] }, { name: "Bob" }],
  });
  tenant = entra.tenants[0]?.id ?? "";
  entra.grantConsent({ allUsers: true, client: "agent", resource: "two", scopes: ["two.read"] });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "one", scopes: ["one.read"] });
});
afterAll(() => entra.close());

async function obo(
  scope: string,
  form: Record<string, string> = {},
  segment = tenant,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${entra.origin}/${segment}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      requested_token_use: "on_behalf_of",
      client_id: entra.app("agent").clientId,
      client_secret: "s",
      assertion: await entra.issueUserToken({ user: "Ada", app: "agent" }),
      scope,
      ...form,
    }),
  });
  return { status: response.status, body: await response.json() };
}

const claimsOf = (body: Record<string, unknown>): Record<string, unknown> =>
  decodeJwt(String(body["access_token"]));
const scopeTwo = (name: string): string => `${entra.app("two").identifierUris[0]}/${name}`;

describe("the resource decides the form of its tokens", () => {
  test("version 2", async () => {
    const { body } = await obo(scopeTwo("two.read"));
    const claims = claimsOf(body);
    expect(claims).toMatchObject({
      iss: `${entra.cloud.loginEndpoint}/${tenant}/v2.0`,
      aud: entra.app("two").clientId,
      azp: entra.app("agent").clientId,
      azpacr: "1",
      oid: entra.user("Ada").oid,
      tid: tenant,
      name: "Ada",
      preferred_username: entra.user("Ada").upn,
      scp: "two.read",
      ver: "2.0",
    });
    for (const absent of ["appid", "unique_name", "upn", "idtyp", "roles"])
      expect(claims).not.toHaveProperty(absent);
    expect(Number(claims["exp"])).toBeCloseTo(Date.now() / 1000 + 3599, -1);
    expect(body["expires_in"]).toBe(3599);
  });

  test("version 1, whose audience is the resource as it was asked for", async () => {
    for (const uri of ["api://one.example.com", entra.app("one").clientId]) {
      const claims = claimsOf((await obo(`${uri}/one.read`)).body);
      expect(claims).toMatchObject({
        iss: `${entra.cloud.stsEndpoint}/${tenant}/`,
        aud: uri,
        appid: entra.app("agent").clientId,
        appidacr: "1",
        unique_name: entra.user("Ada").upn,
        upn: entra.user("Ada").upn,
        idtyp: "user",
        ver: "1.0",
      });
      expect(claims).not.toHaveProperty("azp");
      expect(claims).not.toHaveProperty("preferred_username");
    }
  });

  test("xms_cc appears if the resource lists it and the client says it", async () => {
    const claims = '{"access_token":{"xms_cc":{"values":["CP1"]}}}';
    expect(claimsOf((await obo("api://one.example.com/one.read", { claims })).body)["xms_cc"]).toEqual([
      "cp1",
    ]);
    expect(claimsOf((await obo("api://one.example.com/one.read")).body)["xms_cc"]).toBeUndefined();
    expect(claimsOf((await obo(scopeTwo("two.read"), { claims })).body)["xms_cc"]).toBeUndefined();
  });
});

describe("the response", () => {
  test("carries only what was asked for", async () => {
    const { body } = await obo(scopeTwo("two.read"));
    expect(Object.keys(body).sort()).toEqual([
      "access_token",
      "expires_in",
      "ext_expires_in",
      "scope",
      "token_type",
    ]);
    const more = await obo(`${scopeTwo("two.read")} openid profile offline_access`, { client_info: "1" });
    expect(Object.keys(more.body)).toEqual(
      expect.arrayContaining(["refresh_token", "id_token", "client_info"]),
    );
    const info = JSON.parse(Buffer.from(String(more.body["client_info"]), "base64url").toString());
    expect(info).toEqual({ uid: entra.user("Ada").oid, utid: tenant });
    expect(decodeJwt(String(more.body["id_token"]))).toMatchObject({
      aud: entra.app("agent").clientId,
      oid: entra.user("Ada").oid,
      tid: tenant,
    });
    const bare = await obo(`${scopeTwo("two.read")} openid`);
    expect(decodeJwt(String(bare.body["id_token"]))).not.toHaveProperty("name");
  });

  test("names all scopes that were consented to, and .default if it was asked for", async () => {
    entra.grantConsent({ user: "Bob", client: "agent", resource: "two", scopes: ["two.write"] });
    const assertion = await entra.issueUserToken({ user: "Bob", app: "agent" });
    const { body } = await obo(scopeTwo("two.read"), { assertion });
    expect(claimsOf(body)["scp"]).toBe("two.read two.write");
    expect(body["scope"]).toBe(`${scopeTwo("two.read")} ${scopeTwo("two.write")}`);
    const all = await obo(scopeTwo(".default"), { assertion });
    expect(String(all.body["scope"]).split(" ").at(-1)).toBe(scopeTwo(".default"));
  });

  test("sub differs between apps and between users, oid only between users", async () => {
    const subs = new Set<unknown>();
    for (const user of ["Ada", "Bob"]) {
      for (const app of ["agent", "two"]) subs.add(decodeJwt(await entra.issueUserToken({ user, app })).sub);
    }
    expect(subs.size).toBe(4);
  });

  test("a guest is exchanged in the tenant of the assertion; /common means the home tenant", async () => {
    const assertion = await entra.issueUserToken({ user: "Ada", app: "agent", tenant: "Fabrikam" });
    const fabrikam = entra.tenants[1]?.id ?? "";
    entra.grantConsent({
      user: "Ada",
      tenant: "Fabrikam",
      client: "agent",
      resource: "two",
      scopes: ["two.read"],
    });
    const there = await obo(scopeTwo("two.read"), { assertion }, fabrikam);
    expect(claimsOf(there.body)).toMatchObject({ tid: fabrikam, oid: entra.user("Ada").guestOids[fabrikam] });
    const atHome = await obo(scopeTwo("two.read"), { assertion }, "common");
    expect(claimsOf(atHome.body)).toMatchObject({ tid: tenant, oid: entra.user("Ada").oid });
  });

  test("an assertion may name the app by its client id or its URI, in versions 1 and 2", async () => {
    for (const version of [1, 2] as const) {
      const assertion = await entra.issueUserToken({ user: "Ada", app: "agent", version });
      expect((await obo(scopeTwo("two.read"), { assertion })).status).toBe(200);
    }
  });
});

describe("signing keys", () => {
  const keys = async (): Promise<JSONWebKeySet> =>
    (await fetch(`${entra.origin}/${tenant}/discovery/v2.0/keys`)).json();

  test("verify what was issued, by discovery", async () => {
    const metadata = await (
      await fetch(`${entra.origin}/${tenant}/v2.0/.well-known/openid-configuration`)
    ).json();
    const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
    const keySet = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(token, keySet, {
      issuer: metadata.issuer,
      audience: entra.app("agent").clientId,
      algorithms: ["RS256"],
    });
    expect(payload["oid"]).toBe(entra.user("Ada").oid);
    expect(metadata).not.toHaveProperty("code_challenge_methods_supported");
  });

  test("rotate; the old key stays published unless it is dropped, and then nothing it signed counts", async () => {
    const old = await entra.issueUserToken({ user: "Ada", app: "agent" });
    await entra.rotateKeys();
    expect((await keys()).keys).toHaveLength(2);
    expect((await obo(scopeTwo("two.read"), { assertion: old })).status).toBe(200);
    const current = await entra.issueUserToken({ user: "Ada", app: "agent" });
    expect(decodeProtectedHeader(current).kid).not.toBe(decodeProtectedHeader(old).kid);
    await entra.rotateKeys({ keepOld: false });
    expect((await keys()).keys).toHaveLength(1);
    expect((await obo(scopeTwo("two.read"), { assertion: old })).body["error_codes"]).toEqual([50013]);
  });

  test("an unknown key is never published", async () => {
    const token = await entra.issueUserToken({ user: "Ada", app: "agent", key: "unknown" });
    const { kid } = decodeProtectedHeader(token);
    expect((await keys()).keys.map((key) => key.kid)).not.toContain(kid);
  });
});

describe("tokens made for tests", () => {
  test("may override claims, and leave some out", async () => {
    const token = await entra.issueUserToken({
      user: "Ada",
      app: "agent",
      client: "two",
      scopes: [],
      expiresInS: -10,
      claims: { tid: "else", scp: undefined, idtyp: "app" },
    });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ tid: "else", idtyp: "app", azp: entra.app("two").clientId });
    expect(claims).not.toHaveProperty("scp");
    expect(claims.exp).toBeLessThan(Date.now() / 1000);
    expect(claims.nbf).toBeLessThan(Number(claims.exp));
  });

  test("names nobody declared are an error", async () => {
    await expect(entra.issueUserToken({ user: "Nobody", app: "agent" })).rejects.toMatchObject({
      code: "invalid_option",
    });
    expect(() => entra.app("nothing")).toThrow('no app "nothing" was declared');
    expect(() => entra.policies.add({ type: "mfa", user: "Nobody" })).toThrow("no user");
    expect(() => entra.grantConsent({ client: "agent", resource: "two", scopes: [] })).toThrow("allUsers");
    const typo = { user: "Ada", client: "agent", resource: "two", scopes: ["two.raed"] };
    expect(() => entra.grantConsent(typo)).toThrow('"two" exposes no scope "two.raed"');
  });
});

test("instance discovery names this host and no other", async () => {
  const answer = await (
    await fetch(
      `${entra.origin}/common/discovery/instance?api-version=1.1&authorization_endpoint=${entra.origin}/${tenant}/oauth2/v2.0/authorize`,
    )
  ).json();
  expect(answer.tenant_discovery_endpoint).toBe(
    `${entra.origin}/${tenant}/v2.0/.well-known/openid-configuration`,
  );
  expect(answer.metadata[0].aliases).toEqual([new URL(entra.origin).host]);
});

test("ids are random at each start", async () => {
  await using other = await startEntra({ apps: [{ name: "agent" }], users: [{ name: "Ada" }] });
  expect(other.tenants[0]?.id).not.toBe(tenant);
  expect(other.app("agent").clientId).not.toBe(entra.app("agent").clientId);
  expect(other.user("Ada").oid).not.toBe(entra.user("Ada").oid);
});
