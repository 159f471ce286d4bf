import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import express from "express";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  type FetchLike,
  getUserContext,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  type ResponsesTurn,
  type SharedTokenStore,
  tryGetUserContext,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import type { EntraEmulator, Witness } from "hosted-agent-identity/testing";

const [one, two, five] = [[1], [1, 2], [1, 2, 3, 4, 5]] as const;

/** Mistakes that agents are made with, each enough to mix people up, and what the check has to call it. */
export const mistakes = {
  "the first token is sent for everybody": { kind: "wrong_token", seeds: five },
  "one MCP client and its session for everybody": { kind: "shared_session", seeds: five },
  "the current user is kept in a variable": { kind: "wrong_token", seeds: five },
  "the last result is kept in a variable": { kind: "wrong_answer", seeds: five },
  "tokens are kept by conversation": { kind: "wrong_token", seeds: five },
  "a stream goes to whoever asked last": { kind: "wrong_answer", seeds: five },
  "answers are kept by conversation": { kind: "wrong_answer", seeds: two },
  "nobody is taken for the last user": { kind: "wrong_token", seeds: two },
  "the agent calls as itself": { kind: "wrong_token", seeds: one },
  "the user token is passed on": { kind: "wrong_token", seeds: one },
  "a question of the server is answered with the words of whoever asked last": {
    kind: "wrong_token",
    seeds: two,
  },
  "a question of the server is shown to whoever is answered next": { kind: "wrong_answer", seeds: two },
  "a notification of the server is shown to whoever is answered next": { kind: "wrong_answer", seeds: two },
  "the token is told": { kind: "token_shown", seeds: one },
} as const;

export type Mistake = keyof typeof mistakes;

export interface AgentUnderTest {
  readonly url: string;
  close(): Promise<void>;
}

export interface AgentUnderTestOptions {
  readonly entra: EntraEmulator;
  readonly witness: Witness;
  readonly mistake?: Mistake;
  readonly store?: SharedTokenStore;
}

