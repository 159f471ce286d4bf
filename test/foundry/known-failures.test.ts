/**
 * Failures that people reported of hosted agents and that a library can prevent, each named after its report.
 * Those of toolboxes are in test/toolbox/known-failures.test.ts.
 */
import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  clientSecret,
  entraApp,
  type ResponsesOptions,
  type ResponsesRun,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/node";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { listening, type RunningHost } from "../support/listening.js";
import { accessThat, linkFor } from "../support/consenting-access.js";

let entra: EntraEmulator;
let foundryToken: string;
let userToken: string;
let foundry: FoundryEmulator | undefined;
let container: RunningHost | undefined;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "chat", secrets: ["chat-secret"] },
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
    ],
    users: [{ name: "Ada" }],
    managedIdentities: [{ name: "agent identity" }],
  });
  foundryToken = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" });
  userToken = await entra.issueUserToken({ user: "Ada", app: "agent", client: "chat" });
});
afterAll(() => entra.close());
afterEach(async () => {
  await foundry?.close();
  await container?.close();
});

/** Sends one request through the gateway to an agent in a container. */
async function ask(
  run: ResponsesRun,
  headers: Readonly<Record<string, string>> = {},
  options: ResponsesOptions = {},
): Promise<{ readonly status: string; readonly output: readonly Record<string, unknown>[] }> {
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("agent-secret"),
    cloud: entra.cloud,
  });
  const asUser = userContext({ verify: userTokenVerifier({ app }), environment: { hosted: true } });
  const agentReference = { type: "agent_reference", name: "agent", version: "1" } as const;
  const handle = responses(run, { agentReference, ...options });
  container = await listening(
    createServer((request, response) => {
      if (request.url === "/readiness") return void response.end();
      asUser(request, response, () => void handle(request, response));
    }),
  );
  foundry = await startFoundry({ entra, agentUrl: container.url });
  const response = await fetch(foundry.responsesUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${foundryToken}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ input: "Who am I?" }),
  });
  return (await response.json()) as never;
}

const item = { type: "oauth_consent_request", consent_link: linkFor("contacts"), server_label: "contacts" };

it("agent-framework#6553: a response that asks for consent is incomplete without a reason, so that the portal shows its button", async () => {
  const contacts = accessThat("contacts");
  const answer = await ask(async function* () {
    yield String(await contacts.token());
  });
  expect(answer).toMatchObject({ status: "incomplete", incomplete_details: null, output: [item] });
});

it("agent-framework#7725: the item is not dropped when the framework makes text of the error", async () => {
  const contacts = accessThat("contacts");
  const answer = await ask(async function* () {
    yield await contacts.token().then(String, (error: Error) => `The tool failed: ${error.message}`);
  });
  expect(answer.status).toBe("incomplete");
  expect(answer.output.at(-1)).toMatchObject(item);
  expect(JSON.stringify(answer.output.slice(0, -1))).not.toContain("secret-part-of-the-link");
});

it("agent-framework#5578: the agent's code can read who asks and which headers the caller sent", async () => {
  const seen: UserContext[] = [];
  await ask(
    async function* ({ context }) {
      seen.push(context);
      yield "ok";
    },
    { "x-client-locale": "de", "x-client-user-token": userToken },
  );
  expect(seen[0]?.clientHeaders).toEqual({ "x-client-locale": "de" });
  expect(seen[0]?.user).toMatchObject({ name: "Ada" });
  expect(seen[0]?.platform).toMatchObject({ hosted: true, callId: expect.any(String) as string });
});

it("azure-sdk-for-python#45797 and foundry-samples#599: the person's token arrives beside the Authorization that the platform keeps", async () => {
  const users: unknown[] = [];
  const run: ResponsesRun = async function* ({ context }) {
    users.push(context.user?.oid);
    yield "ok";
  };
  await ask(run);
  await foundry?.close();
  await container?.close();
  await ask(run, { "x-client-user-token": `Bearer ${userToken}` });
  expect(users).toEqual([undefined, entra.user("Ada").oid]);
});
