import type { UserContext } from "hosted-agent-identity";
import type { StreamWire } from "../../../src/access/own-requests.js";
import { standaloneStreams } from "../../../src/access/standalone-streams.js";
import { withQuickTimers } from "../engine/quick-timers.js";
import { field, listIn, valueIn, type FuzzTarget, type Input } from "../target.js";
import { answer, now, platformContext } from "./people.js";

const url = "https://mcp.example.com/mcp";
const token = { token: "t", expiresAt: now + 3_600_000, source: "on_behalf_of" };
const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"é"}}';
const question = (id: unknown, method = "elicitation/create"): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params: { message: "m" } });
const event = (...data: string[]): string => data.map((one) => `data: ${one}\n\n`).join("");
const json = { "content-type": "application/json" };
const events = { "content-type": "text/event-stream" };

/** What came of what a server said: what the client read, each call read, and the server was sent. */
interface Heard {
  readonly client: string;
  readonly calls: readonly string[];
  readonly replies: readonly unknown[];
  readonly resumedAfter: readonly string[];
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((done) => setImmediate(done));
};

/** A pooled client with its stream, and a server that says what the input says while calls are under way. */
async function heard(input: Input): Promise<Heard> {
  const turns: UserContext[] = listIn(input, "calls")
    .slice(0, 3)
    .map(() => platformContext());
  if (valueIn(input, "sameTurn") === true) turns.fill(turns[0] ?? platformContext());
  const replies: unknown[] = [];
  const resumedAfter: string[] = [];
  const opened: ReadableStreamDefaultController<Uint8Array>[] = [];
  const wire: StreamWire = {
    asUser: (_context, href, init) => wire.withToken(token, href, init),
    async withToken(_token, _url, init) {
      const headers = new Headers(init.headers);
      if (init.method === "POST") {
        replies.push(JSON.parse(String(init.body)));
        if (valueIn(input, "repliesFail") === true) throw new TypeError("fetch failed");
        return new Response("x", { status: 202 });
      }
      const last = headers.get("last-event-id");
      if (last !== null) resumedAfter.push(last);
      if (opened.length > 0 && valueIn(input, "opensOnce") === true) throw new TypeError("fetch failed");
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          opened.push(controller);
          init.signal?.addEventListener("abort", () => controller.error(init.signal?.reason));
        },
      });
      return new Response(body, { headers: events });
    },
  };
  const streams = standaloneStreams({
    serverLabel: "contacts",
    acquirer: {
      cachedToken: () => token,
      acquire: async () => token,
      standingTokenOf: () => (valueIn(input, "tokenless") === true ? undefined : token),
    },
    sessions: undefined,
    now: () => now,
    onEvent: undefined,
  });
  const opener = platformContext();
  const scope = {
    principalKey: String(opener.principalKey),
    opener: opener as UserContext | undefined,
    turns,
    closed: new AbortController().signal,
    refuse: () => {},
  };
  const get = { method: "GET", headers: { accept: "text/event-stream", "mcp-session-id": "s" } };
  const answered = await streams.answer({ wire, scope, context: opener, url, init: get });
  scope.opener = undefined;
  const readAll = async (): Promise<string> => (await answered?.text()) ?? "";
  const isLazy = valueIn(input, "lazy") === true;
  const reading = isLazy ? undefined : readAll();
  const releases: (() => void)[] = [];
  const calls = listIn(input, "calls")
    .slice(0, 3)
    .map(async (call, at) => {
      const request = { jsonrpc: "2.0", id: at + 100, method: "tools/call" };
      const body = JSON.stringify(valueIn(call, "batch") === true ? [request] : request);
      const init = { method: "POST", headers: { "mcp-session-id": "s" }, body };
      const late = new Promise<void>((release) => releases.push(release));
      const send = async (): Promise<Response> => {
        await late;
        if (valueIn(call, "fails") === true) throw new TypeError("fetch failed");
        return answer(field(call, "body"), valueIn(call, "status"), valueIn(call, "headers"));
      };
      const under = streams.begin(turns[at] as UserContext, init);
      const response = await under?.carry(valueIn(call, "early") === true ? unheld(call) : send);
      if (valueIn(call, "leaves") === true) await response?.body?.cancel();
      return valueIn(call, "leaves") === true ? "" : response?.text();
    });
  const read = Promise.allSettled(calls);
  await settled();
  for (const said of listIn(input, "says").slice(0, 20)) {
    const controller = opened.at(-1);
    try {
      if (valueIn(said, "answers") !== undefined) {
        const body = JSON.stringify({ jsonrpc: "2.0", id: valueIn(said, "answers"), result: {} });
        const init = { method: "POST", headers: { "mcp-session-id": "s" }, body };
        streams.begin(turns[0] ?? opener, init);
      } else if (said === "breaks") controller?.error(new TypeError("terminated"));
      else if (said === "ends") controller?.close();
      else controller?.enqueue(Buffer.from(typeof said === "string" ? said : JSON.stringify(said)));
    } catch {
      // It has ended already.
    }
    await (said === "ends" || said === "breaks" ? new Promise((done) => setTimeout(done, 3_000)) : settled());
  }
  for (const release of releases) release();
  const outcomes = await read;
  for (const turn of turns) turn.end();
  await settled();
  const client = reading ?? readAll();
  await settled();
  streams.close();
  const texts = outcomes.map((one) => (one.status === "fulfilled" ? (one.value ?? "") : ""));
  return { client: await client, calls: texts, replies, resumedAfter };
}

