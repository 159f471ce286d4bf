import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import {
  closeMcpClient,
  mcpClientPool,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserContext,
} from "hosted-agent-identity";
import { startTalkingServer } from "../support/talking-server.js";
import { contextOf, testIssuer } from "../support/test-users.js";

const clientId = "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1";

/**
 * What a run shows. Every question is answered or declined, and `wrong` is empty, where people and their conversations are
 * kept apart.
 */
export interface TalkMeasured {
  calls: number;
  /** Calls that had the server ask. */
  asked: number;
  /** Questions that a turn answered, and those that were declined because the server could have meant two turns. */
  answered: number;
  declined: number;
  /** Notifications that reached a handler: in a turn, and with no user context. */
  notifiedInTurn: number;
  notified: number;
  /** What reached another person or another conversation. The first few, in words. */
  wrong: string[];
  /** Calls that failed. */
  failed: string[];
}

export interface TalkOptions {
  readonly calls: number;
  readonly random: () => number;
  /** How many people there are, and how many conversations of theirs run at the same time. Default 25 and 20. */
  readonly people?: number;
  readonly conversations?: number;
}

/**
 * Conversations of many people, several of each person at the same time. Each call has the server ask, notify, or just
 * answer, on the stream of the pooled client. A question carries a word that only its conversation knows.
 */
export async function measureTalk({
  calls,
  random,
  people = 25,
  conversations = 20,
}: TalkOptions): Promise<TalkMeasured> {
  const issuer = testIssuer({ lifetimeMs: 36_000 });
  const server = await startTalkingServer({ whose: issuer.whose, patienceMs: 20_000 });
  const access = userAccess(
    protectedResource({
      url: server.url,
      serverLabel: "talking",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [issuer.source],
  );
  const result: TalkMeasured = {
    calls: 0,
    asked: 0,
    answered: 0,
    declined: 0,
    notifiedInTurn: 0,
    notified: 0,
    wrong: [],
    failed: [],
  };
  /** The word of each conversation, by its context. */
  const words = new WeakMap<UserContext, string>();
  const wrong = (what: string): void => {
    if (result.wrong.length < 20) result.wrong.push(what);
  };
  const personOf = (context: UserContext | undefined): string =>
    context?.principal?.kind === "entra" ? context.principal.oid : "nobody";

  const pool = mcpClientPool<ClientV1>({
    async open({ context: opener }) {
      const owner = personOf(opener);
      const client = new ClientV1({ name: "tests", version: "1.0.0" }, { capabilities: { elicitation: {} } });
      client.setRequestHandler(ElicitRequestSchema, async ({ params: { message } }) => {
        const context = tryGetUserContext();
        const here = context === undefined ? "nobody" : `${personOf(context)} ${words.get(context) ?? ""}`;
        if (here !== message) wrong(`"${message}" was asked in the conversation "${here}"`);
        return { action: "accept", content: { said: here } };
      });
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
        const { caller, note } = params.data as { caller: string; note: string };
        const context = tryGetUserContext();
        if (caller !== owner) wrong(`the client of ${owner} was told what is for ${caller}`);
        if (context === undefined) result.notified += 1;
        else {
          result.notifiedInTurn += 1;
          if (personOf(context) !== caller)
            wrong(`a turn of ${personOf(context)} was told of ${caller}: ${note}`);
        }
      });
      await client.connect(
        new TransportV1(access.url, { fetch: access.fetch }) as Parameters<ClientV1["connect"]>[0],
      );
      return client;
    },
    close: closeMcpClient,
    // Fewer clients than people: they are closed and opened again all the time.
    max: Math.max(2, Math.floor(people * 0.8)),
  });

  async function converse(started: () => void): Promise<void> {
    while (result.calls < calls) {
      const person = `p${Math.floor(random() * people)}`;
      const word = `w${result.calls}`;
      const context = contextOf(person);
      words.set(context, word);
      const turns = 1 + Math.floor(random() * 10);
      try {
        await runWithUserContext(context, async () => {
          for (let at = 0; at < turns && result.calls < calls; at += 1) {
            await oneCall(person, word);
            started();
          }
        });
      } finally {
        context.end();
      }
    }
  }

  async function oneCall(person: string, word: string): Promise<void> {
    result.calls += 1;
    const name = random() < 0.6 ? "ask" : random() < 0.5 ? "note" : "echo";
    if (name === "ask") result.asked += 1;
    try {
      const said = await pool.use((client) => client.callTool({ name, arguments: { note: word } }));
      const text: string = (said as { content: { text: string }[] }).content[0]?.text ?? "";
      if (/under way/.test(text)) result.declined += 1;
      else if (!text.startsWith("{")) throw new Error(text);
      else {
        const { caller, value } = JSON.parse(text) as {
          caller: string;
          value: { content?: { said: string } };
        };
        if (caller !== person) wrong(`${person} called, and the server answered ${caller}`);
        if (name !== "ask") return;
        result.answered += 1;
        if (value.content?.said !== `${person} ${word}`) wrong(`${person} ${word} got the answer of ${text}`);
      }
    } catch (error) {
      if (result.failed.length < 20) result.failed.push(String(error));
    }
  }

  try {
    const running: Promise<void>[] = [];
    // One after the other: a call waits 5 s for its client's stream, which is little if all open at once on a busy machine.
    while (running.length < conversations)
      await new Promise<void>((started) => {
        running.push(converse(started).finally(started));
      });
    await Promise.all(running);
  } finally {
    await pool.close();
    await access.close();
    await server.close();
  }
  return result;
}
