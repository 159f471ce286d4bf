import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { postgresStore } from "hosted-agent-identity/sign-in";
import { Pool } from "pg";
import { startPostgres } from "../support/postgres-server.js";
import { askRedis, startRedis, startRedisCluster } from "../support/redis-server.js";
import { commandLine, type CommandLineRun } from "../support/command-line.js";

const secret = "the-agents-own-secret";
const key = Buffer.alloc(32, 7).toString("base64");
let entra: EntraEmulator;
let mcp: Server;
let mcpUrl: string;
let folder: string;

interface Check {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
  readonly code?: string;
}
interface Report {
  readonly command: string;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly ways: readonly { readonly way: string; readonly status: string; readonly detail: string }[];
}

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: [secret] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  entra.grantConsent({ user: "Ada", client: "agent", resource: "mcp", scopes: ["access_as_user"] });
  mcp = createServer((request, response) => {
    const { origin } = new URL(mcpUrl);
    const document = {
      resource: mcpUrl,
      authorization_servers: ["https://elsewhere.example.com"],
      scopes_supported: ["access_as_user"],
    };
    if (request.url?.startsWith("/.well-known/oauth-protected-resource") === true)
      response.end(JSON.stringify(document));
    else
      response
        .writeHead(401, {
          "www-authenticate": `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
        })
        .end();
  });
  await new Promise<void>((ready) => mcp.listen(0, "127.0.0.1", ready));
  mcpUrl = `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp`;
  folder = await mkdtemp(join(tmpdir(), "doctor-"));
});
afterAll(async () => {
  await entra.close();
  mcp.close();
  await rm(folder, { recursive: true, force: true });
});

function environment(changes: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  const all: Record<string, string | undefined> = {
    AZURE_AUTHORITY_HOST: entra.origin,
    AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
    APP_CLIENT_ID: entra.app("agent").clientId,
    APP_CLIENT_SECRET: secret,
    MCP_URL: mcpUrl,
    MCP_CLIENT_ID: entra.app("mcp").clientId,
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined),
  );
}

async function tokenFile(token: string): Promise<string> {
  const file = join(folder, "token.txt");
  await writeFile(file, `${token}\n`);
  return file;
}

/** Runs `doctor` and reads its report. */
async function doctor(
  args: readonly string[] = [],
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<CommandLineRun & { report: Report }> {
  const run = await commandLine(["doctor", "--json", ...args], { env: environment(changes) });
  expect(run.err).toBe("");
  expectNoSecret(run.out);
  return { ...run, report: JSON.parse(run.out) as Report };
}

/** Every token, code and secret that anybody here knows. */
function expectNoSecret(text: string): void {
  expect(text).not.toMatch(/eyJ[\w-]{8,}\./);
  for (const { value } of entra.issued) expect(text.includes(value)).toBe(false);
  for (const value of [secret, key]) expect(text.includes(value)).toBe(false);
}

const check = ({ report }: { report: Report }, name: string): Check | undefined =>
  report.checks.find((one) => one.check === name);
const failed = ({ report }: { report: Report }): string[] =>
  report.checks.filter(({ status }) => status === "fail").map((one) => one.check);
const way = ({ report }: { report: Report }, name: string): string | undefined =>
  report.ways.find((one) => one.way === name)?.status;

it("finds nothing wrong with a set-up that works, and says which ways do", async () => {
  const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const run = await doctor(["--token-file", await tokenFile(token)]);
  expect(failed(run)).toEqual([]);
  expect(run.code).toBe(0);
  expect(run.report.ok).toBe(true);
  expect(run.report.checks.map(({ check, status }) => `${check} ${status}`)).toEqual([
    "environment ok",
    "tenant ok",
    "app ok",
    "credential ok",
    "resource ok",
    "user_token ok",
    "token_for_mcp ok",
    "mcp_server ok",
    "mcp_metadata ok",
  ]);
  expect(check(run, "mcp_metadata")?.detail).toContain("https://elsewhere.example.com");
  expect(way(run, "on_behalf_of")).toBe("works");
  expect(way(run, "passthrough")).toBe("no");
  expect(way(run, "sign_in")).toBe("not_set_up");
});

it("broken 1: a token for https://ai.azure.com", async () => {
  const token = await entra.issueUserToken({
    user: "Ada",
    app: "agent",
    claims: { aud: "https://ai.azure.com" },
  });
  const run = await doctor(["--token-file", await tokenFile(token)]);
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["user_token"]);
  expect(check(run, "user_token")).toMatchObject({
    code: "user_token_audience",
    detail: expect.stringContaining('audience is "https://ai.azure.com"'),
    fix: expect.stringContaining("with the scope of this agent's app"),
  });
  expect(way(run, "on_behalf_of")).toBe("no");
});

it("broken 1, the other side: a scope of https://ai.azure.com", async () => {
  const run = await doctor([], { MCP_SCOPE: "https://ai.azure.com/.default" });
  expect(failed(run)).toEqual(["resource"]);
  expect(check(run, "resource")).toMatchObject({
    detail: expect.stringContaining("Foundry's own"),
    fix: expect.stringContaining("a scope of the MCP server's app"),
  });
});

it("broken 2: consent is missing", async () => {
  const token = await entra.issueUserToken({ user: "Grace", app: "agent" });
  const run = await doctor(["--token-file", await tokenFile(token)]);
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["token_for_mcp"]);
  expect(check(run, "token_for_mcp")).toMatchObject({
    code: "AADSTS65001",
    detail: expect.stringContaining("has not consented"),
    fix: expect.stringContaining("consentLink"),
  });
});

it("broken 3: the client secret is wrong", async () => {
  const run = await doctor([], { APP_CLIENT_SECRET: "not-the-secret-at-all" });
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["credential"]);
  expect(check(run, "credential")).toMatchObject({
    code: "AADSTS7000215",
    detail: expect.stringContaining("The client secret is wrong"),
    fix: expect.stringContaining("a valid secret (its value, not its id)"),
  });
  expect(check(run, "app")?.status).toBe("ok");
  expect(run.out).not.toContain("not-the-secret-at-all");
});

it("broken 4: the tenant does not know the resource", async () => {
  const run = await doctor([], { MCP_CLIENT_ID: "11111111-2222-4333-8444-555555555555" });
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["resource"]);
  expect(check(run, "resource")).toMatchObject({
    code: "AADSTS500011",
    detail: expect.stringContaining("api://11111111-2222-4333-8444-555555555555"),
    fix: expect.stringContaining("needs a service principal there"),
  });
});

it("broken 5: the token stands for an application", async () => {
  const token = await entra.issueAppToken({ app: "agent", client: "agent" });
  const run = await doctor(["--token-file", await tokenFile(token)]);
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["user_token"]);
  expect(check(run, "user_token")).toMatchObject({
    code: "user_token_app_only",
    detail: expect.stringContaining("stands for an application"),
    fix: expect.stringContaining("not client credentials"),
  });
});

it("broken 6: a sign-in store without keys", async () => {
  const run = await doctor([], {
    PUBLIC_URL: "https://agent.example.com/sign-in",
    SIGN_IN_FILE: join(folder, "sign-ins.db"),
  });
  const hasSqlite = process.getBuiltinModule("node:sqlite") !== undefined;
  expect(run.code).toBe(1);
  expect(failed(run)).toEqual(["sign_in_keys", ...(hasSqlite ? [] : ["sign_in_store"])]);
  if (!hasSqlite)
    expect(check(run, "sign_in_store")).toMatchObject({
      code: "store_unsuitable",
      fix: expect.stringContaining("Node 22.13"),
    });
  expect(check(run, "sign_in_keys")).toMatchObject({
    detail: expect.stringContaining("SIGN_IN_KEYS is not set"),
    fix: expect.stringContaining("openssl rand -base64 32"),
  });
  expect(way(run, "sign_in")).toBe("no");
});

it("tells an unknown app and an unknown tenant apart from a wrong secret", async () => {
  const other = "11111111-2222-4333-8444-555555555555";
  const [app, tenant] = await Promise.all([
    doctor([], { APP_CLIENT_ID: other }),
    doctor([], { AZURE_TENANT_ID: other }),
  ]);
  expect(failed(app)).toEqual(["app"]);
  expect(check(app, "app")?.code).toBe("AADSTS700016");
  expect(failed(tenant)).toEqual(["tenant"]);
  expect(check(tenant, "tenant")?.code).toBe("AADSTS90002");
  expect(check(tenant, "credential")?.status).toBe("skip");
});

it("prints for people: cause, fix, ways, no colors into a pipe, and no secret", async () => {
  const run = await commandLine(["doctor", "--token-file", "-"], {
    env: environment({ SIGN_IN_KEYS: `${key},short`, REDIS_URL: `redis://:${secret}@127.0.0.1:1` }),
    stdin: await entra.issueUserToken({ user: "Grace", app: "agent" }),
  });
  expectNoSecret(run.out + run.err);
  expect(run.code).toBe(1);
  expect(run.out).toMatch(
    /^fail {2}token for mcp +AADSTS65001: .*\n +fix: Give onBehalfOf\(\) a consentLink/m,
  );
  expect(run.out).toMatch(/^fail {2}sign in pages +PUBLIC_URL is not set\./m);
  expect(run.out).toMatch(/^fail {2}sign in keys +SIGN_IN_KEYS\[1\]: expected 32 random bytes/m);
  expect(run.out).toMatch(/^fail {2}sign in store +.*Redis/m);
  expect(run.out).toMatch(/^Ways to a token\n {2}no +passthrough/m);
  expect(run.out).not.toContain("\u001b");
});

