import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ManagedIdentityCredential } from "@azure/identity";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  isConsentRequiredError,
  protectedResource,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { remoteSignIn } from "hosted-agent-identity/sign-in";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { createVisitor, formsOf } from "../../examples/chat/visitor.js";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { compiled } from "../support/compiled.js";
import { freePort } from "../support/free-port.js";
import { startRedis } from "../support/redis-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let entra: EntraEmulator;
let redis: Awaited<ReturnType<typeof startRedis>>;
let service: ChildProcess;
let app: EntraApp;
let url: string;
let port: number;

beforeAll(async () => {
  redis = await startRedis();
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  entra = await startEntra({
    apps: [
      {
        name: "service",
        scopes: ["chat"],
        secrets: ["the-services-secret"],
        redirectUris: [`${url}/callback`],
      },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
    managedIdentities: [{ name: "agent" }],
  });
  app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("service").clientId,
    credential: clientSecret("never used by an agent"),
    cloud: entra.cloud,
  });
  vi.stubEnv("IDENTITY_ENDPOINT", entra.managedIdentity.env.IDENTITY_ENDPOINT);
  vi.stubEnv("IDENTITY_HEADER", entra.managedIdentity.env.IDENTITY_HEADER);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await killed();
  await redis.remove();
  await entra.close();
});

const key = randomBytes(32).toString("base64");

async function startService(): Promise<void> {
  let output = "";
  service = spawn(process.execPath, [compiled("examples/sign-in-service/main.ts")], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      AZURE_AUTHORITY_HOST: entra.origin,
      AZURE_TENANT_ID: app.tenantId,
      SERVICE_CLIENT_ID: app.clientId,
      SERVICE_CLIENT_SECRET: "the-services-secret",
      PUBLIC_URL: url,
      PORT: String(port),
      SIGN_IN_KEYS: key,
      REDIS_URL: redis.url,
      MCP_URL: "https://mcp.example.com/mcp",
      MCP_CLIENT_ID: entra.app("mcp").clientId,
      CALLER_NAME: "Contacts assistant",
      CALLER_CLIENT_IDS: entra.managedIdentity.identities[0]?.clientId ?? "",
    },
  });
  for (const stream of [service.stdout, service.stderr])
    stream?.on("data", (chunk) => (output += String(chunk)));
  while (!output.includes("is ready")) {
    if (service.exitCode !== null) throw new Error(`The service ended: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function killed(): Promise<void> {
  return new Promise((resolve) => {
    service.once("exit", () => resolve());
    service.kill("SIGKILL");
  });
}

/** An agent process: it holds no grant, no key and no secret that works. */
function agentAccess(): UserAccess {
  const { clientId } = entra.app("mcp");
  const resource = protectedResource({
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: [`api://${clientId}/access_as_user`],
    audiences: [clientId],
  });
  const signIn = remoteSignIn({
    url,
    credential: new ManagedIdentityCredential(),
    scope: `api://${app.clientId}/.default`,
  });
  return userAccess(resource, [signIn.tokens()]);
}

async function person(user: string): Promise<UserContext> {
  return createUserContext(
    { userToken: await entra.issueUserToken({ user, app: "service" }) },
    { verify: userTokenVerifier({ app }) },
  );
}

async function linkOf(access: UserAccess, user: string): Promise<string> {
  const error: unknown = await access.token(await person(user)).catch((cause: unknown) => cause);
  if (!isConsentRequiredError(error)) throw error;
  return error.requests[0]?.link ?? "";
}

/** Signs in at a link as somebody, and returns the last page. */
async function signInAt(link: string, as: string): Promise<string> {
  const visitor = createVisitor();
  let page = await visitor.visit(link);
  for (let steps = 0; steps < 5; steps += 1) {
    const choices = formsOf(page.html).flatMap((form) => form.buttons.map((button) => ({ form, button })));
    const wanted =
      choices.find(({ button }) => button.text.includes(as)) ??
      choices.find(({ button }) => /continue|accept/i.test(button.text));
    if (wanted === undefined) break;
    page = await visitor.submit(
      page,
      wanted.form,
      wanted.button.name === "" ? {} : { [wanted.button.name]: wanted.button.value },
    );
  }
  return page.html;
}

test("the sign-in service alone holds the grants: an agent gets its person's token, also after both were killed", async () => {
  await startService();
  const access = agentAccess();
  expect(await signInAt(await linkOf(access, "Ada"), "Ada")).toContain("You are signed in");
  const { token } = await access.token(await person("Ada"));
  expect(decodeClaims(token)).toMatchObject({ oid: entra.user("Ada").oid, aud: entra.app("mcp").clientId });

  await killed();
  await startService();
  const later = await agentAccess().token(await person("Ada"));
  expect(decodeClaims(later.token)?.oid).toBe(entra.user("Ada").oid);
}, 60_000);

test("a link that was forwarded serves neither who opened it nor who sent it", async () => {
  const access = agentAccess();
  const opened = await signInAt(await linkOf(access, "Grace"), "Ada");
  expect(opened).not.toContain("You are signed in");
  expect(
    isConsentRequiredError(await access.token(await person("Grace")).catch((cause: unknown) => cause)),
  ).toBe(true);
}, 60_000);
