import { ask, post, type Answer, type ContractServer, type Json } from "./server.js";

/** One thing that a client can see. Both servers have to show the same, or the difference has a reason. */
export interface Row {
  /** What is compared; the key in the list of known differences. */
  readonly name: string;
  observe(server: ContractServer): Promise<unknown>;
  /** Lists, of which ours has to have all that theirs has, and may have more. */
  readonly atLeast?: boolean;
}

const hello = { model: "m", input: "hello" };
const conversation = `conv_${"c".repeat(48)}`;

/** The rows, by what is asked. Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md. */
export const rows: readonly Row[] = [
  ...(["hello", "empty", "fail"] as const).flatMap((input) => [
    row(`events of a turn, ${input}`, async (server) =>
      eventOrder(await post(server, { model: "m", input, stream: true })),
    ),
    atLeast(`fields of response.created, ${input}`, async (server) =>
      fields((await post(server, { model: "m", input, stream: true })).events[0]?.response),
    ),
    atLeast(`fields of the last event's response, ${input}`, async (server) =>
      fields((await post(server, { model: "m", input, stream: true })).events.at(-1)?.response),
    ),
    atLeast(`fields of the plain response, ${input}`, async (server) =>
      fields((await post(server, { model: "m", input })).json),
    ),
    row(`status, error and times of the plain response, ${input}`, async (server) => {
      const { status, json } = await post(server, { model: "m", input });
      return {
        http: status,
        status: json.status,
        error: json.error?.code ?? null,
        completed: json.completed_at != null,
      };
    }),
  ]),
  row("fields of each event", async (server) =>
    Object.fromEntries(
      (await post(server, { ...hello, stream: true })).events.map((event) => [event.type, fields(event)]),
    ),
  ),
  row("frames of the stream", async (server) => {
    const { text } = await post(server, { ...hello, stream: true });
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
    return { fields: [...new Set(lines.map((line) => line.split(":")[0]))], done: text.includes("[DONE]") };
  }),
  row("headers of the stream", async (server) =>
    picked(await post(server, { ...hello, stream: true }), [
      "content-type",
      "cache-control",
      "x-accel-buffering",
    ]),
  ),
  row("content type of the plain response", async (server) =>
    picked(await post(server, hello), ["content-type"]),
  ),
  row("platform headers", async (server) => {
    const { headers, json } = await post(server, hello, { "x-request-id": "given" });
    return {
      "x-platform-server": headers.has("x-platform-server"),
      "x-request-id": headers.get("x-request-id"),
      "x-agent-response-id is the id": headers.get("x-agent-response-id") === json.id,
      "x-agent-session-id is the session": headers.get("x-agent-session-id") === json.agent_session_id,
    };
  }),
  row("a message", async (server) => shapes((await post(server, hello)).json.output[0])),
  row("shape of ids", async (server) => {
    const { json } = await post(server, hello);
    return [json.id, json.output[0].id].map((id: string) =>
      id.replaceAll(/[A-Za-z0-9]{40,}$/g, (rest) => `<${rest.length}>`),
    );
  }),
  row(
    "conversation as a text",
    async (server) => (await post(server, { ...hello, conversation })).json.conversation,
  ),
  row(
    "conversation as an object",
    async (server) =>
      (await post(server, { ...hello, conversation: { id: conversation } })).json.conversation,
  ),
  row("conversation in every event's response", async (server) =>
    (await post(server, { ...hello, conversation, stream: true })).events
      .filter(({ response }) => response !== undefined)
      .map(({ response }) => response.conversation),
  ),
  row("agent_session_id of the request", async (server) => {
    const { json, headers } = await post(server, { ...hello, agent_session_id: "session-of-mine" });
    return { body: json.agent_session_id, header: headers.get("x-agent-session-id") };
  }),
  row("agent_session_id that nobody named", async (server) => {
    const { json, headers } = await post(server, hello);
    return { body: typeof json.agent_session_id, header: headers.has("x-agent-session-id") };
  }),
  row("agent_reference of the request", async (server) => {
    const agent_reference = { type: "agent_reference", name: "helper", version: "3" };
    const { json } = await post(server, { ...hello, agent_reference });
    return { response: json.agent_reference, item: json.output[0].agent_reference };
  }),
  row("agent_reference that nobody named", async (server) => {
    const { json } = await post(server, hello);
    return { response: json.agent_reference, item: json.output[0].agent_reference };
  }),
  row("fields that are carried into the response", async (server) => {
    const given = { instructions: "Be short.", temperature: 0.5, metadata: { a: "b" }, store: true };
    const { json } = await post(server, { ...hello, ...given });
    return Object.fromEntries(
      [...Object.keys(given), "model", "background"].map((name) => [name, json[name] ?? null]),
    );
  }),
  row("model that nobody named", async (server) => (await post(server, { input: "hello" })).json.model),
  row("unknown fields", async (server) => (await post(server, { ...hello, of_tomorrow: 1 })).status),
  ...refusals({
    "no input": { model: "m" },
    "an empty body": "",
    "broken JSON": "{",
    "an array": [],
    "input of a number": { model: "m", input: 5 },
    "stream of a text": { ...hello, stream: "yes" },
    "store of a text": { ...hello, store: "yes" },
    "temperature of a text": { ...hello, temperature: "hot" },
    "instructions of a number": { ...hello, instructions: 5 },
    "tool_choice of a number": { ...hello, tool_choice: 5 },
    "agent_reference of a text": { ...hello, agent_reference: "helper" },
    "agent_session_id of a number": { ...hello, agent_session_id: 5 },
    "metadata of a text": { ...hello, metadata: "a" },
    "metadata with 17 pairs": {
      ...hello,
      metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, "v"])),
    },
    "metadata with a long key": { ...hello, metadata: { ["k".repeat(65)]: "v" } },
    "metadata with a long value": { ...hello, metadata: { k: "v".repeat(513) } },
    "metadata with a number": { ...hello, metadata: { k: 5 } },
    "background without store": { ...hello, background: true, store: false },
    "a previous response that is no id": { ...hello, previous_response_id: "x" },
    "previous response and conversation": {
      ...hello,
      previous_response_id: `caresp_${"a".repeat(50)}`,
      conversation,
    },
  }),
  row(
    "background",
    async (server) => (await post(server, { ...hello, background: true, store: true })).status,
  ),
  row(
    "text/plain",
    async (server) => (await post(server, JSON.stringify(hello), { "content-type": "text/plain" })).status,
  ),
  row("GET /readiness", async ({ url }) => (await ask(url, "/readiness")).status),
  ...Object.entries({
    "GET /responses/{id}": ["GET", ""],
    "GET /responses/{id}/input_items": ["GET", "/input_items"],
    "POST /responses/{id}/cancel": ["POST", "/cancel"],
    "DELETE /responses/{id}": ["DELETE", ""],
  } as const).map(([name, [method, path]]) =>
    row(name, async (server) => {
      const { json } = await post(server, { ...hello, store: true });
      return (await ask(server.url, `/responses/${json.id}${path}`, { method, headers: server.headers }))
        .status;
    }),
  ),
];

