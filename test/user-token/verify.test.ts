import { randomUUID } from "node:crypto";
import { exportSPKI, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createUserContext,
  type ErrorCode,
  type IdentityEvent,
  protectedResource,
  userTokenVerifier,
  type UserTokenVerifierOptions,
} from "hosted-agent-identity";
import { cloudEndpoints } from "../../src/entra/clouds.js";
import { base64url, handMade, signingKey, startTestCloud, type TestCloud } from "../support/keys.js";
import { expectNothingOf, refused } from "../support/refused.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());
beforeEach(() => void (cloud.requests.length = 0));

const verifier = (options: Partial<UserTokenVerifierOptions> = {}) =>
  userTokenVerifier({ app: cloud.app, ...options });
const seconds = (offset = 0): number => Math.floor(Date.now() / 1000) + offset;

describe("a token of a person for our app", () => {
  test("names the person and may be exchanged", async () => {
    const oid = randomUUID();
    const token = await cloud.token({ oid });
    const { user, assertion } = await verifier()(token);
    expect(user).toEqual({ tid: cloud.home, oid, name: "Ada Example", username: "ada@example.com" });
    expect(assertion).toMatchObject({ token, use: "app", claims: { oid } });
    expect(cloud.requests).toEqual([`/${cloud.home}/discovery/v2.0/keys`]);
  });

  test("may name its tenant and object id in capitals", async () => {
    const oid = randomUUID();
    const token = await cloud.token({ oid: oid.toUpperCase(), tid: cloud.home.toUpperCase() });
    expect((await verifier()(token)).user).toMatchObject({ tid: cloud.home, oid });
  });

  test("may have the version 1 form of issuer, audience, client and user name", async () => {
    const stsEndpoint = "https://sts.windows.net";
    const app = { ...cloud.app, cloud: cloudEndpoints({ loginEndpoint: cloud.origin, stsEndpoint }) };
    const client = randomUUID();
    const token = await cloud.token({
      iss: `${stsEndpoint}/${cloud.home}/`,
      aud: `api://${app.clientId}`,
      ver: "1.0",
      azp: undefined,
      appid: client,
      preferred_username: undefined,
      upn: "ada@example.org",
    });
    const { user, assertion } = await verifier({ app, clients: [client.toUpperCase()] })(token);
    expect(user.username).toBe("ada@example.org");
    expect(assertion.use).toBe("app");
  });

  test("is accepted within the tolerance of clocks, and refused after it", async () => {
    const late = await cloud.token({ exp: seconds(-50) });
    const early = await cloud.token({ nbf: seconds(50) });
    await verifier()(late);
    await verifier()(early);
    await refused(verifier({ clockToleranceS: 10 })(late), "user_token_expired", late);
    await refused(verifier({ clockToleranceS: 10 })(early), "user_token_not_yet_valid", early);
  });

  test("of another listed tenant is checked with that tenant's keys and issuer", async () => {
    const other = randomUUID();
    const app = { ...cloud.app, allowedTenants: [cloud.home, other] };
    const token = await cloud.token({ tid: other, iss: `${cloud.origin}/${other}/v2.0` });
    expect((await verifier({ app })(token)).user.tid).toBe(other);
    expect(cloud.requests).toEqual([`/${other}/discovery/v2.0/keys`]);

    const mixed = await cloud.token({ tid: other });
    await refused(verifier({ app })(mixed), "user_token_issuer", mixed);
  });

  test("never shows in what the verifier returns", async () => {
    const token = await cloud.token();
    const verified = await verifier()(token);
    expectNothingOf(token, verified);
    expectNothingOf(token, { ...verified });
    expectNothingOf(token, structuredClone(verified));
  });
});

