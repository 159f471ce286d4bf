import {
  clientSecret,
  entraApp,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
  type ResponsesRun,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { startEntra, startWitness } from "hosted-agent-identity/testing";
import { expectThat } from "../../expect-that.js";

/** What an agent is served with, on whatever framework. */
export interface AgentParts {
  readonly verify: UserTokenVerifier;
  readonly run: ResponsesRun;
}

/** An agent that listens. */
export interface Listening {
  /** Its `POST /responses`, and where it has one, the same behind a body parser. */
  readonly urls: readonly string[];
  /** Defaults to the one of the platform. */
  readonly fetch?: typeof fetch;
  close(): unknown;
}

/** The agent of one framework: 401 without a token, a turn as SSE, and the next turn without another exchange. */
export async function playAgent(serve: (parts: AgentParts) => Promise<Listening>): Promise<void> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["agent-secret"] },
      { name: "mcp", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
    ],
    users: [{ name: "Ada" }],
  });
  const witness = await startWitness({ entra, app: "mcp", sessions: false });
  const { tenantId, clientId } = entra.app("agent");
  const app = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud: entra.cloud });
  const contacts = userAccess(protectedResource(witness.resource), [onBehalfOf(app)]);
  const listening = await serve({
    verify: userTokenVerifier({ app }),
    async *run({ input }) {
      const answer = await contacts.fetch(contacts.url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "whoami" } }),
      });
      yield `${input} ${await answer.text()}`;
    },
  });
  try {
    const ada = {
      token: await entra.issueUserToken({ user: "Ada", app: "agent" }),
      oid: entra.user("Ada").oid,
    };
    for (const url of listening.urls) await playTurns(ada, url, listening.fetch ?? fetch);
    const exchanges = entra.requests.filter(({ grantType }) => grantType === "on_behalf_of").length;
    expectThat(exchanges === 1, `${exchanges} exchanges for one person`);
  } finally {
    await listening.close();
    await Promise.all([witness.close(), entra.close()]);
  }
  console.log("401 without a token; a turn as SSE; the next one with the cached token");
}

async function playTurns(
  { token, oid }: { readonly token: string; readonly oid: string },
  url: string,
  send: typeof fetch,
): Promise<void> {
  const refused = await ask(send, url, {}, { input: "hello" });
  expectThat(refused.status === 401, `401 is ${refused.status} at ${url}`);
  expectThat(refused.challenge?.startsWith("Bearer"), "the 401 has no challenge");
  expectThat(refused.text.includes("user_token_missing"), `the 401 says ${refused.text}`);
  for (const stream of [true, false]) {
    const body = { input: "Who am I?", stream };
    const { status, text } = await ask(send, url, { "x-client-user-token": token }, body);
    expectThat(status === 200, `a turn is answered ${status}: ${text}`);
    expectThat(text.includes("Who am I?") && text.includes(oid), `Ada is not seen as Ada: ${text}`);
    if (stream)
      expectThat(/^event: response\.completed$/m.test(text), `the stream is not completed: ${text}`);
    else
      expectThat(
        (JSON.parse(text) as { status: string }).status === "completed",
        `the turn is not completed: ${text}`,
      );
  }
}

async function ask(
  send: typeof fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: object,
): Promise<{ status: number; challenge: string | null; text: string }> {
  const response = await send(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const { status } = response;
  return { status, challenge: response.headers.get("www-authenticate"), text: await response.text() };
}