function row(name: string, observe: Row["observe"]): Row {
  return { name, observe };
}

function atLeast(name: string, observe: (server: ContractServer) => Promise<readonly string[]>): Row {
  return { name, observe, atLeast: true };
}

/** What is refused, and how; the words are each server's own. */
function refusals(bodies: Readonly<Record<string, unknown>>): Row[] {
  const each = Object.entries(bodies).map(([name, body]) =>
    row(`refusal, ${name}`, async (server) => {
      const { status, json, headers } = await post(server, body);
      if (status < 400) return { status };
      const { type, details, message } = json?.error ?? {};
      return {
        status,
        type,
        message: typeof message,
        details: Array.isArray(details)
          ? details.map(({ type, code, param }: Json) => ({ type, code, param }))
          : "none",
        source: headers.get("x-platform-error-source"),
      };
    }),
  );
  const all = row("refusals, code and param", async (server) =>
    Promise.all(
      Object.entries(bodies).map(async ([name, body]) => {
        const { error } = (await post(server, body)).json ?? {};
        return [name, error?.code, error?.param];
      }),
    ),
  );
  return [...each, all];
}

/** The types in their order; how many deltas there are is nobody's contract. */
function eventOrder({ events }: Answer): unknown {
  const types = events.map(({ type }) => String(type));
  const numbered = events.every(({ sequence_number }, n) => sequence_number === n);
  return { types: types.filter((type, n) => type !== types[n - 1]), numbered };
}

/** Those that say something: `null` and a field left out are the same to a reader. */
function fields(object: Json): string[] {
  const all = Object.entries(Object(object) as Record<string, unknown>);
  return all.flatMap(([name, value]) => (value == null ? [] : [name])).sort();
}

function picked({ headers }: Answer, names: readonly string[]): unknown {
  return Object.fromEntries(names.map((name) => [name, headers.get(name)?.toLowerCase() ?? null]));
}

/** The kinds of values, all the way down: ids and texts differ between any two servers. */
function shapes(value: Json): unknown {
  if (Array.isArray(value)) return value.map(shapes);
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(fields(value).map((name) => [name, shapes(value[name])]));
}