describe("a token for a passthrough resource", () => {
  const audience = "api://contacts";
  const contactsApp = randomUUID();
  const passthroughTo = [{ audiences: [audience] }];

  test("serves that resource and no exchange", async () => {
    const { assertion } = await verifier({ passthroughTo })(await cloud.token({ aud: audience }));
    expect(assertion).toMatchObject({ use: "resource", audience });
  });

  test("is refused when the resource is not listed", async () => {
    const token = await cloud.token({ aud: audience });
    const error = await refused(verifier()(token), "user_token_audience", token);
    expect(error.expected).toEqual(cloud.app.audiences);
    expect(error.actual).toBe(audience);
    expect(error.message).toContain(JSON.stringify(audience));
  });

  test.each([
    ["the GUID, as version 2 spells it", () => contactsApp],
    ["the URI, as version 1 may", () => `api://${contactsApp}`],
  ])(
    "is known by the first audience that the resource is configured with, named by %s",
    async (_what, aud) => {
      const other = protectedResource({
        url: "https://mail.example.com/mcp",
        serverLabel: "mail",
        scopes: [`api://${contactsApp}/mail`],
        audiences: [`api://${contactsApp}`],
      });
      const contacts = protectedResource({
        url: "https://contacts.example.com/mcp",
        serverLabel: "contacts",
        scopes: [`api://${contactsApp}/read`],
        audiences: [contactsApp, `api://${contactsApp}`],
      });
      const verify = verifier({ passthroughTo: [contacts, other] });
      const oid = randomUUID();
      const context = await createUserContext(
        { userToken: await cloud.token({ aud: aud(), oid }) },
        { verify },
      );
      expect(context.principal).toEqual({ kind: "resource", tid: cloud.home, oid, audience: contactsApp });
      expect(context.user).toMatchObject({ tid: cloud.home, oid });
      expect(context.proof).toBe("resource");
    },
  );

  test("is refused for a resource that shares an audience with our own app, however it is spelled", () => {
    for (const shared of [cloud.app.clientId.toUpperCase(), `API://${cloud.app.clientId}`])
      expect(() => verifier({ passthroughTo: [{ audiences: ["api://contacts", shared] }] })).toThrow(
        expect.objectContaining({
          code: "invalid_option",
          message: expect.stringContaining("sameTrust") as string,
        }),
      );
  });

  test("is our own where a resource of the same trust shares our audience, and the resource's where it does not", async () => {
    const { clientId } = cloud.app;
    const contacts = protectedResource({
      url: "https://contacts.example.com/mcp",
      serverLabel: "contacts",
      scopes: [`api://${clientId}/read`],
      audiences: ["api://contacts", clientId],
      sameTrust: true,
    });
    const verify = verifier({ passthroughTo: [contacts] });
    expect((await verify(await cloud.token())).assertion.use).toBe("app");
    expect((await verify(await cloud.token({ aud: "api://contacts" }))).assertion).toMatchObject({
      use: "resource",
      audience: "api://contacts",
    });
    expect(() =>
      verifier({ passthroughTo: [{ audiences: [clientId], sameTrust: "yes" as unknown as boolean }] }),
    ).toThrow(/sameTrust/);
  });

  test("is not asked for the scopes of our app", async () => {
    const token = await cloud.token({ aud: audience, scp: "Contacts.Read" });
    const verified = await verifier({ passthroughTo, requiredScopes: ["access_as_user"] })(token);
    expect(verified.assertion.use).toBe("resource");
  });
});

type BadToken = [name: string, code: ErrorCode, token: () => Promise<string> | string];

