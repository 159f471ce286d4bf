import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { ResponseEvent } from "hosted-agent-identity/turn";

// Everything below is written from the protocol's documents, with nothing of src: what the writer thinks is
// right must not decide what is right. Sources: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md;
// azure-rest-api-specs, ai-foundry/data-plane/Foundry; OpenAI's streaming events.

interface Wire {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly content_index?: number;
  readonly item_id?: string;
  readonly item?: WireItem;
  readonly part?: WirePart;
  readonly delta?: string;
  readonly text?: string;
  readonly refusal?: string;
  readonly response?: WireResponse;
}

interface WirePart {
  readonly type: string;
  readonly text?: string;
  readonly refusal?: string;
}

export interface WireItem {
  readonly type: string;
  readonly id: string;
  readonly status?: string;
  readonly response_id?: string;
  readonly content?: readonly WirePart[];
  readonly consent_link?: string;
  readonly server_label?: string;
}

export interface WireResponse {
  readonly id: string;
  readonly object: string;
  readonly status: string;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly incomplete_details: { readonly reason: string } | null;
  readonly output: readonly WireItem[];
  readonly model: string;
  readonly previous_response_id: string | null;
}

const terminal: Record<string, string> = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
  "response.failed": "failed",
};

/** Throws unless the events are one whole response, exactly as the protocol has it. Returns its last state. */
export function checkedResponse(given: readonly ResponseEvent[]): WireResponse {
  const events = JSON.parse(JSON.stringify(given)) as Wire[];
  events.forEach((event, n) => strictEqual(event.sequence_number, n, `sequence number of ${event.type}`));
  strictEqual(events[0]?.type, "response.created");
  strictEqual(events[1]?.type, "response.in_progress");
  const first = events[0].response;
  ok(first !== undefined);
  ok(/^caresp_[A-Za-z0-9]{50}$/.test(first.id), `id ${first.id}`);
  const items = new ItemsSeen(first.id);
  for (const event of events.slice(0, 2)) {
    strictEqual(event.response?.id, first.id);
    strictEqual(event.response.status, "in_progress");
    deepStrictEqual(event.response.output, []);
  }
  for (const event of events.slice(2, -1)) {
    ok(!(event.type in terminal) && event.type !== "error", `${event.type} is not the last event`);
    ok(
      !["response.created", "response.in_progress", "response.queued"].includes(event.type),
      `a second ${event.type}`,
    );
    items.take(event);
  }
  const last = events.at(-1);
  ok(last !== undefined && last.type in terminal, `the last event is ${last?.type}`);
  const response = last.response;
  ok(response !== undefined);
  strictEqual(response.id, first.id);
  strictEqual(response.object, "response");
  strictEqual(response.created_at, first.created_at);
  strictEqual(response.status, terminal[last.type]);
  strictEqual(response.completed_at === null, response.status !== "completed", "completed_at");
  strictEqual(response.error === null, response.status !== "failed", "error");
  if (response.status === "failed") ok(response.error?.code !== "" && response.error?.message !== "");
  const reason = response.incomplete_details?.reason;
  ok(
    reason === undefined ||
      (response.status === "incomplete" && ["max_output_tokens", "content_filter"].includes(reason)),
  );
  deepStrictEqual(response.output, items.output());
  if (response.output.some(({ type }) => type === "oauth_consent_request") && response.status !== "failed") {
    strictEqual(response.status, "incomplete", "a response with a consent item");
    strictEqual(response.incomplete_details, null, "a reason beside a consent item");
  }
  return response;
}

/** The items of a stream, each checked as its events come. */
class ItemsSeen {
  readonly #responseId: string;
  readonly #open = new Map<
    number,
    { item: WireItem; parts: Map<number, { text: string; textDone: boolean; done: boolean }> }
  >();
  readonly #done: WireItem[] = [];
  readonly #ids = new Set<string>();
  #next = 0;