it("ends each check after its timeout, and all of them on Ctrl-C", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((ready) => silent.listen(0, "127.0.0.1", ready));
  try {
    const changes = { AZURE_AUTHORITY_HOST: urlOf(silent), MCP_URL: `${urlOf(silent)}/mcp` };
    const run = await doctor(["--timeout", "0.3"], changes);
    expect(failed(run)).toEqual(["tenant", "mcp_server"]);
    expect(check(run, "tenant")?.detail).toContain("no answer within 0.3 s");

    const asked = once(silent, "request");
    const stopped = await commandLine(["doctor"], { env: environment(changes), interruptAfter: asked });
    expect(stopped).toMatchObject({ code: 130, out: "", err: "Interrupted.\n" });
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

it("looks at the table of a sign-in store in PostgreSQL, and does not create it", async () => {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url });
  const asked = () => doctor([], { SIGN_IN_DATABASE_URL: server.url });
  try {
    expect(check(await asked(), "sign_in_store")).toMatchObject({ status: "warn" });
    expect(check(await asked(), "sign_in_store")?.detail).toContain("no table hosted_agent_identity yet");
    await postgresStore(pool).start?.();
    expect(check(await asked(), "sign_in_store")).toMatchObject({ status: "ok" });
  } finally {
    await pool.end();
    await server.remove();
  }
  const gone = await doctor([], { SIGN_IN_DATABASE_URL: server.url });
  expect(check(gone, "sign_in_store")).toMatchObject({ status: "fail", code: "store_unavailable" });
}, 60_000);