const badTokens: BadToken[] = [
  ["an empty text", "user_token_malformed", () => ""],
  ["not a JSON Web Token", "user_token_malformed", () => `opaque-${"a1b2c3d4".repeat(20)}`],
  ["encrypted instead of signed", "user_token_malformed", () => ["a", "b", "c", "d", "e"].join(".")],
  ["a header that is no JSON", "user_token_malformed", () => `bm90IGpzb24.${base64url({})}.c2ln`],
  ["claims that are no object", "user_token_malformed", () => handMade({ alg: "RS256", kid: "k" }, ["tid"])],
  [
    "a line break inside",
    "user_token_malformed",
    async () => (await cloud.token()).replace(".", ".\r\nx-agent-user-id: eve"),
  ],
  [
    "a critical header that nobody here understands",
    "user_token_malformed",
    async () => withCriticalHeader(await cloud.token()),
  ],
  ["100 kB", "user_token_too_large", () => cloud.token({ groups: "g".repeat(75_000) })],
  ["alg none", "user_token_algorithm", () => handMade({ alg: "none", typ: "JWT" }, claimsOfAdmin())],
  ["HS256 signed with the public key", "user_token_algorithm", hs256WithPublicKey],
  ["another algorithm of the same key", "user_token_algorithm", ps256],
  ["a tenant that is not listed", "user_token_tenant", () => cloud.token({ tid: randomUUID() })],
  ["a tenant that is a path", "user_token_tenant", () => cloud.token({ tid: "../../evil" })],
  ["the tenant common", "user_token_tenant", () => cloud.token({ tid: "common" })],
  ["no tenant", "user_token_tenant", () => cloud.token({ tid: undefined })],
  ["no key id", "user_token_key_unknown", () => cloud.token({}, { header: { kid: undefined } })],
  ["an unknown key id", "user_token_key_unknown", () => cloud.token({}, { key: signingKey() })],
  [
    "a known key id but another key",
    "user_token_signature",
    () => cloud.token({}, { key: signingKey(cloud.key.kid) }),
  ],
  ["claims changed after signing", "user_token_signature", async () => tampered(await cloud.token())],
  [
    "another issuer",
    "user_token_issuer",
    () => cloud.token({ iss: `https://login.example.com/${cloud.home}/v2.0` }),
  ],
  ["no issuer", "user_token_issuer", () => cloud.token({ iss: undefined })],
  ["another audience", "user_token_audience", () => cloud.token({ aud: randomUUID() })],
  ["two audiences", "user_token_audience", () => cloud.token({ aud: [cloud.app.clientId, "api://other"] })],
  ["no audience", "user_token_audience", () => cloud.token({ aud: undefined })],
  ["a past expiry", "user_token_expired", () => cloud.token({ exp: seconds(-120) })],
  ["no expiry", "user_token_expired", () => cloud.token({ exp: undefined })],
  ["a start in the future", "user_token_not_yet_valid", () => cloud.token({ nbf: seconds(600) })],
  [
    "an application instead of a person",
    "user_token_app_only",
    () => cloud.token({ idtyp: "app", scp: undefined, roles: ["Agent.Call"] }),
  ],
  ["no scopes, as in an ID token", "user_token_subject", () => cloud.token({ scp: undefined })],
  ["an agent identity's own scope mark", "user_token_subject", () => cloud.token({ scp: "/" })],
  [
    "an agent's own user account",
    "user_token_agent_user",
    () => cloud.token({ idtyp: "user", xms_sub_fct: "3 13" }),
  ],
  ["no object id", "user_token_subject", () => cloud.token({ oid: undefined })],
  ["an object id that is no GUID", "user_token_subject", () => cloud.token({ oid: "root" })],
];

const beforeAnyFetch = /malformed|too_large|algorithm|tenant/;

describe("a user token is refused that has", () => {
  test.each(badTokens)("%s (%s)", async (_name, code, make) => {
    const token = await make();
    const error = await refused(verifier()(token), code, token);
    expect(error.status).toBe(401);
  });

  test.each(badTokens.filter(([name, code]) => beforeAnyFetch.test(code) && !name.startsWith("a critical")))(
    "%s (%s), before anything is fetched",
    async (_name, code, make) => {
      await refused(verifier()(await make()), code);
      expect(cloud.requests).toEqual([]);
    },
  );

  test("a scope missing that is required, naming both", async () => {
    const token = await cloud.token({ scp: "profile.read" });
    const error = await refused(
      verifier({ requiredScopes: ["access_as_user"] })(token),
      "user_token_scope",
      token,
    );
    expect(error).toMatchObject({ expected: ["access_as_user"], actual: "profile.read" });
  });

  test("a client that is not listed, naming it", async () => {
    const azp = randomUUID();
    const token = await cloud.token({ azp });
    const error = await refused(verifier({ clients: [randomUUID()] })(token), "user_token_client", token);
    expect(error.actual).toBe(azp);
  });

  test("Foundry's own audience, saying which token to send instead", async () => {
    const token = await cloud.token({ aud: "https://ai.azure.com" });
    const error = await refused(verifier()(token), "user_token_audience", token);
    expect(error.help).toContain("x-client-user-token");
  });

  test("any fault, and whoever listens is told the code and nothing else", async () => {
    const events: IdentityEvent[] = [];
    const token = await cloud.token({ aud: "api://other" });
    await refused(verifier({ onEvent: (event) => events.push(event) })(token), "user_token_audience");
    expect(events).toEqual([{ type: "user_token_refused", code: "user_token_audience", category: "input" }]);
  });

  test("a value that is not a text at all", async () => {
    await refused(verifier()(undefined as unknown as string), "user_token_malformed");
  });
});