  constructor(responseId: string) {
    this.#responseId = responseId;
  }

  take(event: Wire): void {
    const { type, output_index: index } = event;
    if (type === "response.output_item.added") return this.#added(event);
    if (type === "response.output_item.done") return this.#finished(event);
    if (index === undefined && event.item_id === undefined) return;
    const open = this.#open.get(index ?? -1);
    ok(open !== undefined, `${type} for item ${index}, which is not open`);
    strictEqual(event.item_id, open.item.id, `item_id of ${type}`);
    if (/^response\.(content_part|output_text|refusal)\./.test(type)) this.#content(event, open.parts);
  }

  output(): WireItem[] {
    deepStrictEqual([...this.#open.keys()], [], "items left open");
    strictEqual(this.#done.filter((item) => item !== undefined).length, this.#next);
    return this.#done;
  }

  #added({ item, output_index: index }: Wire): void {
    ok(item !== undefined && typeof item.id === "string" && item.id !== "", "an item without id");
    strictEqual(index, this.#next, "output_index");
    this.#next += 1;
    ok(!this.#ids.has(item.id), `id ${item.id} twice`);
    this.#ids.add(item.id);
    strictEqual(item.response_id, this.#responseId);
    if (item.type === "oauth_consent_request") this.#consent(item);
    this.#open.set(index, { item, parts: new Map() });
  }

  #finished({ item, output_index: index = -1 }: Wire): void {
    const open = this.#open.get(index);
    ok(item !== undefined && open !== undefined, `done of item ${index}, which is not open`);
    strictEqual(item.id, open.item.id);
    strictEqual(item.type, open.item.type);
    strictEqual(item.response_id, this.#responseId);
    if (item.type === "message")
      ok(["completed", "incomplete"].includes(item.status ?? ""), `status ${item.status}`);
    if (item.type === "oauth_consent_request") deepStrictEqual(item, open.item);
    for (const [at, part] of open.parts) {
      ok(part.done, `part ${at} of item ${index} left open`);
      const whole: WirePart | undefined = item.content?.[at];
      strictEqual(whole?.text ?? whole?.refusal, part.text, "text of the finished item");
    }
    this.#open.delete(index);
    this.#done[index] = item;
  }

  #content(event: Wire, parts: Map<number, { text: string; textDone: boolean; done: boolean }>): void {
    const at = event.content_index ?? -1;
    if (event.type === "response.content_part.added") {
      ok(!parts.has(at), `content part ${at} twice`);
      parts.set(at, { text: "", textDone: false, done: false });
      return;
    }
    const part = parts.get(at);
    ok(part !== undefined && !part.done, `${event.type} for part ${at}, which is not open`);
    if (/^response\.(output_text|refusal)\.delta$/.test(event.type)) {
      ok(!part.textDone, "a delta after the text was done");
      part.text += event.delta ?? "";
    }
    if (/^response\.(output_text|refusal)\.done$/.test(event.type)) {
      strictEqual(event.text ?? event.refusal, part.text, "whole text");
      part.textDone = true;
    }
    if (event.type === "response.content_part.done") {
      ok(part.textDone, "part done before its text");
      strictEqual(event.part?.text ?? event.part?.refusal, part.text, "text of the part");
      part.done = true;
    }
  }

  /** Neither status nor expiry nor any other field: the schema has none. */
  #consent(item: WireItem): void {
    const allowed = ["type", "id", "consent_link", "server_label", "response_id", "agent_reference"];
    deepStrictEqual(
      Object.keys(item).filter((field) => !allowed.includes(field)),
      [],
    );
    ok(/^oacr_[A-Za-z0-9]{50}$/.test(item.id), `id ${item.id}`);
    strictEqual(item.id.slice(5, 23), this.#responseId.slice(7, 25), "partition key");
    ok(typeof item.consent_link === "string" && typeof item.server_label === "string");
  }
}