it("refuses a Redis that forgets", async () => {
  const redis = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
  try {
    const signIn = {
      PUBLIC_URL: "https://agent.example.com/sign-in",
      SIGN_IN_KEYS: key,
      REDIS_URL: redis.url,
    };
    const run = await doctor([], signIn);
    expect(failed(run)).toEqual(["sign_in_store"]);
    expect(check(run, "sign_in_store")).toMatchObject({
      code: "store_unsuitable",
      fix: expect.stringContaining("noeviction"),
    });
    await redis.stop();
    await redis.start({ settings: ["--maxmemory-policy", "noeviction"] });
    const mended = await doctor([], signIn);
    expect(failed(mended)).toEqual([]);
    expect(way(mended, "sign_in")).toBe("possible");
  } finally {
    await redis.remove();
  }
});

it("looks at each primary of a Redis Cluster, and says how to connect to it", async () => {
  const cluster = await startRedisCluster();
  try {
    const signIn = {
      PUBLIC_URL: "https://agent.example.com/sign-in",
      SIGN_IN_KEYS: key,
      REDIS_URL: cluster.urls[0] ?? "",
    };
    const run = await doctor([], signIn);
    expect(failed(run)).toEqual([]);
    expect(check(run, "sign_in_store")).toMatchObject({
      status: "ok",
      detail: expect.stringContaining("createCluster()"),
    });
    await askRedis(cluster.nodes[2]?.port ?? 0, "CONFIG SET maxmemory-policy allkeys-lru");
    expect(check(await doctor([], signIn), "sign_in_store")).toMatchObject({
      status: "fail",
      code: "store_unsuitable",
      fix: expect.stringContaining("noeviction"),
    });
    for (const node of cluster.nodes) await node.stop();
    expect(check(await doctor([], signIn), "sign_in_store")).toMatchObject({
      status: "fail",
      code: "store_unavailable",
    });
  } finally {
    await cluster.remove();
  }
}, 30_000);

it("needs no app where a toolbox does it all", async () => {
  const gateway = createServer((_, response) => response.writeHead(401).end());
  await new Promise<void>((ready) => gateway.listen(0, "127.0.0.1", ready));
  try {
    const env = { FOUNDRY_PROJECT_ENDPOINT: `${urlOf(gateway)}/api/projects/p`, TOOLBOX_NAME: "support" };
    const run = await commandLine(["doctor", "--json"], { env });
    const report = JSON.parse(run.out) as Report;
    expect(run.code).toBe(0);
    expect(way({ report }, "toolbox")).toBe("possible");
    expect(check({ report }, "app")?.status).toBe("skip");
  } finally {
    gateway.close();
  }
});

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
