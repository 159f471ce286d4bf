import { inspect } from "node:util";
import { ManagedIdentityCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  adminConsentLink,
  agentOnBehalfOf,
  type AgentOnBehalfOfOptions,
  certificate,
  type ClientCredential,
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  entraConsentLink,
  federatedCredential,
  type HostedAgentIdentityError,
  type IdentityEvent,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, type EntraOptions, startEntra } from "hosted-agent-identity/testing";
import { leaks } from "../support/people.js";

let entra: EntraEmulator;
let pem: string;
const events: IdentityEvent[] = [];
const everybody = Array.from({ length: 12 }, (_, n) => ({ name: `User ${n}` }));

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "blueprint" }], { algorithm: "sha256" });
  pem = `${made.cert}\n${made.private}`;
  entra = await startEntra(world());
  const consent = { allUsers: true, resource: "mcp", scopes: ["mcp.read"] } as const;
  entra.grantConsent({ ...consent, client: "clerk" });
  entra.grantConsent({ ...consent, client: "terse" });
  entra.grantConsent({ ...consent, client: "abroad", tenant: "Fabrikam" });
}, 60_000);
afterAll(() => entra.close());
beforeEach(() => {
  events.length = 0;
  entra.policies.clear();
});
afterEach(() => vi.unstubAllEnvs());

function world(): EntraOptions {
  return {
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "blueprint",
        scopes: ["access_agent"],
        secrets: ["blueprint-secret"],
        certificates: [pem],
        federatedCredentials: [{ managedIdentity: "sandbox" }, { managedIdentity: "hosted" }],
        installedIn: ["Fabrikam"],
        agentIdentities: [
          "clerk",
          "newcomer",
          { name: "terse", idTokens: false },
          { name: "abroad", tenant: "Fabrikam" },
        ],
      },
      { name: "other blueprint", secrets: ["other-secret"], agentIdentities: ["stranger"] },
      { name: "mcp", scopes: ["mcp.read"], installedIn: ["Fabrikam"], optionalClaims: ["idtyp"] },
      { name: "caller" },
    ],
    users: [{ name: "Ada", guestIn: ["Fabrikam"] }, { name: "Bob" }, ...everybody],
    managedIdentities: [{ name: "sandbox" }, { name: "hosted", federated: true }],
  };
}

const id = (name: string): string => entra.app(name).clientId;
const home = (): string => entra.tenants[0]?.id ?? "";
const abroad = (): string => entra.tenants[1]?.id ?? "";
const secret = clientSecret("blueprint-secret");

function blueprintApp(more: Partial<EntraAppOptions> = {}): EntraApp {
  return entraApp({
    tenantId: home(),
    clientId: id("blueprint"),
    credential: secret,
    cloud: entra.cloud,
    onEvent: (event) => void events.push(event),
    ...more,
  });
}

function access(
  options: Partial<AgentOnBehalfOfOptions> = {},
  blueprint: EntraApp = blueprintApp(),
): UserAccess {
  return userAccess(mcp(), [agentOnBehalfOf({ blueprint, agentIdentityId: id("clerk"), ...options })], {
    onEvent: (event) => void events.push(event),
  });
}

function mcp(): ReturnType<typeof protectedResource> {
  return protectedResource({
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: [`api://${id("mcp")}/mcp.read`],
    audiences: [id("mcp")],
  });
}

/** A context as a verified request leaves it: the verifier takes tokens for the blueprint. */
async function contextOf(
  user: string,
  token?: string,
  blueprint: EntraApp = blueprintApp({ allowedTenants: [home(), abroad()] }),
): Promise<UserContext> {
  const userToken = token ?? (await entra.issueUserToken({ user, app: "blueprint", client: "caller" }));
  return createUserContext({ userToken }, { verify: userTokenVerifier({ app: blueprint }) });
}

const requests = (grantType: string): EntraEmulator["requests"] =>
  entra.requests.filter((request) => request.grantType === grantType);

