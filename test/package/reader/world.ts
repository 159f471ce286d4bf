import { spawn, type ChildProcess } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startEntra, startWitness } from "hosted-agent-identity/testing";
import { freePort } from "../../support/free-port.js";
import { itemTypes } from "../../support/quick-start.js";
import { scriptedModel } from "../../support/scripted-model.js";
import { expectThat } from "../expect-that.js";

/** How a program is started; `PORT` in the arguments stands for the port. */
export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** Where the framework reads the body, broken JSON is answered in its own form. */
  readonly ownBodyParser?: true;
  /** Where the settings are written to, for a program that does not see its environment. */
  readonly settingsFile?: string;
}

/** Plays an agent of the documents against an emulated Entra: refusals, a request for consent, the answer after it. */
export async function playAgent({
  program,
  args,
  folder,
  ownBodyParser,
  settingsFile,
}: Start): Promise<string> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }],
  });
  const witness = await startWitness({ entra, app: "mcp" });
  const model = await scriptedModel([
    { tool: "whoami" },
    { text: ({ toolOutputs }) => `You are ${toolOutputs.join("")}` },
  ]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/responses`;
  const { clientId } = entra.app("agent");
  const settings = {
    AZURE_AUTHORITY_HOST: entra.origin,
    AZURE_TENANT_ID: entra.tenants[0]?.id,
    APP_CLIENT_ID: clientId,
    APP_CLIENT_SECRET: "the-agents-secret",
    MCP_URL: witness.url,
    MCP_CLIENT_ID: entra.app("mcp").clientId,
    CONSENT_PAGE: "http://127.0.0.1:9/consented",
    OPENAI_BASE_URL: model.baseUrl,
    OPENAI_API_KEY: "none",
  };
  if (settingsFile !== undefined) {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    await writeFile(join(folder, settingsFile), lines.join("\n"));
  }
  const child = spawn(
    program,
    args.map((arg) => (arg === "PORT" ? String(port) : arg)),
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      // npx starts others: all of them end with their group.
      detached: true,
      env: {
        ...process.env,
        NEXT_TELEMETRY_DISABLED: "1",
        WRANGLER_SEND_METRICS: "false",
        CI: "true",
        ...settings,
        PORT: String(port),
      },
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  try {
    await ready(`http://127.0.0.1:${port}/readiness`, child);
    const refused = await ask(url, {}, "{}");
    expectThat(refused.status === 401, `without a token: ${refused.status} ${refused.text}`);
    expectThat(refused.challenge?.startsWith("Bearer"), "the 401 has no challenge");
    const token = { "x-client-user-token": await entra.issueUserToken({ user: "Ada", app: "agent" }) };
    const broken = await ask(url, token, "{");
    const { error } = JSON.parse(broken.text) as { error?: { type?: string } };
    expectThat(
      broken.status === 400 && (ownBodyParser || error?.type === "invalid_request_error"),
      `broken JSON is answered ${broken.status} ${broken.text}`,
    );
    const question = JSON.stringify({ input: "who am I?" });
    const asked = JSON.parse((await ask(url, token, question)).text) as Record<string, unknown>;
    expectThat(
      itemTypes(asked).includes("oauth_consent_request"),
      `no consent is asked for: ${JSON.stringify(asked)}`,
    );
    entra.grantConsent({ user: "Ada", client: "agent", resource: "mcp", scopes: ["access_as_user"] });
    const answered = await ask(url, token, JSON.stringify({ input: "who am I?", stream: true }));
    expectThat(answered.text.includes(entra.user("Ada").oid), `Ada is not seen as Ada: ${answered.text}`);
    expectThat(/^event: response\.completed$/m.test(answered.text), `it is not completed: ${answered.text}`);
    return "401 without a token, 400 to broken JSON, a request for consent, then a stream with Ada's data";
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${output.slice(-3000)}`, {
      cause,
    });
  } finally {
    stop(child);
    await Promise.all([entra.close(), witness.close(), model.close()]);
  }
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (child.exitCode !== null) throw new Error("The program ended by itself.");
    const up = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The program is not ready.");
}

async function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ status: number; challenge: string | null; text: string }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const challenge = response.headers.get("www-authenticate");
  return { status: response.status, challenge, text: await response.text() };
}

function stop(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid);
  } catch {
    // It has ended by itself.
  }
}
