import type { ServerResponse } from "node:http";

/** What the witness says by itself: on the stream that the client of a session holds open. */
export interface WitnessTalk {
  /** Keeps the stream of a session. */
  open(session: string, response: ServerResponse): void;
  /** Whether the client of a session holds a stream open. */
  hears(session: string | undefined): boolean;
  /** The client of a session takes questions. */
  takesQuestions(session: string): void;
  /** Notifies, and asks a form if the client takes any. Ends with the reply, or after a while without one. */
  say(session: string | undefined, receipt: string): Promise<void>;
  /** A body with a reply, and whether it answers the question. `undefined` for any other body. */
  replyIn(session: string | undefined, body: string): { readonly isAnswer: boolean } | undefined;
}

/** A question that is lost must not hold its call up for long. */
const patienceMs = 1000;

/** Source: MCP 2025-11-25, basic/transports (listening for messages from the server), client/elicitation. */
export function witnessTalk(): WitnessTalk {
  const streams = new Map<string, ServerResponse>();
  const askable = new Set<string>();
  const waiting = new Map<string, () => void>();
  let asked = 0;
  return {
    open(session, response) {
      streams.get(session)?.end();
      streams.set(session, response);
      response.once("close", () => streams.get(session) === response && streams.delete(session));
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      response.flushHeaders();
    },
    hears: (session) => session !== undefined && streams.has(session),
    takesQuestions: (session) => void askable.add(session),
    async say(session, receipt) {
      const stream = session === undefined ? undefined : streams.get(session);
      if (session === undefined || stream === undefined) return;
      const send = (message: object): void =>
        void stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`);
      send({ method: "notifications/message", params: { level: "info", data: receipt } });
      if (!askable.has(session)) return;
      const id = `ask-${asked++}`;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        waiting.set(`${session} ${id}`, () => (clearTimeout(timer), resolve()));
        const requestedSchema = { type: "object", properties: { answer: { type: "string" } } };
        send({
          id,
          method: "elicitation/create",
          params: { message: `Is it you? ${receipt}`, requestedSchema },
        });
      });
      waiting.delete(`${session} ${id}`);
    },
    replyIn(session, body) {
      const { id, method, result, error } = objectIn(body);
      if (method !== undefined || (result === undefined && error === undefined)) return undefined;
      const answered = waiting.get(`${session} ${String(id)}`);
      answered?.();
      return { isAnswer: result !== undefined && answered !== undefined };
    },
  };
}

function objectIn(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
