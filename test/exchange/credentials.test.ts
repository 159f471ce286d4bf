import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { ManagedIdentityCredential } from "@azure/identity";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  certificate,
  type ClientCredential,
  clientSecret,
  entraApp,
  federatedCredential,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  UserContext,
  workloadIdentityFile,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { decodeClaims } from "../../src/entra/token-claims.js";

type Entra = Awaited<ReturnType<typeof startEntra>>;

let entra: Entra;
let pem: string;
let otherPem: string;
let shortPem: string;
let folder: string;

beforeAll(async () => {
  const make = async (keySize: number): Promise<string> => {
    const made = await generate([{ name: "commonName", value: "agent" }], { keySize, algorithm: "sha256" });
    return `${made.cert}\n${made.private}`;
  };
  [pem, otherPem, shortPem] = [await make(2048), await make(2048), await make(1024)];
  folder = await mkdtemp(join(tmpdir(), "credentials-"));
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  entra = await startEntra({
    apps: [
      {
        name: "agent",
        scopes: ["chat"],
        secrets: ["the-right-secret"],
        certificates: [pem],
        federatedCredentials: [{ managedIdentity: "sandbox" }],
      },
      {
        name: "mcp",
        scopes: ["access_as_user"],
        preAuthorized: [{ client: "agent", scopes: ["access_as_user"] }],
      },
    ],
    users: [{ name: "Ada" }],
    managedIdentities: [{ name: "sandbox" }],
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await entra.close();
});

function access(credential: ClientCredential): UserAccess {
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential,
    cloud: entra.cloud,
  });
  const mcp = entra.app("mcp").clientId;
  const resource = protectedResource({
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: [`api://${mcp}/access_as_user`],
    audiences: [mcp],
  });
  return userAccess(resource, [onBehalfOf(app)]);
}

async function ada(): Promise<UserContext> {
  const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const claims = decodeClaims(token) ?? {};
  const user = { tid: claims.tid ?? "", oid: claims.oid ?? "" };
  return new UserContext({
    principal: { kind: "entra", ...user },
    user,
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion: { token, hash: String(claims["uti"]), claims, use: "app" },
  });
}

const base64url = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

const exchanges = (): Entra["requests"] =>
  entra.requests.filter(({ grantType }) => grantType === "on_behalf_of");