/** An answer that has begun before the server says anything, and goes on after it. */
function unheld(call: Input): () => Promise<Response> {
  return async () => {
    const text = Buffer.from(field(call, "body"));
    const middle = Math.floor(text.length / 2);
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          controller.enqueue(text.subarray(0, middle));
          await settled();
          if (valueIn(call, "breaks") === true) return controller.error(new TypeError("terminated"));
          controller.enqueue(text.subarray(middle));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: events });
  };
}

/** The messages in what was read. Read once more, with nothing of src. */
function messagesIn(text: string): Record<string, unknown>[] {
  return text.split(/\n\n/).flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    try {
      return [Object(JSON.parse(data ?? "")) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}

const call = { status: 200, headers: json, body: '{"jsonrpc":"2.0","id":100,"result":{}}' };
const streamed = { status: 200, headers: events, body: event('{"jsonrpc":"2.0","id":100,"result":{}}') };

export const talkingServerTargets: readonly FuzzTarget[] = [
  {
    name: "what servers say first",
    from: "MCP servers",
    files: [
      "src/access/call-under-way.ts",
      "src/access/standalone-streams.ts#pump,heard,dispatch,askedKey,expectReply,decline,sendReply,openAgain",
    ],
    shape: "fields",
    cost: 4,
    seeds: [
      { says: [event(note)], calls: [] },
      { says: [event(note, "{", "", "5", "null")], calls: [call] },
      { says: [event(question(1))], calls: [] },
      { says: [event(question(1, "roots/list")), event(question(2, "ping"))], calls: [] },
      { says: [event(question(1, "sampling/createMessage"))], calls: [], repliesFail: true },
      { says: [event(question(1))], calls: [call] },
      { says: [event(question(1)), { answers: 1 }, event(question(1))], calls: [call] },
      { says: [event(question(1), question(1))], calls: [streamed] },
      { says: [event(question("a", "x"))], calls: [call, call] },
      { says: [event(question(1))], calls: [call, streamed], sameTurn: true },
      { says: [event(`[${note},${question(3)}]`)], calls: [{ ...call, status: 202, body: "" }] },
      { says: [event(question(1))], calls: [{ ...call, status: 500 }] },
      { says: [event(question(1))], calls: [{ fails: true }] },
      { says: [], calls: [{ fails: true }, { status: 204 }] },
      { says: [event(question(1))], calls: [{ ...streamed, early: true }] },
      { says: [event(question(1))], calls: [{ ...streamed, early: true, breaks: true }] },
      { says: [event(question(1))], calls: [{ ...streamed, leaves: true }] },
      { says: [event(question(1)), event(question(2))], calls: [{ body: "data: 1\r\n\r\n", early: true }] },
      { says: [`id: 5\nretry: 10\n${event(note)}`, "ends", event(note)], calls: [] },
      { says: ["id: é\ndata\n\n", "id\n\n", "id: 7\n\nid:\n\n", "breaks", event(note)], calls: [] },
      { says: [`retry: 1\n\n`, ...Array.from({ length: 12 }, () => "ends")], calls: [] },
      { says: [`retry: 1\n\n`, "ends", "ends"], calls: [], opensOnce: true },
      { says: [`retry: 1\nid: 6\n\n`, "ends", "ends", "ends"], calls: [call] },
      { says: [event(question(1))], calls: [{ status: 500, batch: true }] },
      { says: [event(question(1))], calls: [{ status: 204 }] },
      { says: ["ends", "ends", "ends"], calls: [], tokenless: true },
      { says: [event(...Array.from({ length: 200 }, () => note))], calls: [], lazy: true },
      { says: [`data: ${note.slice(0, 9)}`, `${note.slice(9)}\r\n\r\n`], calls: [] },
    ],
    words: ["data: ", "id: 1\n", "retry: 1\n", "\n\n", question(1), note, "roots/list", "ping", "breaks"],
    run: (input) => withQuickTimers(() => heard(input)),
    secrets: () => [],
    holds(input, value) {
      const { client, calls, replies, resumedAfter } = value as Heard;
      const isQuestion = ({ id, method }: Record<string, unknown>): boolean =>
        typeof method === "string" && id !== undefined && method !== "roots/list";
      if (messagesIn(client).some(isQuestion)) throw new Error("a question without a turn");
      const asked = calls.map((text, at) => {
        const own = field(listIn(input, "calls")[at], "body");
        return messagesIn(text).filter((one) => isQuestion(one) && !own.includes(String(one["method"])));
      });
      const isShared = calls.length > 1 && valueIn(input, "sameTurn") !== true;
      if (isShared && listIn(input, "calls").every((one) => valueIn(one, "early") !== true))
        if (asked.some((some) => some.length > 0)) throw new Error("a question to one of two turns");
      for (const reply of replies as Record<string, unknown>[])
        if (reply["jsonrpc"] !== "2.0" || reply["id"] === undefined) throw new Error("no reply");
      if (resumedAfter.some((id) => !/^[\x20-\x7e]{1,1000}$/.test(id))) throw new Error("an id of no header");
    },
  },
];
