import { inspected } from "../../../src/access/inspected-answer.js";
import { legacyTransport, mayBeLegacy } from "../../../src/access/legacy-transport.js";
import { saysSessionIsLost } from "../../../src/access/lost-session.js";
import { maySendAgain } from "../../../src/access/send-again.js";
import { unbroken } from "../../../src/access/unbroken-answer.js";
import { withQuickTimers } from "../engine/quick-timers.js";
import { field, listIn, maybe, valueIn, type FuzzTarget, type Input } from "../target.js";
import { answer } from "./people.js";

const lost = 'event: message\ndata: {"jsonrpc":"2.0","lost":"this answer"}\n\n';
const result = '{"jsonrpc":"2.0","id":1,"result":{}}';
const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\\"result\\""}}';
const ofNumbered = `id: 7\nretry: 20\ndata: ${note}\n\n`;
const terminated = new TypeError("terminated", { cause: new Error("other side closed") });
const own = new Error("the context has ended");
const longest = 65_536;

/** A server's stream as an input describes it: its text in pieces, and how it ends. */
function streamOf(input: Input): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(field(input, "text"), "utf8");
  const given = valueIn(input, "pieces");
  const size = typeof given === "number" && given >= 1 ? Math.max(given, bytes.length / 400) : bytes.length;
  const end = field(input, "end");
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) {
        const to = Math.min(bytes.length, Math.floor(at + Math.max(size, 1)));
        controller.enqueue(bytes.subarray(at, to));
        at = to;
        return undefined;
      }
      if (end === "open") return new Promise<void>(() => {});
      if (end === "breaks") return controller.error(terminated);
      return controller.close();
    },
  });
}

function responseOf(input: Input): Response {
  if (valueIn(input, "fails") === "network") throw terminated;
  if (valueIn(input, "fails") === "own") throw own;
  const status = valueIn(input, "status");
  const code = typeof status === "number" && status >= 200 && status <= 599 ? Math.floor(status) : 200;
  const headers = valueIn(input, "plain") === true ? undefined : { "content-type": "text/event-stream" };
  return new Response([204, 205, 304].includes(code) ? null : streamOf(input), { status: code, headers });
}

/** The messages of an event stream. Read once more, with nothing of src. */
function messagesIn(text: string): unknown[] {
  const events = text
    .replace(/^\ufeff+/, "")
    .replace(/\r\n?/g, "\n")
    .split(/\n\n/)
    .slice(0, -1);
  return events.flatMap((event) => {
    const lines = event.split("\n").filter((line) => line === "data" || line.startsWith("data:"));
    try {
      return [JSON.parse(lines.map((line) => line.replace(/^data:? ?/, "")).join("\n")) as unknown];
    } catch {
      return [];
    }
  });
}

function isAnswer(message: unknown, id: unknown): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { id: of, ...rest } = message as Record<string, unknown>;
  return of === id && ("result" in rest || "error" in rest) && !("method" in rest);
}

