import { createHash, X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  OnBehalfOfCredential,
} from "@azure/identity";
import { ConfidentialClientApplication, CryptoProvider, type NodeAuthOptions } from "@azure/msal-node";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { testTls } from "../support/test-tls.js";
import { keyPair, managedIdentityToken, type KeyPair } from "./emulated-world.js";
import { signInAs } from "./visitor.js";

const redirectUri = "https://agent.example.com/callback";
let entra: EntraEmulator;
let pair: KeyPair;
let tenant: string;
let scope: string;

beforeAll(async () => {
  pair = await keyPair();
  entra = await startEntra({
    tls: testTls(),
    refreshInS: 1800,
    apps: [
      {
        name: "agent",
        scopes: ["access_as_user"],
        secrets: ["agent-secret"],
        certificates: [pair.cert],
        federatedCredentials: [{ managedIdentity: "identity" }],
        redirectUris: [redirectUri],
        requiredAccess: [{ resource: "contacts", scopes: ["contacts.read"], roles: ["Contacts.ReadAll"] }],
      },
      {
        name: "contacts",
        scopes: ["contacts.read"],
        preAuthorized: [{ client: "agent", scopes: ["contacts.read"] }],
      },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }],
    managedIdentities: [{ name: "identity" }],
  });
  tenant = entra.tenants[0]?.id ?? "";
  scope = `${entra.app("contacts").identifierUris[0]}/contacts.read`;
});
afterAll(() => entra.close());

function msal(credential: Partial<NodeAuthOptions>, capabilities?: string[]): ConfidentialClientApplication {
  return new ConfidentialClientApplication({
    auth: {
      clientId: entra.app("agent").clientId,
      authority: `${entra.origin}/${tenant}`,
      knownAuthorities: [new URL(entra.origin).host],
      ...(capabilities === undefined ? {} : { clientCapabilities: capabilities }),
      ...credential,
    },
  });
}

const assertionOf = (user: string): Promise<string> => entra.issueUserToken({ user, app: "agent" });
const identityToken = (): Promise<string> =>
  managedIdentityToken(
    entra,
    entra.managedIdentity.identities[0]?.clientId ?? "",
    "api://AzureADTokenExchange",
  );

describe("unmodified msal-node", () => {
  const credentials: [string, string, () => Partial<NodeAuthOptions>][] = [
    ["a secret", "secret", () => ({ clientSecret: "agent-secret" })],
    [
      "a certificate (PS256, x5t#S256)",
      "certificate",
      () => ({
        clientCertificate: {
          thumbprintSha256: createHash("sha256").update(new X509Certificate(pair.cert).raw).digest("hex"),
          privateKey: pair.key,
        },
      }),
    ],
    [
      "a certificate (RS256, x5t)",
      "certificate",
      () => ({
        clientCertificate: {
          thumbprint: createHash("sha1").update(new X509Certificate(pair.cert).raw).digest("hex"),
          privateKey: pair.key,
        },
      }),
    ],
    ["a managed identity's token", "federated", () => ({ clientAssertion: () => identityToken() })],
  ];
  test.each(credentials)("exchanges a user's token with %s", async (_name, proof, credential) => {
    const client = msal(credential());
    for (const user of ["Ada", "Bob"]) {
      const result = await client.acquireTokenOnBehalfOf({
        oboAssertion: await assertionOf(user),
        scopes: [scope],
      });
      expect(decodeJwt(result?.accessToken ?? "")).toMatchObject({
        aud: entra.app("contacts").clientId,
        azp: entra.app("agent").clientId,
        oid: entra.user(user).oid,
        scp: "contacts.read",
      });
      expect(result?.account?.homeAccountId).toBe(`${entra.user(user).oid}.${tenant}`);
      expect(result?.account?.idTokenClaims?.oid).toBe(entra.user(user).oid);
      expect(result?.refreshOn?.getTime()).toBeGreaterThan(Date.now());
      expect(entra.requests.at(-1)?.clientAuth).toBe(proof);
    }
  });

  test("gets a token of its own, with roles and without scopes", async () => {
    const result = await msal({ clientSecret: "agent-secret" }).acquireTokenByClientCredential({
      scopes: [`${entra.app("contacts").identifierUris[0]}/.default`],
    });
    const claims = decodeJwt(result?.accessToken ?? "");
    expect(claims).toMatchObject({
      roles: ["Contacts.ReadAll"],
      oid: entra.app("agent").objectId,
      azpacr: "1",
    });
    expect(claims["scp"]).toBeUndefined();
    expect(claims["idtyp"]).toBeUndefined();
  });

  test("signs a user in with code, PKCE and nonce, and refreshes", async () => {
    const client = msal({ clientSecret: "agent-secret" });
    const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
    const url = await client.getAuthCodeUrl({
      scopes: [scope],
      redirectUri,
      codeChallenge: challenge,
      codeChallengeMethod: "S256",
      nonce: "n-1",
      state: "s-1",
    });
    const answer = await signInAs(entra.origin, url, entra.user("Bob").oid);
    expect(answer.get("state")).toBe("s-1");
    const code = { code: answer.get("code") ?? "", redirectUri, codeVerifier: verifier, scopes: [scope] };
    const result = await client.acquireTokenByCode({ ...code, nonce: "n-1" });
    expect(decodeJwt(result.accessToken)).toMatchObject({ oid: entra.user("Bob").oid, scp: "contacts.read" });
    expect(result.account?.username).toBe(entra.user("Bob").upn);

    if (result.account === null) throw new Error("MSAL has no account.");
    const refreshed = await client.acquireTokenSilent({
      account: result.account,
      scopes: [scope],
      forceRefresh: true,
    });
    expect(decodeJwt(refreshed.accessToken)["oid"]).toBe(entra.user("Bob").oid);
    expect(refreshed.accessToken).not.toBe(result.accessToken);
    expect(entra.requests.at(-1)).toMatchObject({ grantType: "refresh_token", user: "Bob", status: 200 });
  });

  test("may present the same client assertion again, as MSAL does for ten minutes", async () => {
    const client = msal({
      clientCertificate: {
        thumbprintSha256: createHash("sha256").update(new X509Certificate(pair.cert).raw).digest("hex"),
        privateKey: pair.key,
      },
    });
    for (const user of ["Ada", "Bob"]) {
      const oboAssertion = await assertionOf(user);
      await expect(client.acquireTokenOnBehalfOf({ oboAssertion, scopes: [scope] })).resolves.not.toBeNull();
    }
  });
});