/** An agent as people write them: Express, one MCP client for each user, a shared cache; or with a mistake. */
export async function startAgent({
  entra,
  witness,
  mistake,
  store,
}: AgentUnderTestOptions): Promise<AgentUnderTest> {
  const app = entraApp({
    tenantId: entra.app("agent").tenantId,
    clientId: entra.app("agent").clientId,
    credential: clientSecret("agent-secret"),
    cloud: entra.cloud,
  });
  const contacts = userAccess(protectedResource(witness.resource), [onBehalfOf(app)], {
    // Fewer than people: tokens are evicted all the time.
    cache: { maxEntries: 3 },
    ...(store === undefined ? {} : { sharedCache: { store, encryptionKeys: [Buffer.alloc(32, 1)] } }),
  });
  const kept = mistakesMemory();

  /** What a request to the MCP server is sent with, where the agent does that by itself. */
  const tokens: Partial<Record<Mistake, () => Promise<string>>> = {
    "the first token is sent for everybody": async () => (kept.first ??= await token()),
    "one MCP client and its session for everybody": token,
    "the current user is kept in a variable": async () => kept.current,
    "nobody is taken for the last user": async () => {
      const context = getUserContext();
      if (context.principal !== undefined) return token();
      const last = kept.takenFor.get(context) ?? kept.current;
      kept.takenFor.set(context, last);
      return last;
    },
    "tokens are kept by conversation": async () => {
      const key = kept.conversation.get(getUserContext()) ?? crypto.randomUUID();
      const known = kept.byConversation.get(key) ?? (await token());
      kept.byConversation.set(key, known);
      return known;
    },
    "the agent calls as itself": () => entra.issueAppToken({ app: "contacts", client: "agent" }),
    "the user token is passed on": async () => kept.userToken,
  };
  const byItself = mistake === undefined ? undefined : tokens[mistake];
  const withToken: FetchLike = async (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${(await byItself?.()) ?? ""}`);
    return fetch(url, { ...init, headers });
  };

  async function token(): Promise<string> {
    return (await contacts.token()).token;
  }

  async function open(): Promise<Client> {
    const client = new Client({ name: "agent", version: "1.0.0" }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      if (mistake === "a question of the server is shown to whoever is answered next")
        kept.said = params.message;
      const lastOnes =
        mistake === "a question of the server is answered with the words of whoever asked last";
      const own = kept.inputs.get(tryGetUserContext() ?? kept);
      const answer = lastOnes ? kept.lastInput : own;
      return answer === undefined ? { action: "decline" } : { action: "accept", content: { answer } };
    });
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      if (mistake === "a notification of the server is shown to whoever is answered next")
        kept.said = String(params.data);
    });
    const send = byItself === undefined ? contacts.fetch : withToken;
    await client.connect(new StreamableHTTPClientTransport(new URL(contacts.url), { fetch: send }) as never);
    return client;
  }

  const pool = mcpClientPool({ open, close: closeMcpClient });
  let forAll: Promise<Client> | undefined;

  async function whoami(question: string): Promise<string> {
    const call = (client: Client) => client.callTool({ name: "whoami", arguments: { question } });
    const result = await withClient(call);
    return (result.content as { text: string }[]).map(({ text }) => text).join("");
  }

  async function withClient<T>(call: (client: Client) => Promise<T>): Promise<T> {
    if (mistake === "one MCP client and its session for everybody") return call(await (forAll ??= open()));
    if (mistake !== "nobody is taken for the last user") return pool.use(call);
    const client = await open();
    return call(client).finally(() => client.close());
  }

  async function* model({ input, request }: ResponsesTurn): AsyncGenerator<string> {
    kept.inputs.set(getUserContext(), input);
    kept.lastInput = input;
    yield "I ask. ";
    const { id } = Object(request.body["conversation"]) as { id?: string };
    const known = mistake === "answers are kept by conversation" ? kept.answers.get(id ?? "") : undefined;
    const said = known ?? (await whoami(input));
    if (id !== undefined) kept.answers.set(id, said);
    kept.lastResult = said;
    if (mistake === "the token is told") yield await token();
    await sleep(5);
    if (kept.said !== "") yield kept.said;
    yield mistake === "the last result is kept in a variable" ? kept.lastResult : said;
  }

  const server = express();
  const verify = userTokenVerifier({ app });
  server.use((req, _res, next) => {
    kept.userToken = String(req.headers["x-client-user-token"]);
    next();
  });
  server.use(
    userContext({ verify, require: mistake !== "nobody is taken for the last user" }),
    express.json(),
  );
  server.post("/responses", async (req, _res, next) => {
    const context = getUserContext();
    const { id } = Object(req.body.conversation) as { id?: string };
    if (id !== undefined) kept.conversation.set(context, id);
    if (context.principal !== undefined) kept.current = await token();
    next();
  });
  server.post(
    "/responses",
    mistake === "a stream goes to whoever asked last"
      ? (req, res) => void toLastStream(kept, req, res, whoami)
      : responses(model),
  );

  const listening = await new Promise<Server>((done) => {
    const one = server.listen(0, "127.0.0.1", () => done(one));
  });
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    async close() {
      listening.closeAllConnections();
      await new Promise((done) => listening.close(done));
      await pool.close();
      await (await forAll?.catch(() => undefined))?.close();
      await contacts.close();
      await app.close();
    },
  };
}

/** A handler written by hand, with the response in a variable. */
async function toLastStream(
  kept: Memory,
  req: express.Request,
  res: express.Response,
  whoami: (question: string) => Promise<string>,
): Promise<void> {
  kept.response = res;
  const said = await whoami(String(req.body.input)).catch(() => "It failed.");
  const to = kept.response;
  if (!to.headersSent) to.type("text/event-stream");
  to.write(`data: ${JSON.stringify({ type: "response.output_text.delta", delta: said })}\n\n`);
  res.end();
}

interface Memory {
  first: string | undefined;
  current: string;
  userToken: string;
  lastResult: string;
  lastInput: string;
  said: string;
  readonly inputs: WeakMap<object, string>;
  response: express.Response | undefined;
  readonly conversation: WeakMap<object, string>;
  readonly takenFor: WeakMap<object, string>;
  readonly byConversation: Map<string, string>;
  readonly answers: Map<string, string>;
}

/** All that an agent must not remember. */
function mistakesMemory(): Memory {
  return {
    first: undefined,
    current: "",
    userToken: "",
    lastResult: "",
    lastInput: "",
    said: "",
    inputs: new WeakMap(),
    response: undefined,
    conversation: new WeakMap(),
    takenFor: new WeakMap(),
    byConversation: new Map(),
    answers: new Map(),
  };
}