describe("how the app proves itself to an Entra that checks", () => {
  it("with a secret", async () => {
    const token = await access(clientSecret("the-right-secret")).token(await ada());
    expect(decodeClaims(token.token)?.oid).toBe(entra.user("Ada").oid);
  });

  it("not with a wrong secret", async () => {
    const error = await access(clientSecret("the-wrong-secret"))
      .token(await ada())
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "client_credential_failed",
      category: "cred",
      errorCodes: [7000215],
    });
  });

  it.each([false, true])("with a certificate (PS256, x5t#S256; chain sent along: %s)", async (sendX5c) => {
    const contacts = access(certificate({ pem, sendX5c }));
    await contacts.token(await ada());
    await contacts.token(await ada());
    expect(exchanges().map(({ status, clientAuth }) => [status, clientAuth])).toEqual([
      [200, "certificate"],
      [200, "certificate"],
    ]);
  });

  it("with a certificate file, read again once Entra refuses what it held", async () => {
    const path = join(folder, "agent.pem");
    await writeFile(path, otherPem);
    const contacts = access(certificate({ path }));
    expect(await contacts.token(await ada()).catch((cause: unknown) => cause)).toMatchObject({
      category: "cred",
    });
    await writeFile(path, pem);
    expect((await contacts.token(await ada())).source).toBe("on_behalf_of");
  });

  it.each([
    ["no certificate", "-----BEGIN NOTHING-----"],
    [
      "a key that belongs to another certificate",
      () =>
        `${pem.split("-----BEGIN PRIVATE")[0]}-----BEGIN PRIVATE${otherPem.split("-----BEGIN PRIVATE")[1]}`,
    ],
    ["a key of 1 024 bits, which PS256 does not take", () => shortPem],
  ])("not with %s, which no error quotes", async (_what, text) => {
    const bad = typeof text === "string" ? text : text();
    const error: unknown = await access(certificate({ pem: bad }))
      .token(await ada())
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "client_credential_failed" });
    expect(inspect(error, { depth: 9 })).not.toContain("BEGIN");
    expect(exchanges()).toHaveLength(0);
  });

  it("with a managed identity of the container, through unmodified @azure/identity", async () => {
    vi.stubEnv("IDENTITY_ENDPOINT", entra.managedIdentity.env["IDENTITY_ENDPOINT"]);
    vi.stubEnv("IDENTITY_HEADER", entra.managedIdentity.env["IDENTITY_HEADER"]);
    const contacts = access(federatedCredential(new ManagedIdentityCredential()));
    expect((await contacts.token(await ada())).source).toBe("on_behalf_of");
    expect(exchanges()[0]?.clientAuth).toMatch(/federated/);
  });

  it("asks a callback once for many exchanges, and without any user context", async () => {
    const assertion = await managedIdentityToken();
    const seen: unknown[] = [];
    const contacts = access(
      federatedCredential(async () => {
        seen.push(tryGetUserContext());
        return assertion;
      }),
    );
    for (let n = 0; n < 3; n += 1) {
      const context = await ada();
      await runWithUserContext(context, () => contacts.token());
    }
    expect(seen).toEqual([undefined]);
    expect(exchanges()).toHaveLength(3);
  });

  it("names a callback that fails, and never what it held", async () => {
    const contacts = access(federatedCredential(() => Promise.reject(new Error("no identity here"))));
    expect(await contacts.token(await ada()).catch((cause: unknown) => cause)).toMatchObject({
      code: "client_credential_failed",
      message: expect.stringContaining("callback"),
    });
  });

  it("with the token file of a workload identity", async () => {
    const path = join(folder, "token");
    await writeFile(path, `${await managedIdentityToken()}\n`);
    vi.stubEnv("AZURE_FEDERATED_TOKEN_FILE", path);
    expect((await access(workloadIdentityFile()).token(await ada())).source).toBe("on_behalf_of");
  });

  it("reads the token file of a workload identity for each exchange", async () => {
    const path = join(folder, "rotated");
    await writeFile(path, await managedIdentityToken());
    const contacts = access(workloadIdentityFile(path));
    await contacts.token(await ada());
    await writeFile(path, "");
    expect(await contacts.token(await ada()).catch((cause: unknown) => cause)).toMatchObject({
      code: "client_credential_failed",
    });
  });

  it("asks a callback whose token has no lifetime that can be read for each exchange", async () => {
    const callback = vi.fn(async () => "opaque");
    const app = entraApp({
      tenantId: entra.tenants[0]?.id ?? "",
      clientId: entra.app("agent").clientId,
      credential: federatedCredential(callback),
      fetch: async (_url, init) => {
        const { tid, oid, aud } =
          decodeClaims(new URLSearchParams(String(init?.body)).get("assertion") ?? "") ?? {};
        const proof = [{ alg: "RS256" }, { tid, oid, aud }].map((part) => base64url(part)).join(".");
        const answer = { access_token: "a", expires_in: 3600, token_type: "Bearer", id_token: `${proof}.x` };
        return Response.json(answer);
      },
    });
    const resource = protectedResource({
      url: "https://mcp.example.com/mcp",
      serverLabel: "contacts",
      scopes: ["api://mcp/read"],
      audiences: ["api://mcp"],
    });
    const contacts = userAccess(resource, [onBehalfOf(app)]);
    for (let n = 0; n < 3; n += 1) await contacts.token(await ada());
    expect(callback).toHaveBeenCalledTimes(3);
  });

  it("names a workload identity file that is not there", async () => {
    const missing = join(folder, "missing");
    expect(
      await access(workloadIdentityFile(missing))
        .token(await ada())
        .catch((cause: unknown) => cause),
    ).toMatchObject({
      code: "client_credential_failed",
      message: expect.stringContaining("missing"),
    });
    vi.stubEnv("AZURE_FEDERATED_TOKEN_FILE", "");
    expect(
      await access(workloadIdentityFile())
        .token(await ada())
        .catch((cause: unknown) => cause),
    ).toMatchObject({ code: "invalid_option" });
  });

  it("refuses options that cannot work, naming the option", () => {
    expect(() => clientSecret("")).toThrow(/clientSecret/);
    const options = {
      tenantId: entra.tenants[0]?.id ?? "",
      clientId: entra.app("agent").clientId,
      credential: clientSecret("x"),
    };
    expect(() => entraApp({ ...options, tenantId: "common" })).toThrow(/tenantId/);
    expect(() => entraApp({ ...options, allowedTenants: ["organizations"] })).toThrow(/allowedTenants/);
    expect(() => entraApp({ ...options, clientId: "agent" })).toThrow(/clientId/);
    expect(() => entraApp({ ...options, timeoutMs: 0 })).toThrow(/timeoutMs/);
    expect(() => entraApp({ ...options, cloud: { loginEndpoint: "http://login.example.com" } })).toThrow(
      /https/,
    );
  });
});

async function managedIdentityToken(): Promise<string> {
  const { IDENTITY_ENDPOINT = "", IDENTITY_HEADER = "" } = entra.managedIdentity.env;
  const url = `${IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=${encodeURIComponent("api://AzureADTokenExchange")}`;
  const response = await fetch(url, { headers: { "x-identity-header": IDENTITY_HEADER } });
  return ((await response.json()) as { access_token: string }).access_token;
}