describe("unmodified @azure/identity", () => {
  const clientId = (): string => entra.app("agent").clientId;
  const options = (): { authorityHost: string; disableInstanceDiscovery: true } => ({
    authorityHost: entra.origin,
    disableInstanceDiscovery: true,
  });
  const own = (): string => `${entra.app("contacts").identifierUris[0]}/.default`;

  test("ClientSecretCredential", async () => {
    const token = await new ClientSecretCredential(tenant, clientId(), "agent-secret", options()).getToken(
      own(),
    );
    expect(decodeJwt(token.token)["azp"]).toBe(clientId());
  });

  test("ClientCertificateCredential", async () => {
    const certificate = `${pair.key}\n${pair.cert}`;
    const credential = new ClientCertificateCredential(tenant, clientId(), { certificate }, options());
    expect(decodeJwt((await credential.getToken(own())).token)["azp"]).toBe(clientId());
  });

  test("ClientAssertionCredential with a managed identity's token", async () => {
    const credential = new ClientAssertionCredential(tenant, clientId(), identityToken, options());
    expect(decodeJwt((await credential.getToken(own())).token)["azp"]).toBe(clientId());
  });

  test("OnBehalfOfCredential", async () => {
    const credential = new OnBehalfOfCredential({
      tenantId: tenant,
      clientId: clientId(),
      clientSecret: "agent-secret",
      userAssertionToken: await assertionOf("Ada"),
      ...options(),
    });
    expect(decodeJwt((await credential.getToken(scope)).token)["oid"]).toBe(entra.user("Ada").oid);
  });

  test("ManagedIdentityCredential, whose token serves as federated credential", async () => {
    for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
    const identity = entra.managedIdentity.identities[0];
    const credential = new ManagedIdentityCredential({ clientId: identity?.clientId ?? "" });
    const { token } = await credential.getToken(`${entra.cloud.tokenExchangeAudience}/.default`);
    expect(decodeJwt(token)).toMatchObject({
      iss: `${entra.origin}/${tenant}/v2.0`,
      sub: identity?.objectId,
      idtyp: "app",
    });
    const app = new ClientAssertionCredential(tenant, clientId(), () => Promise.resolve(token), options());
    expect(decodeJwt((await app.getToken(own())).token)["azp"]).toBe(clientId());
    vi.unstubAllEnvs();
  });
});

test("a federated credential of another issuer is verified with that issuer's keys", async () => {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256" };
  const server = createServer((request, response) => {
    const body = request.url === "/keys" ? { keys: [jwk] } : { jwks_uri: `${issuer}/keys` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  entra.addFederatedCredential("agent", { issuer, subject: "workload" });
  const assertion = (key: CryptoKey): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer(issuer)
      .setSubject("workload")
      .setAudience("api://AzureADTokenExchange")
      .setExpirationTime("5m")
      .sign(key);
  const exchange = async (clientAssertion: string): Promise<unknown> =>
    msal({ clientAssertion }).acquireTokenOnBehalfOf({
      oboAssertion: await assertionOf("Ada"),
      scopes: [scope],
    });

  await expect(exchange(await assertion(privateKey))).resolves.toMatchObject({ tokenType: "Bearer" });
  const stranger = await generateKeyPair("RS256");
  await expect(exchange(await assertion(stranger.privateKey))).rejects.toThrow("AADSTS700027");
  server.close();
});
