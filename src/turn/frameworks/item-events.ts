import { randomBytes } from "node:crypto";
import { tryGetUserContext } from "../../context/ambient.js";
import type { RunEvent } from "../../foundry/events.js";
import { idPrefixes, newId } from "../../foundry/ids.js";
import type { OutputItem } from "../../foundry/items.js";
import { emptyText } from "../output-items.js";

/** Writes the events of a run's items, in the protocol's order, with indexes and ids that fit each other. */
export interface ItemEvents {
  /** An answer whose text comes in pieces. Nothing is written of one without text. */
  message(): WrittenText;
  /** A summary of what the model thought, in pieces. */
  reasoning(): WrittenText;
  /** A function call whose arguments come in pieces. */
  call(call: FunctionCall): WrittenCall;
  /** An item that is complete from the start. */
  whole(item: OutputItem & Readonly<Record<string, unknown>>): RunEvent[];
  /** The index of the next item. */
  takeIndex(): number;
}

export interface FunctionCall {
  readonly callId: string;
  readonly name: string;
}

export interface WrittenText {
  delta(text: string): RunEvent[];
  annotate(annotation: object): RunEvent[];
  done(): RunEvent[];
  /** What has been written so far, in UTF-16 code units. */
  readonly length: number;
}

export interface WrittenCall {
  begin(): RunEvent[];
  delta(text: string): RunEvent[];
  /** Ends it. The pieces count, unless they are not the JSON of these arguments: then a framework has repaired the call. */
  done(args: string): RunEvent[];
}

/** Starts with no item. */
export function itemEvents(): ItemEvents {
  let next = 0;
  const place = (type: string): Place => ({ item_id: itemId(type), output_index: next++ });
  return {
    message: () => writtenMessage(place),
    reasoning: () => writtenReasoning(place),
    call: (call) => writtenCall(call, place("function_call")),
    whole(item) {
      const { item_id: id, output_index } = place(item.type);
      return [
        event("response.output_item.added", { output_index, item: { ...item, id } }),
        event("response.output_item.done", { output_index, item: { ...item, id } }),
      ];
    },
    takeIndex: () => next++,
  };
}

/** An event of the protocol. */
export function event(type: `response.${string}`, fields: Readonly<Record<string, unknown>>): RunEvent {
  return { type, ...fields };
}

interface Place {
  readonly item_id: string;
  readonly output_index: number;
}

/** What ids begin with, where it is not `msg`. Source: `IdGenerator` of the agentserver packages. */
const prefixes: Readonly<Record<string, string>> = {
  reasoning: "rs",
  function_call: "fc",
  function_call_output: "fco",
  image_generation_call: "ig",
};

/** In the partition of the response, where the platform has chosen its id: storage keeps a conversation in one. */
function itemId(type: string): string {
  const platform = tryGetUserContext()?.platform;
  const near = platform?.responseId ?? platform?.conversationId;
  return newId(prefixes[type] ?? idPrefixes.message, randomBytes, near);
}

function writtenMessage(place: (type: string) => Place): WrittenText {
  let at: (Place & { readonly content_index: 0 }) | undefined;
  let text = "";
  const annotations: object[] = [];
  const item = (status: string, content: unknown[]): object => ({
    id: at?.item_id,
    type: "message",
    role: "assistant",
    status,
    content,
  });
  return {
    get length() {
      return text.length;
    },
    delta(delta) {
      if (delta === "") return [];
      const events: RunEvent[] = [];
      if (at === undefined) {
        at = { ...place("message"), content_index: 0 };
        const { output_index } = at;
        events.push(
          event("response.output_item.added", { output_index, item: item("in_progress", []) }),
          event("response.content_part.added", { ...at, part: emptyText }),
        );
      }
      text += delta;
      return [...events, event("response.output_text.delta", { ...at, delta, logprobs: [] })];
    },
    annotate(annotation) {
      if (at === undefined) return [];
      const annotation_index = annotations.push(annotation) - 1;
      return [event("response.output_text.annotation.added", { ...at, annotation_index, annotation })];
    },
    done() {
      if (at === undefined) return [];
      const part = { type: "output_text", text, annotations, logprobs: [] };
      const { output_index } = at;
      return [
        event("response.output_text.done", { ...at, text, logprobs: [] }),
        event("response.content_part.done", { ...at, part }),
        event("response.output_item.done", { output_index, item: item("completed", [part]) }),
      ];
    },
  };
}

function writtenReasoning(place: (type: string) => Place): WrittenText {
  let at: (Place & { readonly summary_index: 0 }) | undefined;
  let text = "";
  const item = (summary: unknown[]): object => ({ id: at?.item_id, type: "reasoning", summary });
  return {
    get length() {
      return text.length;
    },
    delta(delta) {
      if (delta === "") return [];
      const events: RunEvent[] = [];
      if (at === undefined) {
        at = { ...place("reasoning"), summary_index: 0 };
        const { output_index } = at;
        events.push(
          event("response.output_item.added", { output_index, item: item([]) }),
          event("response.reasoning_summary_part.added", { ...at, part: { type: "summary_text", text: "" } }),
        );
      }
      text += delta;
      return [...events, event("response.reasoning_summary_text.delta", { ...at, delta })];
    },
    annotate: () => [],
    done() {
      if (at === undefined) return [];
      const part = { type: "summary_text", text };
      const { output_index } = at;
      return [
        event("response.reasoning_summary_text.done", { ...at, text }),
        event("response.reasoning_summary_part.done", { ...at, part }),
        event("response.output_item.done", { output_index, item: item([part]) }),
      ];
    },
  };
}

function writtenCall({ callId, name }: FunctionCall, at: Place): WrittenCall {
  let streamed = "";
  const item = (args: string, status: string): object => ({
    id: at.item_id,
    type: "function_call",
    call_id: callId,
    name,
    arguments: args,
    status,
  });
  const { output_index } = at;
  const delta = (text: string): RunEvent[] => {
    if (text === "") return [];
    streamed += text;
    return [event("response.function_call_arguments.delta", { ...at, delta: text })];
  };
  return {
    begin: () => [event("response.output_item.added", { output_index, item: item("", "in_progress") })],
    delta,
    done(given) {
      const events = streamed === "" ? delta(given) : [];
      const args = sameJson(streamed, given) ? streamed : given;
      return [
        ...events,
        event("response.function_call_arguments.done", { ...at, name, arguments: args }),
        event("response.output_item.done", { output_index, item: item(args, "completed") }),
      ];
    },
  };
}

function sameJson(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
}
