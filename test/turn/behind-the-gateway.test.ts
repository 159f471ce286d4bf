import { createServer, request } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ResponsesOptions, TokenExchangeError, UserTokenError } from "hosted-agent-identity";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { accessThat } from "../support/consenting-access.js";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import { listening, type RunningHost } from "../support/listening.js";

let entra: EntraEmulator;
let token: string;
let foundry: FoundryEmulator | undefined;
let host: RunningHost | undefined;
let container: RunningHost | undefined;

beforeAll(async () => {
  entra = await startEntra({
    apps: [{ name: "chat", secrets: ["chat-secret"] }],
    users: [{ name: "Ada" }],
    managedIdentities: [{ name: "agent identity" }],
  });
  token = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" });
});
afterAll(() => entra.close());
afterEach(async () => {
  await foundry?.close();
  await container?.close();
  await host?.close();
});

/** The agent with the probe that a container answers, which the hosts of these tests do not have. */
function ready({ url }: RunningHost): Promise<RunningHost> {
  return listening(
    createServer((incoming, outgoing) => {
      if (incoming.url === "/readiness") return void outgoing.end();
      const { method, headers } = incoming;
      const onward = request(`${url}${incoming.url}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
        answer.pipe(outgoing);
      });
      incoming.pipe(onward);
    }),
  );
}

const users = {
  verify: () => Promise.reject(new UserTokenError("user_token_expired")),
  environment: { hosted: true },
} as const;

async function ask(
  start: StartHost,
  body: Record<string, unknown>,
  {
    headers,
    options,
  }: {
    headers?: Record<string, string>;
    options?: ResponsesOptions;
  } = {},
): Promise<{ status: number; text: string; broken: unknown }> {
  host = await start(
    async function* ({ input }) {
      yield `You said ${input}`;
    },
    { agentReference: { type: "agent_reference", name: "agent", version: "1" }, ...options },
    users,
  );
  container = await ready(host);
  foundry = await startFoundry({ entra, agentUrl: container.url });
  const response = await fetch(foundry.responsesUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const broken = foundry.log.flatMap(({ violations = [], refusal }) => [
    ...violations,
    ...(refusal === undefined ? [] : [refusal]),
  ]);
  return { status: response.status, text, broken };
}

const signIn = new TokenExchangeError("sign_in_required", "again", {}, { category: "signin" });

describe.each(Object.entries(responsesHosts))("on %s, nothing of the contract is broken by", (_, start) => {
  it("a finished response", async () => {
    expect(await ask(start, { input: "x", store: true })).toMatchObject({ status: 200, broken: [] });
  });

  it("a stream, with comments", async () => {
    const { status, text, broken } = await ask(
      start,
      { input: "x", stream: true },
      { options: { keepAliveMs: 1 } },
    );
    expect({ status, broken }).toEqual({ status: 200, broken: [] });
    expect(text).toContain("event: response.completed");
  });

  it("a sign-in that is needed", async () => {
    const options = { prepare: [accessThat("contacts", { refusal: signIn })] };
    expect(await ask(start, { input: "x" }, { options })).toMatchObject({ status: 401, broken: [] });
  });

  it("a user who cannot be verified, but for the session, which is not known yet", async () => {
    const headers = { "x-client-user-token": "expired" };
    expect(await ask(start, { input: "x" }, { headers })).toMatchObject({
      status: 401,
      broken: ["x-agent-session-id is missing"],
    });
  });
});
