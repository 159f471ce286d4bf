import { randomBytes } from "node:crypto";
import express from "express";
import { outside } from "../support/adapter-hosts.js";

/** The body of a request, as the host has read it. */
export interface CreateResponse {
  readonly input: string;
  readonly stream?: boolean;
  readonly previous_response_id?: string;
}

/** What the host gives a handler beside the request. */
export interface HandlerContext {
  readonly responseId: string;
  readonly signal: AbortSignal;
}

type HostEvent = { readonly type: string; readonly response?: unknown };

/** An answer in one piece. */
export class TextResponse {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Handler = (
  request: CreateResponse,
  context: HandlerContext,
) => Promise<TextResponse | AsyncIterable<HostEvent>> | TextResponse | AsyncIterable<HostEvent>;

/**
 * A host of the second shape: a router that somebody else wrote, with a handler that returns an answer or an
 * iterable of events. It reads the body itself, pulls the events from a place of its own, and writes what it
 * gets: it knows nothing of consent.
 */
export function communityHost(handler: Handler): express.Router {
  const router = express.Router();
  router.post("/responses", express.json(), async (req, res) => {
    const request = req.body as CreateResponse;
    const gone = new AbortController();
    res.on("close", () => gone.abort());
    const context = {
      responseId: `caresp_${randomBytes(8).toString("hex")}00${randomBytes(16).toString("hex")}`,
      signal: gone.signal,
    };
    const result = await handler(request, context);
    const events = result instanceof TextResponse ? eventsOf(result, context.responseId) : result;
    const iterator = events[Symbol.asyncIterator]();
    if (request.stream === true) res.type("text/event-stream");
    let last: HostEvent = { type: "none" };
    for (;;) {
      const next = await outside(() => iterator.next());
      if (next.done === true) break;
      last = next.value as HostEvent;
      if (request.stream === true) res.write(`event: ${last.type}\ndata: ${JSON.stringify(last)}\n\n`);
    }
    if (request.stream === true) res.end();
    else res.json(last.response);
  });
  return router;
}

async function* eventsOf({ text }: TextResponse, id: string): AsyncGenerator<HostEvent> {
  const output = [
    { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text }] },
  ];
  yield { type: "response.created", response: { id, object: "response", status: "in_progress", output: [] } };
  yield { type: "response.completed", response: { id, object: "response", status: "completed", output } };
}
