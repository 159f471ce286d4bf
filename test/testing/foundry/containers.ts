import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A response as the protocol has it, to be changed by a test. */
export function finished(over: Record<string, unknown> = {}): Record<string, unknown> {
  const id = responseId();
  return {
    id,
    object: "response",
    created_at: 1,
    status: "completed",
    completed_at: 2,
    error: null,
    incomplete_details: null,
    model: "none",
    output: [itemOf(id)],
    previous_response_id: null,
    agent_reference: { type: "agent_reference", name: "agent" },
    ...over,
  };
}

let counted = 0;

export function responseId(prefix = "caresp"): string {
  return `${prefix}_0123456789abcdef00${String(counted++).padStart(32, "a")}`;
}

export function itemOf(id: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  const content = [{ type: "output_text", text: "Hello", annotations: [], logprobs: [] }];
  return {
    id: responseId("msg"),
    type: "message",
    status: "completed",
    role: "assistant",
    response_id: id,
    content,
    ...over,
  };
}

export interface WireEvent extends Record<string, unknown> {
  type: string;
  sequence_number: number;
}

/** The events of a finished response. */
export function eventsOf(response: Record<string, unknown>): WireEvent[] {
  const open = { ...response, status: "in_progress", completed_at: null, error: null, output: [] };
  const items = response["output"] as Record<string, unknown>[];
  const bare = [
    { type: "response.created", response: open },
    { type: "response.in_progress", response: open },
    ...items.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item },
      { type: "response.output_item.done", output_index, item },
    ]),
    { type: `response.${String(response["status"])}`, response },
  ];
  return bare.map((event, sequence_number) => ({ ...event, sequence_number }));
}

export function block(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export interface RawContainer {
  readonly url: string;
  readonly seen: { readonly path: string; readonly rawHeaders: readonly string[]; readonly body: Buffer }[];
  /** The headers of each `GET /readiness`. */
  readonly probes: (readonly string[])[];
  close(): Promise<void>;
}

/** A container that answers as it is told; with a finished response by default. */
export async function startRawContainer(
  answer: (response: ServerResponse, body: Buffer) => void | Promise<void> = (response) =>
    void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(finished())),
  readiness: () => number = () => 200,
): Promise<RawContainer> {
  const seen: RawContainer["seen"] = [];
  const probes: (readonly string[])[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === "/readiness") {
      probes.push(request.rawHeaders);
      return void response.writeHead(readiness()).end();
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    seen.push({ path: request.url ?? "", rawHeaders: request.rawHeaders, body });
    await answer(response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    probes,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