async function refused(work: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await work.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!isHostedAgentIdentityError(error)) throw error;
  return error;
}

describe("on behalf of the user, as an agent identity", () => {
  it("gives a token of the user that names the agent identity as its client", async () => {
    const { token, source } = await access().token(await contextOf("Ada"));
    expect(source).toBe("agent_on_behalf_of");
    expect(decodeJwt(token)).toMatchObject({
      aud: id("mcp"),
      oid: entra.user("Ada").oid,
      tid: home(),
      azp: id("clerk"),
      idtyp: "user",
      scp: "mcp.read",
      xms_par_app_azp: id("blueprint"),
    });
  });

  it("asks the blueprint's exchange token first, in the agent identity's tenant, with the documented fields", async () => {
    const from = entra.requests.length;
    await access().token(await contextOf("Ada"));
    const [first, second] = entra.requests.slice(from).filter(({ path }) => path.endsWith("/token"));
    expect(first).toMatchObject({ tenant: home(), client: "blueprint", clientAuth: "secret" });
    expect(first?.params).toMatchObject({
      grant_type: "client_credentials",
      client_id: id("blueprint"),
      scope: expect.stringContaining("api://AzureADTokenExchange/.default"),
      fmi_path: id("clerk"),
    });
    expect(second).toMatchObject({ tenant: home(), client: "clerk", clientAuth: "federated" });
    expect(second?.params).toMatchObject({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      client_id: id("clerk"),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: "[redacted]",
      assertion: "[redacted]",
      requested_token_use: "on_behalf_of",
    });
    for (const request of [first, second]) expect(request?.params).not.toHaveProperty("resource");
    expect(second?.params).not.toHaveProperty("fmi_path");
    expect(second?.params).not.toHaveProperty("client_secret");
  });

  it.each<[string, string, () => ClientCredential]>([
    ["a secret", "secret", () => secret],
    ["a certificate", "certificate", () => certificate({ pem })],
    [
      "the container's managed identity",
      "federated",
      () => federatedCredential(new ManagedIdentityCredential()),
    ],
  ])("works with %s of the blueprint", async (_what, clientAuth, credential) => {
    for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
    const contacts = access({}, blueprintApp({ credential: credential() }));
    const { token } = await contacts.token(await contextOf("Ada"));
    expect(decodeJwt(token)["azp"]).toBe(id("clerk"));
    expect(requests("client_credentials").at(-1)).toMatchObject({ client: "blueprint", clientAuth });
  });

  it("serves the users of the one tenant that the agent identity is in, guests included", async () => {
    const blueprint = blueprintApp({ allowedTenants: [home(), abroad()] });
    const contacts = access({ agentIdentityId: id("abroad"), tenantId: abroad() }, blueprint);
    const guest = await contextOf(
      "Ada",
      await entra.issueUserToken({ user: "Ada", app: "blueprint", client: "caller", tenant: "Fabrikam" }),
    );
    const { token } = await contacts.token(guest);
    expect(decodeJwt(token)).toMatchObject({ tid: abroad(), oid: guest.user?.oid, azp: id("abroad") });
    for (const { tenant } of entra.requests.slice(-2)) expect(tenant).toBe(abroad());

    const before = entra.requests.length;
    const error = await refused(contacts.token(await contextOf("Ada")));
    expect(error).toMatchObject({ code: "no_token", skipped: [{ reason: "wrong_tenant" }] });
    expect(entra.requests.slice(before).filter(({ path }) => path.endsWith("/token"))).toEqual([]);
  });
});

