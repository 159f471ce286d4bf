import { SecretClient } from "@azure/keyvault-secrets";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  entraConsentLink,
  onBehalfOf,
  runWithUserContext,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { secretClient, vaultAccess } from "../../examples/downstream-apis/key-vault.js";
import { startKeyVault, type KeyVault } from "../support/key-vault.js";

const resource = "https://vault.azure.net";
let entra: EntraEmulator;
let keyVault: KeyVault;
let vault: UserAccess;
let contextOf: (user: string) => Promise<UserContext>;

beforeEach(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      {
        name: "Azure Key Vault",
        identifierUris: [resource],
        scopes: ["user_impersonation"],
        accessTokenVersion: 1,
      },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  for (const { name } of entra.users) {
    entra.grantConsent({
      user: name,
      client: "agent",
      resource: "Azure Key Vault",
      scopes: ["user_impersonation"],
    });
  }
  keyVault = await startKeyVault(entra, resource);
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("the-agents-secret"),
    cloud: entra.cloud,
    capabilities: ["cp1"],
  });
  const consentLink = entraConsentLink({ app, redirectUri: "https://agent.example.com/consented" });
  vault = vaultAccess(onBehalfOf(app, { consentLink }), keyVault.url);
  const verify = userTokenVerifier({ app });
  contextOf = async (user) =>
    createUserContext({ userToken: await entra.issueUserToken({ user, app: "agent" }) }, { verify });
});
afterEach(() => Promise.all([vault.close(), entra.close(), keyVault.close()]));

// 127.0.0.1 is no subdomain of vault.azure.net.
const options = { disableChallengeResourceVerification: true, retryOptions: { maxRetries: 0 } };
const clientOf = (context: UserContext): SecretClient =>
  runWithUserContext(context, () => secretClient(vault, options));
const exchanges = (): number => entra.requests.filter(({ path }) => path.endsWith("/token")).length;
const people = (): Set<string | undefined> => new Set(keyVault.requests.map(({ oid }) => oid));

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "it went through",
    (cause: { code?: string; message: string }) => cause.code ?? cause.message,
  );
}

it("reads and writes with a Key Vault client as each person", async () => {
  const [ada, grace] = await Promise.all(["Ada", "Grace"].map(contextOf));
  if (ada === undefined || grace === undefined) throw new Error("nobody is there");
  const [first, second] = [clientOf(ada), clientOf(grace)];
  await Promise.all([first.setSecret("pin", "Ada's"), second.setSecret("pin", "Grace's")]);
  const values = await Promise.all([first.getSecret("pin"), second.getSecret("pin")]);
  expect(values.map(({ value }) => value)).toEqual(["Ada's", "Grace's"]);
  // The client asks who it has to be without a body; then one exchange serves all requests of a person.
  expect(keyVault.requests.filter(({ oid }) => oid === undefined).map((one) => one.bodyLength)).toEqual([
    0, 0,
  ]);
  expect(people()).toEqual(new Set([undefined, ada.user?.oid, grace.user?.oid]));
  expect(exchanges()).toBe(2);
});

it("answers a claims challenge of continuous access evaluation with one exchange, and stays with its token", async () => {
  const ada = await contextOf("Ada");
  const client = clientOf(ada);
  await client.setSecret("pin", "1");
  keyVault.revoke(ada.user?.oid ?? "");
  expect((await client.getSecret("pin")).value).toBe("1");
  const before = keyVault.requests.length;
  expect((await client.getSecret("pin")).value).toBe("1");
  expect(keyVault.requests.length).toBe(before + 1);
  expect(exchanges()).toBe(2);
  const sent = entra.requests.filter(({ path }) => path.endsWith("/token")).at(-1);
  expect(JSON.stringify(sent)).toContain("nbf");
});

it("refuses a second user of one client, although the client still holds a token of the first", async () => {
  const [ada, grace] = [await contextOf("Ada"), await contextOf("Grace")];
  const client = new SecretClient(keyVault.url, vault.tokenCredential(ada), options);
  await runWithUserContext(ada, () => client.setSecret("pin", "Ada's"));
  const before = keyVault.requests.length;
  expect(await codeOf(runWithUserContext(grace, () => client.getSecret("pin")))).toBe("wrong_user");
  expect(keyVault.requests.length).toBe(before);
  expect((await runWithUserContext(ada, () => client.getSecret("pin"))).value).toBe("Ada's");
});

it("refuses a second user who comes while the client waits for the first one's token", async () => {
  const [ada, grace] = [await contextOf("Ada"), await contextOf("Grace")];
  entra.policies.add({ type: "slow", delayMs: 200, user: "Ada" });
  const client = clientOf(ada);
  const [own, other] = await Promise.all([
    runWithUserContext(ada, () => client.setSecret("pin", "Ada's")),
    codeOf(runWithUserContext(grace, () => client.getSecret("pin"))),
  ]);
  expect([own.value, other]).toEqual(["Ada's", "wrong_user"]);
  expect(people()).toEqual(new Set([undefined, ada.user?.oid]));
});

it("tells at once, with the link, who has to consent, and asks Entra once for it", async () => {
  const ada = await contextOf("Ada");
  entra.revokeConsent({ user: "Ada", client: "agent", resource: "Azure Key Vault" });
  expect(await codeOf(clientOf(ada).getSecret("pin"))).toBe("consent_required");
  expect(exchanges()).toBe(1);
});

it("refuses to work for a turn that is over", async () => {
  const ada = await contextOf("Ada");
  const client = clientOf(ada);
  await client.setSecret("pin", "1");
  ada.end();
  expect(await codeOf(client.getSecret("pin"))).toBe("context_ended");
});

it("asks for no token of another resource, and goes to no authority that a challenge names", async () => {
  const ada = await contextOf("Ada");
  const credential = vault.tokenCredential(ada);
  for (const [scope, named] of [
    ["https://storage.azure.com/the-scope", '"https://storage.azure.com"'],
    ["the-scope", "a scope that names no resource"],
  ] as const) {
    const error: unknown = await credential.getToken(scope).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "invalid_option", message: expect.stringContaining(named) });
    expect(String(error)).not.toContain("the-scope");
  }
  // The challenge of the vault names login.elsewhere.example, where nobody answers.
  await new SecretClient(keyVault.url, credential, options).setSecret("pin", "1");
  expect(exchanges()).toBe(1);
});
