import { ManagedIdentityCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";

let entra: EntraEmulator;
const foundry = "https://ai.azure.com";

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "backend", secrets: ["backend-secret"] },
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "mcp", scopes: ["mcp.read"] },
    ],
    users: [{ name: "Ada" }],
    managedIdentities: [{ name: "container" }],
  });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "mcp", scopes: ["mcp.read"] });
});
afterAll(() => entra.close());
afterEach(() => vi.unstubAllEnvs());

test("a caller's token for Foundry is a version 1 token of the person, issued to the caller's app", async () => {
  const token = await entra.issueUserToken({ user: "Ada", app: foundry, client: "backend" });
  expect(decodeJwt(token)).toMatchObject({
    aud: foundry,
    iss: `${entra.cloud.stsEndpoint}/${entra.tenants[0]?.id}/`,
    appid: entra.app("backend").clientId,
    oid: entra.user("Ada").oid,
    scp: "user_impersonation",
    ver: "1.0",
  });
});

test("the container's managed identity gets a token for Foundry through @azure/identity", async () => {
  for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
  const { token } = await new ManagedIdentityCredential().getToken(`${foundry}/.default`);
  const claims = decodeJwt(token);
  expect(claims).toMatchObject({ aud: foundry, idtyp: "app", tid: entra.tenants[0]?.id });
  expect(claims["oid"]).toBe(entra.managedIdentity.identities[0]?.objectId);
  expect(claims).not.toHaveProperty("scp");
});

test("a caller's token for Foundry opens no exchange: its audience is another app's", async () => {
  const agent = entra.app("agent");
  const response = await fetch(`${entra.origin}/${entra.tenants[0]?.id}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      requested_token_use: "on_behalf_of",
      client_id: agent.clientId,
      client_secret: "agent-secret",
      assertion: await entra.issueUserToken({ user: "Ada", app: foundry, client: "backend" }),
      scope: `${entra.app("mcp").identifierUris[0]}/mcp.read`,
    }),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: "invalid_grant", error_codes: [500131] });
});
