import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Client,
  InMemoryResponseCacheStore,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import express from "express";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  getUserContext,
  mcpClientPool,
  onBehalfOf,
  passthrough,
  protectedResource,
  type ResponsesTurn,
  runningTurns,
  userAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import type { EntraEmulator, Witness } from "hosted-agent-identity/testing";

/** Mistakes that show only when somebody attacks, and what the check has to call each. */
export const weaknesses = {
  "clients are kept by object id, and with them what they have cached": {
    kind: "replayed_token",
    how: "reads",
  },
  "answers are kept by object id": { kind: "replayed_token", how: "calls" },
  "the token of a person is kept by object id": { kind: "replayed_token", how: "calls" },
  "one response cache for everybody": { kind: "wrong_answer", how: "reads" },
  "anybody cancels a turn": { kind: "cancelled_turn", how: "calls" },
  "whoever has the object id cancels a turn": { kind: "cancelled_turn", how: "calls" },
  "a cancelled turn is shown to whoever asks": { kind: "wrong_answer", how: "calls" },
} as const;

export type Weakness = keyof typeof weaknesses;

export interface AttackedAgentOptions {
  readonly entra: EntraEmulator;
  readonly witness: Witness;
  /** Reads the resource, which SDK v2 may answer from its cache, or calls a tool. */
  readonly how: "reads" | "calls";
  /** Sends tokens for the MCP server on, too. */
  readonly passesOn?: boolean;
  readonly weakness?: Weakness;
}

/** An agent that takes tokens for another server as well, and lets people cancel their turns. */
export async function startAttackedAgent({
  entra,
  witness,
  how,
  passesOn = false,
  weakness,
}: AttackedAgentOptions) {
  const { tenantId, clientId } = entra.app("agent");
  const credential = clientSecret("agent-secret");
  const app = entraApp({ tenantId, clientId, credential, cloud: entra.cloud });
  const mail = protectedResource({
    url: "https://mail.example.com/mcp",
    serverLabel: "mail",
    scopes: [`api://${entra.app("mail").clientId}/mail.read`],
    audiences: [entra.app("mail").clientId],
  });
  const resource = protectedResource(witness.resource);
  const contacts = userAccess(resource, [passthrough(), onBehalfOf(app)]);
  const passthroughTo = passesOn ? [mail, resource] : [mail];
  const turns = runningTurns();
  const owners = new Map<string, UserContext>();
  const kept = new Map<string, Promise<string>>();
  const clients = new Map<string, Promise<Client>>();
  const tokens = new Map<string, string>();
  const sharedStore = new InMemoryResponseCacheStore();

  async function open(principalKey: string): Promise<Client> {
    const cache =
      weakness === "one response cache for everybody"
        ? { responseCacheStore: sharedStore }
        : { cachePartition: principalKey };
    const client = new Client({ name: "agent", version: "1.0.0" }, cache);
    const send = weakness === "the token of a person is kept by object id" ? withKeptToken : contacts.fetch;
    await client.connect(new StreamableHTTPClientTransport(new URL(contacts.url), { fetch: send }));
    return client;
  }

  async function withKeptToken(url: string | URL, init?: RequestInit): Promise<Response> {
    const oid = getUserContext().user?.oid ?? "";
    const token = tokens.get(oid) ?? (await contacts.token()).token;
    tokens.set(oid, token);
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    const answer = await fetch(url, { ...init, headers });
    if (answer.status === 401) tokens.delete(oid);
    return answer;
  }

  const pool = mcpClientPool<Client>({
    open: ({ principalKey }) => open(principalKey),
    close: closeMcpClient,
  });

  async function told(question: string): Promise<string> {
    const ask = async (client: Client): Promise<string> =>
      how === "reads"
        ? JSON.stringify((await client.readResource({ uri: "witness://me" })).contents)
        : JSON.stringify((await client.callTool({ name: "whoami", arguments: { question } })).content);
    if (weakness !== "clients are kept by object id, and with them what they have cached")
      return pool.use(ask);
    const oid = getUserContext().user?.oid ?? "";
    const client = clients.get(oid) ?? open(oid);
    clients.set(oid, client);
    // A session that is gone, or a client that never opened: the next question opens another.
    return ask(await client).catch((error: unknown) => {
      if (getUserContext().proof === "app") clients.delete(oid);
      throw error;
    });
  }

  async function* model({ input, responseId }: ResponsesTurn): AsyncGenerator<string> {
    const context = getUserContext();
    owners.set(responseId, context);
    yield "I ask. ";
    const oid = context.user?.oid ?? "";
    if (weakness !== "answers are kept by object id") return yield await told(input);
    const answer = kept.get(oid) ?? told(input);
    kept.set(oid, answer);
    answer.catch(() => kept.delete(oid));
    yield await answer;
  }

  /** In whose name a turn is cancelled. */
  function canceller(responseId: string, asking: UserContext): UserContext {
    const owner = owners.get(responseId) ?? asking;
    if (weakness === "anybody cancels a turn") return owner;
    const isSame = owner.user?.oid === asking.user?.oid;
    return weakness === "whoever has the object id cancels a turn" && isSame ? owner : asking;
  }

  const server = express();
  server.use(userContext({ verify: userTokenVerifier({ app, passthroughTo }) }), express.json());
  server.post("/responses", responses(model, { turns }));
  server.post("/responses/:id/cancel", async (request, response) => {
    const { id } = request.params;
    const asking = getUserContext(request);
    const cancelled = await turns.cancel(id, canceller(id, asking));
    if (cancelled !== undefined) response.json(cancelled);
    else if (weakness === "a cancelled turn is shown to whoever asks")
      response.status(404).json({ of: owners.get(id)?.user?.oid });
    else response.sendStatus(404);
  });
  const listening = await new Promise<Server>((done) => {
    const one = server.listen(0, "127.0.0.1", () => done(one));
  });
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    async close(): Promise<void> {
      listening.closeAllConnections();
      await new Promise((done) => listening.close(done));
      await pool.close();
      await Promise.allSettled([...clients.values()].map(async (client) => (await client).close()));
      await contacts.close();
      await app.close();
    },
  };
}