describe("the blueprint's exchange token", () => {
  it("is asked for once, however many users, resources and sources wait for it", async () => {
    const blueprint = blueprintApp();
    const agents = [access({}, blueprint), access({}, blueprint)];
    const contexts = await Promise.all(everybody.map(({ name }) => contextOf(name)));
    const before = requests("client_credentials").length;
    const tokens = await Promise.all(
      contexts.flatMap((context) => agents.map((contacts) => contacts.token(context))),
    );
    expect(requests("client_credentials").length - before).toBe(1);
    tokens.forEach(({ token }, n) => {
      expect(decodeJwt(token)["oid"]).toBe(contexts[Math.floor(n / 2)]?.user?.oid);
    });
  });

  it("is another one for each agent identity", async () => {
    const blueprint = blueprintApp();
    const ada = await contextOf("Ada");
    const before = requests("client_credentials").length;
    const one = await access({}, blueprint).token(ada);
    const two = await access({ agentIdentityId: id("terse") }, blueprint).token(ada);
    expect([decodeJwt(one.token)["azp"], decodeJwt(two.token)["azp"]]).toEqual([id("clerk"), id("terse")]);
    expect(requests("client_credentials").length - before).toBe(2);
  });

  it("is asked for again once it is about to expire", async () => {
    let clock = Date.now();
    const blueprint = blueprintApp({ now: () => clock });
    const ada = await contextOf("Ada");
    /** Closed, because an access that is still open would have her token for the next one. */
    const exchange = async (): Promise<void> => {
      const contacts = access({}, blueprint);
      await contacts.token(ada).catch(() => undefined);
      await contacts.close();
    };
    await exchange();
    const before = requests("client_credentials").length;
    clock += 58 * 60_000;
    await exchange();
    expect(requests("client_credentials").length - before).toBe(0);
    clock += 60_000;
    await exchange();
    expect(requests("client_credentials").length - before).toBe(1);
  });

  it("is asked for again when Entra does not take the one at hand any more", async () => {
    const blueprint = blueprintApp();
    const contacts = access({}, blueprint);
    await contacts.token(await contextOf("Ada"));
    const before = requests("client_credentials").length;
    await entra.rotateKeys({ keepOld: false });
    await contacts.token(await contextOf("Bob"));
    expect(requests("client_credentials").length - before).toBe(1);
  });

  it("is asked for with no user context at hand, and outlives the caller who leaves", async () => {
    const seen: unknown[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const blueprint = blueprintApp({
      fetch: async (input, init) => {
        if (String(init?.body).includes("fmi_path=")) {
          seen.push(tryGetUserContext());
          await held;
        }
        return fetch(input, init);
      },
    });
    const contacts = access({}, blueprint);
    const [ada, bob] = [await contextOf("Ada"), await contextOf("Bob")];
    const leaving = new AbortController();
    const left = runWithUserContext(ada, () => contacts.token(undefined, { signal: leaving.signal }));
    const stays = contacts.token(bob);
    await vi.waitUntil(() => seen.length > 0);
    leaving.abort(new Error("Ada left"));
    await expect(left).rejects.toThrow("Ada left");
    release();
    expect(decodeJwt((await stays).token)["oid"]).toBe(bob.user?.oid);
    expect(seen).toEqual([undefined]);
  });

  it("is tried again a few times when Entra has a passing trouble, not once for each retry of a retry", async () => {
    entra.policies.add({ type: "transient", client: "blueprint", grant: "client_credentials" });
    const before = requests("client_credentials").length;
    const error = await refused(access().token(await contextOf("Ada")));
    expect(error.category).toBe("retry");
    expect(requests("client_credentials").length - before).toBe(3);
  });
});

describe("whose token it is", () => {
  it("is proven by the access token itself where Entra sends no id token", async () => {
    const contacts = access({ agentIdentityId: id("terse") });
    const { token } = await contacts.token(await contextOf("Ada"));
    expect(decodeJwt(token)["oid"]).toBe(entra.user("Ada").oid);
    expect(contacts.explain(await contextOf("Ada")).sources[0]).toMatchObject({ provesUser: true });
  });

  it.each(["clerk", "terse"])(
    "refuses another person's answer, asked as %s, and keeps nothing",
    async (agent) => {
      const contacts = access({ agentIdentityId: id(agent) });
      const [ada, bob] = [await contextOf("Ada"), await contextOf("Bob")];
      entra.policies.add({ type: "swap", grant: "on_behalf_of" });
      const outcomes = await Promise.all([ada, bob].map((context) => refused(contacts.token(context))));
      expect(outcomes.map(({ code }) => code)).toEqual(["wrong_user", "wrong_user"]);
      expect(events.filter(({ type }) => type === "wrong_user")).toHaveLength(2);
      entra.policies.clear();
      expect(decodeJwt((await contacts.token(await contextOf("Ada"))).token)["oid"]).toBe(ada.user?.oid);
    },
  );

  it.each<[string, (claims: Record<string, unknown>) => string]>([
    ["cannot be read", () => "opaque"],
    ["names nobody", ({ oid: _oid, ...claims }) => unsigned(claims)],
    ["was made for another agent identity", (claims) => unsigned({ ...claims, azp: id("stranger") })],
    ["stands for the agent identity alone", (claims) => unsigned({ ...claims, idtyp: "app" })],
    ["is of another tenant", (claims) => unsigned({ ...claims, tid: abroad() })],
  ])("refuses an answer without id token whose token %s", async (_what, change) => {
    const blueprint = blueprintApp({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (!String(init?.body).includes("requested_token_use")) return response;
        const body = await response.json();
        return Response.json({ ...body, access_token: change(decodeJwt(body.access_token)) });
      },
    });
    const contacts = access({ agentIdentityId: id("terse") }, blueprint);
    expect((await refused(contacts.token(await contextOf("Ada")))).code).toBe("wrong_user");
  });
});

