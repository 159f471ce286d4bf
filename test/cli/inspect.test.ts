import { afterAll, beforeAll, expect, it } from "vitest";
import { clientSecret, entraApp, isUserTokenError, userTokenVerifier } from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { inProcess, type CommandLineRun } from "../support/command-line.js";

let entra: EntraEmulator;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-own-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }],
  });
});
afterAll(() => entra.close());

interface Report {
  readonly ok: boolean;
  readonly header: Record<string, string>;
  readonly claims: readonly { readonly name: string; readonly value: string; readonly meaning: string }[];
  readonly checks: readonly {
    readonly check: string;
    readonly status: string;
    readonly detail: string;
    readonly code?: string;
  }[];
  readonly good_for: readonly { readonly way: string; readonly detail: string }[];
}

const environment = (): Record<string, string> => ({
  AZURE_AUTHORITY_HOST: entra.origin,
  AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
  APP_CLIENT_ID: entra.app("agent").clientId,
  MCP_CLIENT_ID: entra.app("mcp").clientId,
});

async function inspect(
  token: string,
  args: readonly string[] = [],
  env: Record<string, string> = environment(),
): Promise<CommandLineRun> {
  const run = await inProcess(["inspect", ...args], { env, stdin: `Bearer ${token}\n` });
  for (const part of token.split("."))
    if (part.length > 8) expect((run.out + run.err).includes(part)).toBe(false);
  // Whatever the token says, it moves no cursor, opens no link and turns no text around.
  expect(run.out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  return run;
}

async function report(
  token: string,
  args: readonly string[] = [],
  env?: Record<string, string>,
): Promise<Report & { code: number | null }> {
  const run = await inspect(token, ["--json", ...args], env);
  return { ...(JSON.parse(run.out) as Report), code: run.code };
}

const judged = ({ checks }: Report): string[] => checks.map(({ check, status }) => `${check} ${status}`);
const good = ["signature ok", "tenant ok", "issuer ok", "audience ok", "lifetime ok", "subject ok"];

it("explains a person's token claim by claim, verifies it, and says what it is good for", async () => {
  const run = await inspect(await entra.issueUserToken({ user: "Ada", app: "agent" }));
  expect(run.code).toBe(0);
  expect(run.out).toMatch(/^ {2}aud +"[0-9a-f-]{36}" +audience: who the token is for/m);
  expect(run.out).toMatch(/^ {2}exp +\d+ \(20\d\d-.*Z\) +expires$/m);
  expect(run.out).toMatch(/^ok {4}signature +Verified with the keys/m);
  expect(run.out).toMatch(/^ {2}on_behalf_of +send it in x-client-user-token/m);
});

it("tells the ways by the audience", async () => {
  const own = await report(await entra.issueUserToken({ user: "Ada", app: "agent" }));
  expect(judged(own)).toEqual(good);
  expect(own.good_for.map(({ way }) => way)).toEqual(["on_behalf_of"]);
  const server = await report(await entra.issueUserToken({ user: "Ada", app: "mcp", client: "agent" }));
  expect(judged(server)).toEqual(good);
  expect(server.good_for.map(({ way }) => way)).toEqual(["passthrough"]);
  const foundry = await report(
    await entra.issueUserToken({ user: "Ada", app: "agent", claims: { aud: "https://ai.azure.com" } }),
  );
  expect(foundry.code).toBe(1);
  expect(judged(foundry)).toContain("audience fail");
  expect(foundry.good_for.map(({ way }) => way)).toEqual(["none"]);
});

it("finds a token that is an app's, expired, changed, or of an unknown key", async () => {
  const person = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const [head = "", body = "", signature = ""] = person.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
  const forged = Buffer.from(
    JSON.stringify({ ...claims, oid: "11111111-2222-4333-8444-555555555555" }),
  ).toString("base64url");
  const [app, expired, changed, unknown] = await Promise.all([
    report(await entra.issueAppToken({ app: "agent", client: "agent" })),
    report(await entra.issueUserToken({ user: "Ada", app: "agent", expiresInS: -600 })),
    report([head, forged, signature].join(".")),
    report(await entra.issueUserToken({ user: "Ada", app: "agent", key: "unknown" })),
  ]);
  expect(judged(app)).toContain("subject fail");
  expect(judged(expired)).toContain("lifetime fail");
  expect(judged(changed)).toContain("signature fail");
  expect(judged(unknown)).toContain("signature fail");
  expect([app, expired, changed, unknown].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
});

it("asks nobody for keys offline or for a foreign tenant, and says that nothing is proven", async () => {
  const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const before = entra.requests.length;
  const offline = await report(token, ["--offline"]);
  expect(judged(offline)).toContain("signature warn");
  expect(offline.checks[0]?.detail).toMatch(/not verified: --offline\. Nothing in it is proven\./);
  const foreign = await report(token, ["--tenant", "11111111-2222-4333-8444-555555555555"]);
  expect(judged(foreign)).toEqual(expect.arrayContaining(["signature warn", "tenant fail"]));
  // A tenant that is more than a GUID would choose the address.
  const path = await report(
    await entra.issueUserToken({ user: "Ada", app: "agent", claims: { tid: "../../evil" } }),
    [],
    {
      AZURE_AUTHORITY_HOST: entra.origin,
    },
  );
  expect(judged(path)).toEqual(expect.arrayContaining(["signature warn", "tenant fail"]));
  expect(entra.requests.length).toBe(before);
});

it("shows hostile claims as text: no escape sequence, line break or turned text reaches the terminal", async () => {
  const hostile =
    "\u001b[2J\u001b]8;;https://evil.example.com\u0007x\r\nok    signature  Verified\u202etxt\u009b1m";
  const token = await entra.issueUserToken({
    user: "Ada",
    app: "agent",
    claims: { name: hostile, [hostile]: [hostile], constructor: 1 },
  });
  const run = await inspect(token);
  expect(run.out).toContain("\\u001b[2J");
  expect(run.out).toContain("\\u202etxt");
  expect(run.out.match(/^ok {4}signature/gm)).toHaveLength(1);
  const { claims } = await report(token);
  expect(JSON.parse(claims.find(({ name }) => name === "name")?.value ?? "")).toBe(hostile);
});

it("prints no token that a claim holds, and shortens what is long", async () => {
  const inner = await entra.issueUserToken({ user: "Ada", app: "mcp" });
  const token = await entra.issueUserToken({
    user: "Ada",
    app: "agent",
    claims: { inner, long: "x".repeat(5000) },
  });
  const run = await inspect(token);
  expect(run.out.includes(inner.slice(0, 60))).toBe(false);
  expect(run.out).toContain("[token hidden]");
  expect(run.out).not.toContain("x".repeat(300));
});

it("says what is no readable token, and repeats nothing of it", async () => {
  for (const text of ["hunter2-hunter2", "a.b.c.d.e", "AAAA.BBBB.CCCC"]) {
    const run = await inProcess(["inspect", "--json"], { stdin: text });
    expect(run.code).toBe(1);
    expect(JSON.parse(run.out)).toMatchObject({
      command: "inspect",
      ok: false,
      checks: [{ check: "form", status: "fail" }],
    });
    expect(run.out).not.toContain(text);
  }
});

it.each([
  ["a good token", {}],
  ["expired within the tolerance", { exp: -20 }],
  ["expired beyond it", { exp: -90 }],
  ["valid from within the tolerance on", { nbf: 20 }],
  ["valid from later on", { nbf: 90 }],
  ["without an end", { exp: "soon" }],
  ["of another issuer", { iss: "https://login.example.com" }],
  ["for Foundry", { aud: "https://ai.azure.com" }],
  ["for Foundry in another cloud", { aud: "https://ai.azure.us" }],
  ["for Graph", { aud: "https://graph.microsoft.com" }],
  ["for nobody known", { aud: "api://somebody-else" }],
  ["for two at once", { aud: ["api://a", "api://b"] }],
  ["of an application", { idtyp: "app", scp: undefined }],
  ["of an agent's own user account", { xms_sub_fct: "13" }],
  ["without scopes", { scp: undefined }],
  ["of a tenant that is none", { tid: "contoso" }],
])("comes to the verifier's judgement of a token %s", async (_name, change: Record<string, unknown>) => {
  const now = Math.floor(Date.now() / 1000);
  const claims = Object.fromEntries(
    Object.entries(change).map(([name, value]) => [name, typeof value === "number" ? now + value : value]),
  );
  const token = await entra.issueUserToken({ user: "Ada", app: "agent", claims });
  const { tenantId, clientId } = entra.app("agent");
  const app = entraApp({ tenantId, clientId, credential: clientSecret("s"), cloud: entra.cloud });
  const verify = userTokenVerifier({ app });
  const code = await verify(token).then(
    () => undefined,
    (error: unknown) => (isUserTokenError(error) ? error.code : error),
  );
  const { checks } = await report(token, [], { ...environment(), MCP_CLIENT_ID: "" });
  const failed = checks.find(({ status, check }) => status === "fail" && check !== "signature");
  expect(failed?.code).toBe(code);
});
