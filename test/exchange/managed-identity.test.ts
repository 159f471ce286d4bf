import { ManagedIdentityCredential } from "@azure/identity";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type ClientCredential,
  entraApp,
  type EntraAppOptions,
  type ErrorCategory,
  federatedCredential,
} from "hosted-agent-identity";
import {
  type EntraAppOptions as RegisteredApp,
  type EntraEmulator,
  type EntraOptions,
  startEntra,
} from "hosted-agent-identity/testing";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { exchangeOnBehalfOf } from "../../src/exchange/token-request.js";

const started: EntraEmulator[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(started.splice(0).map((entra) => entra.close()));
});

async function start(
  agent: Partial<RegisteredApp>,
  more: Partial<EntraOptions> = {},
): Promise<EntraEmulator> {
  const entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["unused"], ...agent },
      { name: "mcp", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
    ],
    users: [{ name: "Ada" }],
    managedIdentities: [
      { name: "sandbox" },
      { name: "another" },
      { name: "abroad", tenant: "Fabrikam" },
      { name: "hosted", federated: true },
    ],
    ...more,
  });
  started.push(entra);
  return entra;
}

/** One exchange by the agent with this credential. */
async function exchange(
  entra: EntraEmulator,
  credential: ClientCredential,
  more: Partial<EntraAppOptions> = {},
): Promise<unknown> {
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    cloud: entra.cloud,
    credential,
    ...more,
  });
  return exchangeOnBehalfOf(entraAppInternals(app), {
    resource: "https://contacts.example.com/mcp",
    assertion: await entra.issueUserToken({ user: "Ada", app: "agent" }),
    account: { tid: entra.tenants[0]?.id ?? "", oid: entra.user("Ada").oid },
    scopes: [`${entra.app("mcp").identifierUris[0]}/read`],
    claims: undefined,
    signal: new AbortController().signal,
  }).catch((cause: unknown) => cause);
}

/** The container's identity, asked as `ManagedIdentityCredential` asks, which keeps to the first endpoint it sees. */
function identity(entra: EntraEmulator, name: string): ClientCredential {
  const { clientId } = entra.managedIdentity.identities.find((one) => one.name === name) ?? { clientId: "" };
  return federatedCredential({
    async getToken(scopes) {
      const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = entra.managedIdentity.env;
      const resource = String(scopes).replace(/\/\.default$/, "");
      const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: clientId });
      const response = await fetch(`${IDENTITY_ENDPOINT}?${query}`, {
        headers: { "x-identity-header": IDENTITY_HEADER },
      });
      const body = await response.json();
      if (!response.ok) throw new Error(String(body.message));
      return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 };
    },
  });
}

const asked = (entra: EntraEmulator): unknown =>
  entra.requests.find(({ grantType }) => grantType === "managed_identity")?.params?.["resource"];

describe("a managed identity as the app's credential", () => {
  it("is asked for through the container's own endpoint, as the platform's variables name it", async () => {
    const entra = await start(
      { federatedCredentials: [{ managedIdentity: "sandbox" }] },
      { cloud: "us_gov" },
    );
    const sandbox = entra.managedIdentity.identities[0];
    for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
    const credential = new ManagedIdentityCredential({ clientId: sandbox?.clientId ?? "" });
    expect(await exchange(entra, federatedCredential(credential))).toMatchObject({
      token: expect.any(String),
    });
    expect(asked(entra)).toBe("api://AzureADTokenExchangeUSGov");
  });

  it.each([
    ["global", "api://AzureADTokenExchange"],
    ["us_gov", "api://AzureADTokenExchangeUSGov"],
    ["china", "api://AzureADTokenExchangeChina"],
  ] as const)("in the cloud %s with the audience %s", async (cloud, audience) => {
    const entra = await start({ federatedCredentials: [{ managedIdentity: "sandbox" }] }, { cloud });
    expect(await exchange(entra, identity(entra, "sandbox"))).toMatchObject({ token: expect.any(String) });
    expect(asked(entra)).toBe(audience);
  });

  it("says what to look at when the app is told another cloud than it runs in", async () => {
    const entra = await start({ federatedCredentials: [{ managedIdentity: "sandbox" }] }, { cloud: "china" });
    const cloud = { ...entra.cloud, tokenExchangeAudience: "api://AzureADTokenExchange" };
    expect(await exchange(entra, identity(entra, "sandbox"), { cloud })).toMatchObject({
      code: "client_credential_failed",
      message: expect.stringContaining('"api://AzureADTokenExchange/.default" (Error)'),
      help: expect.stringContaining("cloud of entraApp()"),
    });
  });

  it.each<[string, string, Partial<RegisteredApp>, number, ErrorCategory, RegExp]>([
    ["the app has no federated credential", "sandbox", {}, 70025, "config", /Add one/],
    [
      "it is of another issuer",
      "sandbox",
      { federatedCredentials: [{ issuer: "https://idp.example.com", subject: "x" }] },
      700211,
      "config",
      /issuer/,
    ],
    [
      "it is for another identity",
      "another",
      { federatedCredentials: [{ managedIdentity: "sandbox" }] },
      700213,
      "config",
      /subject/,
    ],
    [
      "it names another audience",
      "sandbox",
      { federatedCredentials: [{ managedIdentity: "sandbox", audience: "api://mine" }] },
      700212,
      "config",
      /audience/,
    ],
    [
      "the identity is of another tenant",
      "abroad",
      { federatedCredentials: [{ managedIdentity: "abroad" }] },
      700236,
      "config",
      /own tenant/,
    ],
    [
      "the identity's token comes from a federated credential",
      "hosted",
      { federatedCredentials: [{ managedIdentity: "hosted" }] },
      700231,
      "config",
      /certificate/,
    ],
  ])(
    "is refused when %s, and the error says what to do",
    async (_what, name, agent, code, category, help) => {
      const entra = await start(agent);
      expect(await exchange(entra, identity(entra, name))).toMatchObject({
        category,
        errorCodes: [code],
        help: expect.stringMatching(help),
      });
      // No other credential would help, so it is asked once.
      expect(entra.requests.filter(({ grantType }) => grantType === "on_behalf_of")).toHaveLength(1);
    },
  );

  it("is refused in other writing than its principal id, and for a person's token", async () => {
    const entra = await start({});
    const sandbox = entra.managedIdentity.identities[0]?.objectId ?? "";
    const issuer = `${entra.origin}/${entra.tenants[0]?.id}/v2.0`;
    entra.addFederatedCredential("agent", { issuer, subject: sandbox.toUpperCase() });
    expect(await exchange(entra, identity(entra, "sandbox"))).toMatchObject({ errorCodes: [7002138] });
    const person = federatedCredential(() =>
      entra.issueUserToken({
        user: "Ada",
        app: "AAD Token Exchange Endpoint",
        scopes: ["x"],
        claims: { sub: sandbox.toUpperCase() },
      }),
    );
    expect(await exchange(entra, person)).toMatchObject({
      errorCodes: [700229],
      help: expect.stringContaining("user-assigned managed identity"),
    });
  });
});
