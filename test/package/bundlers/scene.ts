import { spawn } from "node:child_process";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { freePort } from "../../support/free-port.js";
import { itemTypes } from "../../support/quick-start.js";

/** A built program, and how it is started. */
export interface Built {
  readonly folder: string;
  /** What Node is given; `PORT` stands for the port. */
  readonly args: readonly string[];
  /** Whether `@azure/identity` was installed when it was built. */
  readonly identity: boolean;
}

interface Program {
  readonly origin: string;
  readonly entra: EntraEmulator;
}

/** Plays everything that a build tool has broken before against a built program. Throws what is not as it should be. */
export async function playScene(built: Built): Promise<string> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }],
  });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const child = spawn(
    process.execPath,
    built.args.map((arg) => (arg === "PORT" ? String(port) : arg)),
    { cwd: built.folder, stdio: ["ignore", "pipe", "pipe"], env: environment(entra, origin) },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  try {
    await listening(origin, () => child.exitCode !== null);
    const program = { origin, entra };
    const identity = await developerFinds(program, built.identity);
    await refusesTokens(program);
    await gateHolds(program);
    await consents(program);
    return `oauth_consent_request found, answers as the person after consent; 401 without and with a bad token; gate 401 and 200; ${identity}`;
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${output.slice(-4000)}`, {
      cause,
    });
  } finally {
    child.kill();
    await entra.close();
  }
}

function environment(entra: EntraEmulator, origin: string): NodeJS.ProcessEnv {
  return {
    NODE_ENV: "production",
    NEXT_TELEMETRY_DISABLED: "1",
    HOME: process.env["HOME"],
    // No Azure CLI is found here, whatever this machine has.
    PATH: "/nonexistent",
    AZURE_AUTHORITY_HOST: entra.origin,
    AZURE_TENANT_ID: entra.tenants[0]?.id,
    APP_CLIENT_ID: entra.app("agent").clientId,
    APP_CLIENT_SECRET: "the-agents-secret",
    MCP_CLIENT_ID: entra.app("mcp").clientId,
    ORIGIN: origin,
    PORT: new URL(origin).port,
  };
}

async function listening(origin: string, ended: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (ended()) throw new Error("The program ended by itself.");
    const up = await fetch(origin).then(
      () => true,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The program did not listen.");
}

/** `developer()` finds the package it was built with, or says that it is missing. */
async function developerFinds({ origin }: Program, identity: boolean): Promise<string> {
  const { code, error } = (await (await fetch(`${origin}/developer`)).json()) as Record<string, string>;
  if (!identity) {
    expectThat(code === "missing_dependency", `developer() without @azure/identity: ${code} ${error}`);
    expectThat(error?.includes("npm install @azure/identity"), `it does not name the package: ${error}`);
    return "developer() says missing_dependency";
  }
  // The package's own error: its credential ran, and there is no `az` to ask.
  expectThat(error?.startsWith("CredentialUnavailableError"), `developer(): ${code} ${error}`);
  return "developer() asks the Azure CLI";
}

async function refusesTokens(program: Program): Promise<void> {
  for (const [token, code] of [
    [undefined, "user_token_missing"],
    ["not.a.token", "user_token_malformed"],
  ] as const) {
    const { status, headers, body } = await ask(program, token);
    expectThat(status === 401, `${code} is answered ${status}`);
    expectThat(headers.get("www-authenticate")?.startsWith("Bearer"), `${code} has no challenge`);
    expectThat(JSON.stringify(body).includes(code), `${code} is not in ${JSON.stringify(body)}`);
  }
}

async function gateHolds({ origin, entra }: Program): Promise<void> {
  const call = (token?: string): Promise<Response> =>
    fetch(`${origin}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "whoami" } }),
    });
  const refused = await call();
  expectThat(refused.status === 401, `the gate answers ${refused.status} without a token`);
  expectThat(
    refused.headers.get("www-authenticate")?.startsWith("Bearer"),
    "the gate's 401 has no challenge",
  );
  const admitted = await call(await entra.issueUserToken({ user: "Ada", app: "mcp" }));
  expectThat(admitted.status === 200, `the gate answers ${admitted.status} to a good token`);
  expectThat((await admitted.text()).includes(entra.user("Ada").oid), "the gate does not say who calls");
}

async function consents(program: Program): Promise<void> {
  const { entra } = program;
  const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const asked = await ask(program, token);
  expectThat(asked.body["status"] === "incomplete", `without consent: ${JSON.stringify(asked.body)}`);
  expectThat(itemTypes(asked.body).includes("oauth_consent_request"), "no consent is asked for");
  entra.grantConsent({ user: "Ada", client: "agent", resource: "mcp", scopes: ["access_as_user"] });
  const answered = await ask(program, token);
  expectThat(answered.body["status"] === "completed", `after consent: ${JSON.stringify(answered.body)}`);
  expectThat(JSON.stringify(answered.body).includes(entra.user("Ada").oid), "Ada is not seen as Ada");
}

async function ask(
  { origin }: Program,
  token: string | undefined,
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(`${origin}/responses`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { "x-client-user-token": token }),
    },
    body: JSON.stringify({ input: "who am I?", stream: false }),
  });
  const text = await response.text();
  try {
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    };
  } catch {
    throw new Error(`/responses answers ${response.status} with no JSON: ${text.slice(0, 300)}`);
  }
}

function expectThat(holds: boolean | undefined, otherwise: string): void {
  if (holds !== true) throw new Error(otherwise);
}