describe("a verification is remembered", () => {
  const signatureChecks = () => vi.spyOn(globalThis.crypto.subtle, "verify");

  test("so that the same token costs one signature check, also 100 times at once", async () => {
    const verify = verifier();
    const token = await cloud.token();
    const checks = signatureChecks();
    const all = await Promise.all(Array.from({ length: 100 }, () => verify(token)));
    await verify(token);
    expect(checks).toHaveBeenCalledTimes(1);
    expect(cloud.requests).toHaveLength(1);
    expect(new Set(all.map(({ assertion }) => assertion.hash)).size).toBe(1);
  });

  test("and no two requests share its claims, which a handler could change", async () => {
    const verify = verifier();
    const token = await cloud.token();
    const all = await Promise.all([verify(token), verify(token)]);
    all.push(await verify(token), await verify(token));
    expect(new Set(all.map(({ assertion }) => assertion.claims)).size).toBe(4);
    expect(new Set(all.map(({ assertion }) => JSON.stringify(assertion.claims))).size).toBe(1);
  });

  test("and so is its header, for tokens that begin with the same one", async () => {
    const verify = verifier();
    await verify(await cloud.token());
    const [, claims, signature] = (await cloud.token()).split(".");
    const other = base64url({ alg: "none", typ: "JWT" });
    await refused(verify(`${other}.${claims}.${signature}`), "user_token_algorithm");
    const unknown = base64url({ alg: "RS256", kid: "unknown" });
    await refused(verify(`${unknown}.${claims}.${signature}`), "user_token_key_unknown");
    expect((await verify(await cloud.token())).user.tid).toBe(cloud.home);
  });

  test("for the whole token: the same claims under a bad signature are refused", async () => {
    const verify = verifier();
    const token = await cloud.token();
    await verify(token);
    const forged = `${token.slice(0, token.lastIndexOf("."))}.${"A".repeat(342)}`;
    await refused(verify(forged), "user_token_signature", forged);
  });

  test("for ten minutes at most", async () => {
    let now = Date.now();
    const verify = verifier({ now: () => now });
    const token = await cloud.token();
    await verify(token);
    const checks = signatureChecks();
    now += 9 * 60_000;
    await verify(token);
    expect(checks).toHaveBeenCalledTimes(0);
    now += 61_000;
    await verify(token);
    expect(checks).toHaveBeenCalledTimes(1);
  });

  test("never past the token's expiry", async () => {
    let now = Date.now();
    const verify = verifier({ now: () => now, clockToleranceS: 0 });
    const token = await cloud.token({ exp: seconds(120) });
    await verify(token);
    now += 121_000;
    await refused(verify(token), "user_token_expired", token);
  });

  test("until its key leaves the key set", async () => {
    const other = await startTestCloud();
    let now = Date.now();
    const verify = userTokenVerifier({ app: other.app, now: () => now });
    const token = await other.token();
    await verify(token);
    const next = signingKey();
    await other.publish(next);
    now += 31_000;
    await verify(await other.token({}, { key: next }));
    await refused(verify(token), "user_token_key_unknown", token);
    await other.close();
  });

  test("and a failure is not: the same token is looked at again", async () => {
    let now = Date.now();
    const verify = verifier({ now: () => now });
    const token = await cloud.token({ nbf: seconds(300) });
    await refused(verify(token), "user_token_not_yet_valid");
    now += 301_000;
    await verify(token);
  });
});

test.each([
  [{ maxTokenBytes: 0 }, /maxTokenBytes/],
  [{ clockToleranceS: -1 }, /clockToleranceS/],
  [{ timeoutMs: Number.NaN }, /timeoutMs/],
  [{ clients: ["everyone"] }, /clients/],
])("an option that cannot work is refused at once: %j", (options, message) => {
  expect(() => verifier(options)).toThrow(message);
});

function claimsOfAdmin(): object {
  return { tid: cloud.home, oid: randomUUID(), aud: cloud.app.clientId, scp: "access_as_user" };
}

async function hs256WithPublicKey(): Promise<string> {
  const { createPublicKey } = await import("node:crypto");
  const secret = new TextEncoder().encode(await exportSPKI(createPublicKey(cloud.key.privateKey)));
  const header = { alg: "HS256", typ: "JWT", kid: cloud.key.kid };
  return new SignJWT({ ...claimsOfAdmin() }).setProtectedHeader(header).sign(secret);
}

function ps256(): Promise<string> {
  const header = { alg: "PS256", typ: "JWT", kid: cloud.key.kid };
  return new SignJWT({ ...claimsOfAdmin() }).setProtectedHeader(header).sign(cloud.key.privateKey);
}

function tampered(token: string): string {
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  return [header, base64url({ ...claims, oid: randomUUID() }), signature].join(".");
}

function withCriticalHeader(token: string): string {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as object;
  const header = { alg: "RS256", kid: cloud.key.kid, crit: ["urn:example"], "urn:example": true };
  return handMade(header, claims, cloud.key);
}