describe("refusals", () => {
  it("makes missing consent an administrator's matter, and says what to do", async () => {
    const error = await refused(access({ agentIdentityId: id("newcomer") }).token(await contextOf("Ada")));
    expect(error).toMatchObject({ code: "agent_consent_missing", category: "admin" });
    expect(error.help).toMatch(/inheritable/);
    expect(error.cause).toMatchObject({ errorCodes: [65001] });
  });

  it("makes it a link for an administrator where there is one", async () => {
    const blueprint = blueprintApp();
    const consentLink = adminConsentLink({
      app: blueprint,
      redirectUri: "https://chat.example.com/consented",
    });
    const contacts = access({ agentIdentityId: id("newcomer"), consentLink }, blueprint);
    const error = await refused(contacts.token(await contextOf("Ada")));
    if (!isConsentRequiredError(error)) throw error;
    const link = new URL(error.requests[0]?.link ?? "");
    expect(link.pathname).toBe(`/${home()}/v2.0/adminconsent`);
    expect(link.searchParams.get("client_id")).toBe(id("blueprint"));
    expect(error.requests[0]?.reason).toBe("admin_consent");
  });

  it.each<[string, () => Partial<AgentOnBehalfOfOptions>, () => Partial<EntraAppOptions>, object]>([
    [
      "an agent identity of another blueprint",
      () => ({ agentIdentityId: id("stranger") }),
      () => ({}),
      { errorCodes: [90023], category: "config", help: expect.stringContaining("agentIdentityId") },
    ],
    [
      "an agent identity of another tenant",
      () => ({ agentIdentityId: id("abroad") }),
      () => ({}),
      { errorCodes: [700016], category: "admin", help: expect.stringContaining("tenantId") },
    ],
    [
      "a wrong secret of the blueprint",
      () => ({}),
      () => ({ credential: clientSecret("wrong") }),
      { code: "client_credential_failed", errorCodes: [7000215], category: "cred" },
    ],
    [
      "a blueprint that trusts no such identity",
      () => ({}),
      () => ({ credential: federatedCredential(() => entra.issueAppToken(exchangeTokenOf("mcp"))) }),
      { errorCodes: [700213], category: "config", help: expect.stringContaining("blueprint itself") },
    ],
    [
      "a hosted identity whose own token comes from a federated credential",
      () => ({}),
      () => ({ credential: federatedCredential(new ManagedIdentityCredential(hosted())) }),
      { errorCodes: [700231], category: "config", help: expect.stringContaining("hosted agent") },
    ],
  ])("names what is wrong with %s", async (_what, options, app, expected) => {
    for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
    const error = await refused(access(options(), blueprintApp(app())).token(await contextOf("Ada")));
    expect(error).toMatchObject(expected);
  });

  it("tells a blueprint that exchanges by itself to use this source", async () => {
    const contacts = userAccess(mcp(), [onBehalfOf(blueprintApp())]);
    const error = await refused(contacts.token(await contextOf("Ada")));
    expect(error).toMatchObject({ errorCodes: [82002], category: "config" });
    expect(error.help).toContain("agentOnBehalfOf()");
  });

  it("asks nobody for a user token that is not the blueprint's", async () => {
    const before = entra.requests.length;
    const foundry = await entra.issueUserToken({
      user: "Ada",
      app: "https://ai.azure.com",
      client: "caller",
    });
    const open = blueprintApp({ audiences: ["https://ai.azure.com"], allowedTenants: [home()] });
    const context = await contextOf("Ada", foundry, open);
    const error = await refused(access().token(context));
    expect(error).toMatchObject({ code: "no_token", skipped: [{ reason: "wrong_audience" }] });
    expect(entra.requests.slice(before).filter(({ path }) => path.endsWith("/token"))).toEqual([]);
  });

  it("shows neither exchange token nor assertion in an error", async () => {
    const assertion = await entra.issueUserToken({ user: "Ada", app: "blueprint", client: "caller" });
    const tokens: string[] = [];
    const blueprint = blueprintApp({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const body = await response.clone().json();
        if (typeof body.access_token === "string") tokens.push(body.access_token);
        return response;
      },
    });
    const contacts = access({ agentIdentityId: id("newcomer") }, blueprint);
    const error = await refused(contacts.token(await contextOf("Ada", assertion)));
    const shown = `${JSON.stringify(error)}${inspect(error, { depth: 10, showHidden: true })}`;
    expect(tokens).toHaveLength(1);
    for (const token of [...tokens, assertion]) expect(leaks(shown, token)).toBe(false);
    expect(leaks(JSON.stringify(events), tokens[0] ?? "")).toBe(false);
  });

  it("refuses options that cannot work, naming the option", () => {
    const blueprint = blueprintApp();
    const make = (options: Partial<AgentOnBehalfOfOptions>): (() => unknown) => {
      return () => agentOnBehalfOf({ blueprint, agentIdentityId: id("clerk"), ...options });
    };
    const redirectUri = "https://chat.example.com/consented";
    expect(make({ agentIdentityId: "clerk" })).toThrow(/agentIdentityId/);
    expect(make({ agentIdentityId: id("blueprint") })).toThrow(/agentIdentityId/);
    expect(make({ tenantId: "common" })).toThrow(/tenantId/);
    expect(make({ tenantId: abroad() })).toThrow(/allowedTenants/);
    expect(make({ consentLink: entraConsentLink({ app: blueprint, redirectUri }) })).toThrow(/consentLink/);
  });

  it("gives nothing once the blueprint is closed", async () => {
    const blueprint = blueprintApp();
    const contacts = access({}, blueprint);
    const context = await contextOf("Ada");
    await blueprint.close();
    expect((await refused(contacts.token(context))).code).toBe("invalid_option");
  });
});

function exchangeTokenOf(client: string): { app: string; client: string } {
  return { app: "AAD Token Exchange Endpoint", client };
}

function hosted(): { clientId: string } {
  return { clientId: entra.managedIdentity.identities[1]?.clientId ?? "" };
}

function unsigned(claims: Record<string, unknown>): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.c2ln`;
}
