import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { managedIdentityToken } from "./emulated-world.js";
import { signInAs } from "./visitor.js";

const exchangeScope = "api://AzureADTokenExchange/.default";
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const redirectUri = "https://agent.example.com/consented";
const shownToken = "https://entra.microsoft.com/TokenAuthorize";

let entra: EntraEmulator;
let home: string;
let elsewhere: string;
let clock = 0;

beforeAll(async () => {
  entra = await startEntra({
    now: () => Date.now() + clock,
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "blueprint",
        scopes: ["access_agent"],
        secrets: ["blueprint-secret"],
        installedIn: ["Fabrikam"],
        federatedCredentials: [{ managedIdentity: "sandbox" }, { managedIdentity: "hosted" }],
        redirectUris: [redirectUri],
        agentIdentities: [
          "clerk",
          { name: "abroad", tenant: "Fabrikam" },
          { name: "terse", idTokens: false },
        ],
        inheritablePermissions: [{ resource: "mcp", scopes: ["mcp.read"] }],
      },
      { name: "other blueprint", secrets: ["other-secret"], agentIdentities: ["stranger"] },
      { name: "ordinary", secrets: ["ordinary-secret"] },
      { name: "mcp", scopes: ["mcp.read", "mcp.write"], installedIn: ["Fabrikam"] },
    ],
    users: [
      { name: "Ada", guestIn: ["Fabrikam"] },
      { name: "Mona", admin: true },
    ],
    managedIdentities: [{ name: "sandbox" }, { name: "hosted", federated: true }],
  });
  [home, elsewhere] = entra.tenants.map(({ id }) => id) as [string, string];
});
afterAll(() => entra.close());
beforeEach(() => {
  clock = 0;
  for (const client of ["blueprint", "clerk", "terse"]) {
    entra.revokeConsent({ user: "Ada", client, resource: "mcp" });
    entra.revokeConsent({ allUsers: true, client, resource: "mcp" });
  }
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(form: Record<string, string>, tenant = home): Promise<Answer> {
  const response = await fetch(`${entra.origin}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: await response.json() };
}

const id = (name: string): string => entra.app(name).clientId;
const mcp = (name: string): string => `${entra.app("mcp").identifierUris[0]}/${name}`;

/** The first step: the blueprint asks for an exchange token. */
function firstStep(form: Record<string, string> = {}, tenant = home): Promise<Answer> {
  return post(
    {
      grant_type: "client_credentials",
      client_id: id("blueprint"),
      client_secret: "blueprint-secret",
      scope: exchangeScope,
      fmi_path: id("clerk"),
      ...form,
    },
    tenant,
  );
}

async function exchangeToken(form: Record<string, string> = {}, tenant = home): Promise<string> {
  return String((await firstStep(form, tenant)).body["access_token"]);
}

/** The second step: the agent identity acts on behalf of Ada. */
async function secondStep(form: Record<string, string> = {}, tenant = home): Promise<Answer> {
  return post(
    {
      grant_type: jwtBearer,
      requested_token_use: "on_behalf_of",
      client_id: id("clerk"),
      client_assertion_type: assertionType,
      client_assertion: form["client_assertion"] ?? (await exchangeToken()),
      assertion: await entra.issueUserToken({ user: "Ada", app: "blueprint", client: "ordinary" }),
      scope: `${mcp("mcp.read")} openid profile`,
      ...form,
    },
    tenant,
  );
}

const refusal = ({ status, body }: Answer): unknown => [status, body["error"], body["error_codes"]];

describe("the first step: an exchange token for an agent identity", () => {
  test("names the blueprint as client and the agent identity in its subject", async () => {
    const claims = decodeJwt(await exchangeToken());
    expect(claims).toMatchObject({
      iss: `${entra.origin}/${home}/v2.0`,
      aud: "fb60f99c-7a34-4190-8149-302f77469936",
      azp: id("blueprint"),
      oid: entra.app("blueprint").objectId,
      idtyp: "app",
    });
    expect(claims.sub).toMatch(new RegExp(`^/eid1/c/pub/t/[\\w-]{22}/a/[\\w-]{22}/${id("clerk")}$`));
    expect(entra.requests.at(-1)).toMatchObject({
      client: "blueprint",
      grantType: "client_credentials",
      params: { fmi_path: id("clerk") },
    });
  });

  test("is given to a blueprint that proves itself with a managed identity", async () => {
    const sandbox = entra.managedIdentity.identities[0]?.clientId ?? "";
    const form = {
      client_assertion_type: assertionType,
      client_assertion: await managedIdentityToken(entra, sandbox, "api://AzureADTokenExchange"),
      client_secret: "",
    };
    const token = await exchangeToken(form);
    expect((await secondStep({ client_assertion: token })).body["error_codes"]).toEqual([65001]);
  });

  test.each<[string, () => Record<string, string>, unknown]>([
    [
      "an ordinary app",
      () => ({ client_id: id("ordinary"), client_secret: "ordinary-secret" }),
      [400, "invalid_request", [90023]],
    ],
    [
      "for another blueprint's agent identity",
      () => ({ fmi_path: id("stranger") }),
      [400, "invalid_request", [90023]],
    ],
    ["with an empty fmi_path", () => ({ fmi_path: "" }), [400, "invalid_request", [90023]]],
    ["for an ordinary app", () => ({ fmi_path: id("ordinary") }), [400, "invalid_request", [90023]]],
    ["for any other resource", () => ({ scope: mcp(".default") }), [400, "unauthorized_client", [82001]]],
    [
      "with an agent identity's own id",
      () => ({ client_id: id("clerk") }),
      [401, "invalid_client", [7000215]],
    ],
    ["without any credential", () => ({ client_secret: "" }), [401, "invalid_client", [7000218]]],
  ])("is refused to %s", async (_what, form, expected) => {
    expect(refusal(await firstStep(form()))).toEqual(expected);
  });

  test("is refused where the managed identity's own token comes from a federated credential", async () => {
    const hosted = entra.managedIdentity.identities[1]?.clientId ?? "";
    const form = {
      client_assertion_type: assertionType,
      client_assertion: await managedIdentityToken(entra, hosted, "api://AzureADTokenExchange"),
      client_secret: "",
    };
    expect(refusal(await firstStep(form))).toEqual([401, "invalid_client", [700231]]);
  });
});

describe("the second step: on behalf of the person, as the agent identity", () => {
  test("gives a token of the person, issued to the agent identity", async () => {
    entra.grantConsent({ allUsers: true, client: "clerk", resource: "mcp", scopes: ["mcp.read"] });
    const { status, body } = await secondStep();
    expect(status).toBe(200);
    expect(decodeJwt(String(body["access_token"]))).toMatchObject({
      aud: id("mcp"),
      azp: id("clerk"),
      oid: entra.user("Ada").oid,
      idtyp: "user",
      scp: "mcp.read",
      xms_par_app_azp: id("blueprint"),
      xms_idrel: "1",
    });
    expect(String(decodeJwt(String(body["access_token"]))["xms_act_fct"]).split(" ")).toContain("11");
    expect(decodeJwt(String(body["id_token"]))).toMatchObject({
      aud: id("clerk"),
      oid: entra.user("Ada").oid,
    });
  });

  test("needs consent for the agent identity, or for the blueprint where that is inherited", async () => {
    expect(refusal(await secondStep())).toEqual([400, "invalid_grant", [65001]]);
    entra.grantConsent({
      allUsers: true,
      client: "blueprint",
      resource: "mcp",
      scopes: ["mcp.read", "mcp.write"],
    });
    expect((await secondStep()).status).toBe(200);
    expect(refusal(await secondStep({ scope: mcp("mcp.write") }))).toEqual([400, "invalid_grant", [65001]]);
  });

  test("takes an agent identity's tenant from the URL, where its blueprint is a guest", async () => {
    const client_assertion = await exchangeToken({ fmi_path: id("abroad") }, elsewhere);
    const assertion = await entra.issueUserToken({ user: "Ada", app: "blueprint", tenant: "Fabrikam" });
    entra.grantConsent({
      allUsers: true,
      client: "abroad",
      resource: "mcp",
      scopes: ["mcp.read"],
      tenant: "Fabrikam",
    });
    const answer = await secondStep({ client_id: id("abroad"), client_assertion, assertion }, elsewhere);
    expect(decodeJwt(String(answer.body["access_token"]))).toMatchObject({ tid: elsewhere, xms_idrel: "5" });
  });

  test.each<[string, () => Promise<Record<string, string>>, unknown]>([
    [
      "the blueprint's own exchange token",
      async () => ({ client_assertion: String(await ownToken("blueprint", "blueprint-secret")) }),
      [401, "invalid_client", [700213]],
    ],
    [
      "an exchange token for another agent identity",
      async () => ({ client_assertion: await exchangeToken({ fmi_path: id("terse") }) }),
      [401, "invalid_client", [700213]],
    ],
    [
      "an exchange token of another blueprint",
      async () => ({
        client_assertion: await exchangeToken({
          client_id: id("other blueprint"),
          client_secret: "other-secret",
          fmi_path: id("stranger"),
        }),
      }),
      [401, "invalid_client", [700213]],
    ],
    [
      "an exchange token that was asked for in another tenant",
      async () => ({ client_assertion: await exchangeToken({}, elsewhere) }),
      [401, "invalid_client", [700211]],
    ],
    [
      "a token for something else than the exchange",
      async () => ({
        client_assertion: await entra.issueAppToken({
          app: "mcp",
          client: "blueprint",
          claims: { sub: decodeJwt(await exchangeToken()).sub },
        }),
      }),
      [401, "invalid_client", [700212]],
    ],
    [
      "an exchange token that has expired",
      async () => {
        clock = -2 * 3_600_000;
        const token = await exchangeToken();
        clock = 0;
        return { client_assertion: token };
      },
      [401, "invalid_client", [700024]],
    ],
    [
      "a user token for another app",
      async () => ({ assertion: await entra.issueUserToken({ user: "Ada", app: "mcp" }) }),
      [400, "invalid_grant", [50013]],
    ],
    [
      "a user token for the agent identity itself",
      async () => ({
        assertion: await entra.issueUserToken({
          user: "Ada",
          app: "blueprint",
          claims: { aud: id("clerk") },
        }),
      }),
      [400, "invalid_grant", [50013]],
    ],
    [
      "a caller's token for Foundry",
      async () => ({ assertion: await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com" }) }),
      [400, "invalid_grant", [50013]],
    ],
    [
      "an app's own token as the assertion",
      async () => ({ assertion: await entra.issueAppToken({ app: "blueprint", client: "ordinary" }) }),
      [400, "unauthorized_client", [7000114]],
    ],
    [
      "the blueprint in the agent identity's place",
      async () => ({
        client_id: id("blueprint"),
        client_secret: "blueprint-secret",
        client_assertion: await ownFederated(),
      }),
      [400, "unauthorized_client", [82002]],
    ],
  ])("refuses %s", async (_what, form, expected) => {
    entra.grantConsent({ allUsers: true, client: "clerk", resource: "mcp", scopes: ["mcp.read"] });
    expect(refusal(await secondStep(await form()))).toEqual(expected);
  });

  test("refuses an exchange token whose signature does not match", async () => {
    const [header, , signature] = (await exchangeToken()).split(".");
    const [, payload] = (await exchangeToken()).split(".");
    const answer = await secondStep({ client_assertion: [header, payload, signature].join(".") });
    expect(refusal(answer)).toEqual([401, "invalid_client", [700027]]);
  });

  test("may answer without an id token", async () => {
    entra.grantConsent({ allUsers: true, client: "terse", resource: "mcp", scopes: ["mcp.read"] });
    const client_assertion = await exchangeToken({ fmi_path: id("terse") });
    const { body } = await secondStep({ client_id: id("terse"), client_assertion });
    expect(body).toHaveProperty("access_token");
    expect(body).not.toHaveProperty("id_token");
  });
});

describe("an agent identity on its own", () => {
  test("gets tokens that stand for no person, and that are no federated credential", async () => {
    const { body } = await post({
      grant_type: "client_credentials",
      client_id: id("clerk"),
      client_assertion_type: assertionType,
      client_assertion: await exchangeToken(),
      scope: exchangeScope,
    });
    const token = String(body["access_token"]);
    expect(decodeJwt(token)).toMatchObject({ idtyp: "app", oid: id("clerk"), azp: id("clerk"), scp: "/" });
    entra.addFederatedCredential("ordinary", {
      issuer: `${entra.origin}/${home}/v2.0`,
      subject: id("clerk"),
    });
    const answer = await post({
      grant_type: "client_credentials",
      client_id: id("ordinary"),
      client_assertion_type: assertionType,
      client_assertion: token,
      scope: mcp(".default"),
    });
    expect(refusal(answer)).toEqual([401, "invalid_client", [700231]]);
  });

  test("takes no credential of its own", () => {
    expect(() => entra.addFederatedCredential("clerk", { managedIdentity: "sandbox" })).toThrow(/blueprint/);
  });
});

describe("consent for agent identities", () => {
  const authorize = async (client: string, responseType: string): Promise<URLSearchParams> => {
    const query = new URLSearchParams({
      client_id: id(client),
      response_type: responseType,
      redirect_uri: redirectUri,
      scope: mcp("mcp.read"),
    });
    const url = `${entra.origin}/${home}/oauth2/v2.0/authorize?${query}`;
    const response = await fetch(url, { redirect: "manual" });
    return new URL(response.headers.get("location") ?? "about:blank").searchParams;
  };

  test.each([
    ["clerk", "none", "AADSTS82014"],
    ["clerk", "code", "AADSTS82018"],
    ["blueprint", "code", "AADSTS82018"],
  ])("nobody signs in to %s with response_type %s", async (client, responseType, code) => {
    const answer = await authorize(client, responseType);
    expect(answer.get("error")).toBe("invalid_request");
    expect(answer.get("error_description")).toContain(`${code}: `);
  });

  test("a person may consent for the blueprint, and no code comes back", async () => {
    const query = new URLSearchParams({
      client_id: id("blueprint"),
      response_type: "none",
      redirect_uri: redirectUri,
      scope: mcp("mcp.read"),
      state: "s",
    });
    const url = `${entra.origin}/${home}/oauth2/v2.0/authorize?${query}`;
    const answer = await signInAs(entra.origin, url, entra.user("Ada").oid);
    expect([...answer.keys()]).toEqual(["state"]);
    expect((await secondStep()).status).toBe(200);
  });

  test.each([
    ["blueprint", redirectUri],
    ["clerk", redirectUri],
    ["clerk", shownToken],
  ])("an administrator consents for everybody, for %s, coming back to %s", async (client, returnTo) => {
    const query = new URLSearchParams({
      client_id: id(client),
      redirect_uri: returnTo,
      scope: mcp("mcp.read"),
    });
    const path = `${entra.origin}/${home}/v2.0/adminconsent`;
    const page = await (await fetch(`${path}?${query}`)).text();
    const ctx = /name="ctx" value="([^"]+)"/.exec(page)?.[1] ?? "";
    const body = new URLSearchParams({ ctx, account: entra.user("Mona").oid });
    const response = await fetch(path, { method: "POST", body, redirect: "manual" });
    expect(response.headers.get("location")).toMatch(/admin_consent=True/);
    expect((await secondStep()).status).toBe(200);
  });
});

async function ownToken(client: string, secret: string): Promise<unknown> {
  const { body } = await post({
    grant_type: "client_credentials",
    client_id: id(client),
    client_secret: secret,
    scope: exchangeScope,
  });
  return body["access_token"];
}

async function ownFederated(): Promise<string> {
  const sandbox = entra.managedIdentity.identities[0]?.clientId ?? "";
  return managedIdentityToken(entra, sandbox, "api://AzureADTokenExchange");
}