export const brokenAnswerTargets: readonly FuzzTarget[] = [
  {
    name: "streams that break off",
    from: "MCP servers and what stands in front of them",
    files: ["src/access/unbroken-answer.ts"],
    shape: "fields",
    seeds: [
      { id: 1, streams: [{ text: `data: ${result}\n\n` }] },
      { id: 1, streams: [{ text: `data: ${result}\n\n`, end: "breaks" }] },
      { id: "a", streams: [{ text: `data: ${result}\n\n`, end: "breaks" }] },
      { id: 1, streams: [{ text: `data: ${note}\n\n: "error"\n\ndata: {"result"\n\n`, end: "breaks" }] },
      { id: 1, streams: [{ text: 'data: {"id":1,"method":"ping","params":{"error":1}}\n\n' }] },
      { id: 1, streams: [{ text: 'data: {"id":1,"error":{"code":5}}\r\n\r\n', end: "open" }] },
      { streams: [{ text: `data: ${note}\n\n`, end: "breaks" }] },
      { id: 1, left: true, streams: [{ text: "", end: "breaks" }] },
      { id: 1, hold: true, streams: [{ text: `${ofNumbered}data: {"js`, end: "breaks", pieces: 3 }] },
      {
        id: 1,
        streams: [
          { text: `${ofNumbered}id: 8\nda`, end: "breaks", pieces: 9 },
          { fails: "network" },
          { status: 503, text: "" },
          { text: "id: 9\n\n", end: "breaks" },
          { text: `data: ${result}\n\n`, end: "open" },
        ],
      },
      {
        id: 1,
        streams: [
          { text: ofNumbered, end: "breaks" },
          { status: 404, text: "gone" },
        ],
      },
      { id: 1, streams: [{ text: ofNumbered, end: "breaks" }, { status: 204 }] },
      {
        id: 1,
        streams: [
          { text: ofNumbered, end: "breaks" },
          { plain: true, text: result },
        ],
      },
      { id: 1, streams: [{ text: ofNumbered, end: "breaks" }, { fails: "own" }] },
      { id: 1, deaf: true, streams: [{ text: ofNumbered, end: "breaks" }] },
      { id: 1, streams: [{ text: `retry: x\nid\nid:\n\n${ofNumbered}id: \n\n`, end: "breaks" }] },
      { id: 1, streams: [{ text: `retry: 4000000000\nid: é\n\n`, end: "breaks" }, { status: 409 }] },
      { id: 1, cancel: true, streams: [{ text: ofNumbered, end: "open" }] },
      { id: 1, cancel: true, streams: [{ text: "", end: "breaks" }] },
      { id: 1, patient: true, streams: [{ text: ofNumbered, end: "ends" }, { text: `data: ${result}\n\n` }] },
      { id: 1, streams: [{ text: `data: {"id":1,"result":"${"x".repeat(150_000)}"}\n\n`, pieces: 40_000 }] },
      { id: 1, streams: [{ text: `data: {"id":1,"result":"${"x".repeat(70_000)}"}\n\n` }] },
      { id: 1, streams: [{ text: `data: {"id":1,"result":"${"x".repeat(70_000)}`, end: "breaks" }] },
      {
        id: 1,
        streams: [
          { text: ofNumbered, end: "breaks" },
          { text: `data: {"id":1,"result":"${"x".repeat(150_000)}"}\n\n`, pieces: 40_000, end: "open" },
        ],
      },
    ],
    words: ["id: 7\n", "retry: 1\n", "data: ", "\n\n", "\r\n\r\n", result, note, '"result"', '"error"'],
    run(input) {
      return withQuickTimers(async () => {
        const [first, ...later] = listIn(input, "streams").slice(0, 6);
        const isPatient = valueIn(input, "patient") === true;
        const canWait = [first, ...later].every((one) => field(one, "end") !== "open");
        const resume = async (lastEventId: string): Promise<Response> => {
          if (!/^[\x20-\x7e]{1,1000}$/.test(lastEventId)) throw new Error("an id of no header");
          const next = later.shift();
          return next === undefined ? new Response(null, { status: 405 }) : responseOf(next);
        };
        const body = streamOf(first);
        const passed = await inspected(
          new Response(body, { headers: { "content-type": "text/event-stream" } }),
          { mayConcern: () => false, judge: () => undefined },
          valueIn(input, "hold") === true,
          unbroken({
            id: () => valueIn(input, "id"),
            left: () => valueIn(input, "left") === true,
            resume: valueIn(input, "deaf") === true ? undefined : resume,
            lost: () => Buffer.from(lost),
            silenceMs: isPatient && canWait ? undefined : 5_000,
          }),
        );
        if (valueIn(input, "cancel") === true) {
          const reader = passed.body?.getReader();
          const reading = reader?.read().catch(() => {});
          await reader?.cancel();
          await reading;
          return { text: undefined };
        }
        return { text: await passed.text() };
      });
    },
    // The client's fetch breaks off where nothing is missing.
    isRefusal: (error) => error === terminated || (error as Error).name === "TimeoutError",
    secrets: () => [],
    holds(input, value) {
      const { text } = value as { text: string | undefined };
      const id = valueIn(input, "id");
      if (text === undefined || id === undefined || valueIn(input, "left") === true) return;
      const sent = listIn(input, "streams").map((one) => field(one, "text"));
      if (sent.some((one) => one.includes("this answer") || one.length > longest)) return;
      const messages = messagesIn(text);
      const isLost = text.endsWith(lost);
      const answers = messages.filter((message) => isAnswer(message, id)).length;
      if (isLost && answers > 0) throw new Error("an answer that has come is called lost");
      if (!isLost && answers === 0) throw new Error("neither an answer nor a word that none comes");
      if (isLost && text.indexOf(lost) !== text.length - lost.length) throw new Error("lost twice");
      if (isLost && !JSON.stringify(messages.at(-1)).includes("this answer"))
        throw new Error("the client does not see that its answer is lost");
    },
  },
  {
    name: "answers without an MCP session",
    from: "MCP servers, gateways, and fetch",
    files: [
      "src/access/lost-session.ts#saysSessionIsLost,reasonIn,isOfTransport",
      "src/access/legacy-transport.ts",
      "src/access/send-again.ts",
    ],
    shape: "fields",
    seeds: [
      { session: "s", status: 404 },
      { session: "s", status: 200, body: "Session not found" },
      { status: 404, start: { text: "event: endpoint\ndata: /messages\n\n" } },
      { status: 405, start: { text: "event: endpoint\r\ndata: /messages\r\n\r\n", end: "open", pieces: 4 } },
      { status: 405, start: { text: "event: message\ndata: {}\n\n" } },
      { status: 405, start: { text: "event: endpoint", end: "breaks" } },
      { status: 405, start: { text: ": wait", end: "open" } },
      { status: 405, start: { text: `:${"x".repeat(5_000)}`, end: "open" } },
      { status: 405, start: { plain: true, text: "event: endpoint\n\n" } },
      { status: 405, start: { status: 204 } },
      { status: 405, start: { fails: "network" }, aborts: true },
      { status: 405, method: "GET", body: "" },
      { status: 404, sends: 5 },
      { session: "s", status: 400, body: "Bad Request: Server not initialized" },
      { session: "s", status: 400, body: '{"error":{"code":-32600,"message":"Session not found"}}' },
      { session: "s", status: 400, body: '{"error":{"code":-32001,"message":"Session has expired"}}' },
      { session: "s", status: 400, body: '{"error":{"code":-32000,"message":5}}' },
      { session: "s", status: 400, body: '{"error":{"code":-32700,"message":"Session not found"}}' },
      { session: "s", status: 400, body: '{"error":{"code":"x","message":"Session not found"}}' },
      { session: "s", status: 400, body: "null" },
      { session: "s", status: 400, body: "session ".repeat(10_000) },
      { session: "s", status: 401, body: "Unauthorized: Session not found" },
      { session: "s", status: 401, body: "Session not found", headers: { "www-authenticate": "Bearer" } },
      { session: "s", status: 500, method: "GET" },
      { sends: '{"id":1,"method":"tools/call"}', error: { code: "ECONNRESET" } },
      { sends: '{"id":1,"method":"tools/list"}', error: { code: "ECONNRESET" } },
      { sends: '{"id":1,"method":"ping"}', error: { cause: { code: "UND_ERR_SOCKET" } } },
      { sends: '{"id":1,"method":"ping"}', error: { cause: { code: 5 } } },
      { sends: '{"id":1,"method":"ping"}', error: { cause: null } },
      { sends: '{"id":1,"method":"ping"}', error: { cause: "x" } },
      { sends: '{"id":1,"method":"ping"}', error: null },
      { sends: '{"id":1,"method":"ping"}', error: 5, aborts: true },
    ],
    words: ["event: endpoint", "Session not found", "not initialized", "-32600", "ECONNRESET", "tools/list"],
    run(input) {
      return withQuickTimers(async () => {
        const session = maybe(input, "session");
        const sends = valueIn(input, "sends") ?? '{"jsonrpc":"2.0","id":1,"method":"initialize"}';
        const headers: Record<string, string> = session === undefined ? {} : { "mcp-session-id": session };
        const init = {
          method: maybe(input, "method") ?? "POST",
          headers,
          body: sends as string,
          signal: valueIn(input, "aborts") === true ? AbortSignal.abort() : null,
        };
        const read = (): Response =>
          answer(field(input, "body"), valueIn(input, "status"), valueIn(input, "headers"));
        const isLost = await saysSessionIsLost(read(), init);
        const again = maySendAgain(init, valueIn(input, "error"));
        if (!mayBeLegacy(init, read())) return { isLost, again, legacy: undefined };
        const get = async (): Promise<Response> => responseOf(valueIn(input, "start"));
        const legacy = await legacyTransport("contacts", init.signal, get);
        return { isLost, again, legacy };
      });
    },
    secrets: (input) => [field(input, "body"), field(valueIn(input, "start"), "text")],
    says: (value) => String((value as { legacy: unknown }).legacy),
    holds(input, value) {
      const { isLost, again, legacy } = value as { isLost: boolean; again: boolean; legacy: unknown };
      const status = valueIn(input, "status");
      if (isLost && (maybe(input, "session") === undefined || ![400, 401, 404].includes(status as number)))
        throw new Error("a session that was not named, or an answer of a tool, counts as lost");
      if (again && field(input, "sends").includes('"tools/call"') && !field(input, "sends").includes("list"))
        throw new Error("a tool is called again");
      if (legacy !== undefined && !field(valueIn(input, "start"), "text").includes("endpoint"))
        throw new Error("the older transport without its event");
    },
  },
];
