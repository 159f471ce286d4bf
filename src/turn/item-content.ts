import type { OutputItem } from "../foundry/items.js";
import type { Unnumbered } from "./run-output.js";

/**
 * What has been streamed of an item that is not done, so that it can be ended early with what was shown. Each kind
 * is there from its first event on, since most items have one kind, and many streams are open at a time. Texts are
 * kept in the pieces that came, which is a quarter of what joining them each time takes.
 */
export interface ItemContent {
  /** Parts of a message or a reasoning item, by content index. */
  parts?: Map<number, Part>;
  /** Parts of a reasoning item's summary, by summary index. */
  summary?: Map<number, Part>;
  /** Texts of the item itself, by the field they end up in, for example `arguments`. */
  fields?: Map<string, string[]>;
  /** Commands of a shell call, by command index. */
  commands?: Map<number, string[]>;
  /** The last image of an image generation that has come so far. */
  image?: string;
}

/** A part of a message, a reasoning item or a summary. */
export interface Part {
  part: Readonly<Record<string, unknown>>;
  /** The field that its deltas add to. */
  field: "text" | "refusal";
  readonly texts: string[];
  textDone: boolean;
  done: boolean;
  /** Whether its beginning was sent. */
  readonly begun: boolean;
  readonly annotations: unknown[];
}

/** The content of an item that nothing has been streamed of. */
export function noContent(): ItemContent {
  return {};
}

/** Notes what an event adds to its item. */
export function noteContent(content: ItemContent, event: Unnumbered): void {
  notes[event.type]?.(content, event);
}

type Note = (content: ItemContent, event: Unnumbered) => void;

/** What each streamed event adds to its item. An event that is not listed tells of progress only. */
const notes: Readonly<Record<string, Note>> = {
  "response.content_part.added": (content, event) => begin(partsOf(content), indexOf(event), event["part"]),
  "response.content_part.done": (content, event) => finish(partsOf(content), indexOf(event), event["part"]),
  "response.output_text.delta": (content, event) => grow(partsOf(content), indexOf(event), textPart, event),
  "response.output_text.done": (content, event) =>
    settle(partsOf(content), indexOf(event), textPart, event["text"]),
  "response.output_text.annotation.added": (content, event) => {
    const { annotations } = partAt(partsOf(content), indexOf(event), textPart);
    const at = numberOf(event["annotation_index"]) ?? annotations.length;
    // A far index would make a list of holes, each of which is sent as null.
    annotations[Math.min(at, annotations.length)] = event["annotation"];
  },
  "response.refusal.delta": (content, event) => grow(partsOf(content), indexOf(event), refusalPart, event),
  "response.refusal.done": (content, event) =>
    settle(partsOf(content), indexOf(event), refusalPart, event["refusal"]),
  "response.reasoning_text.delta": (content, event) =>
    grow(partsOf(content), indexOf(event), reasoningPart, event),
  "response.reasoning_text.done": (content, event) =>
    settle(partsOf(content), indexOf(event), reasoningPart, event["text"]),
  "response.reasoning_summary_part.added": (content, event) =>
    begin(summaryOf(content), summaryIndexOf(event), event["part"]),
  "response.reasoning_summary_part.done": (content, event) =>
    finish(summaryOf(content), summaryIndexOf(event), event["part"]),
  "response.reasoning_summary_text.delta": (content, event) =>
    grow(summaryOf(content), summaryIndexOf(event), summaryPart, event),
  "response.reasoning_summary_text.done": (content, event) =>
    settle(summaryOf(content), summaryIndexOf(event), summaryPart, event["text"]),
  ...fieldNotes("response.function_call_arguments", "arguments"),
  ...fieldNotes("response.mcp_call_arguments", "arguments"),
  ...fieldNotes("response.custom_tool_call_input", "input"),
  ...fieldNotes("response.code_interpreter_call_code", "code"),
  "response.shell_call_command.added": setCommand,
  "response.shell_call_command.delta": (content, event) =>
    add((content.commands ??= new Map()), numberOf(event["command_index"]) ?? 0, event["delta"]),
  "response.shell_call_command.done": setCommand,
  "response.image_generation_call.partial_image": (content, event) => {
    content.image = textOf(event["partial_image_b64"]);
  },
};

/** The pieces of text of an item's first part, to which those that come are added. */
export function textsOf(content: ItemContent): readonly string[] {
  return partAt(partsOf(content), 0, textPart).texts;
}

/** The item as it stands when it is ended early. */
export function itemWithContent(item: OutputItem, content: ItemContent): OutputItem {
  const { parts, summary, fields, commands, image } = content;
  const known = item as { readonly action?: unknown; readonly result?: unknown };
  const more: Record<string, unknown> = {};
  for (const [field, texts] of fields ?? []) more[field] = texts.join("");
  if (parts !== undefined) more["content"] = [...parts.values()].map(wholePart);
  if (summary !== undefined) more["summary"] = [...summary.values()].map(wholePart);
  if (commands !== undefined) {
    const whole = [...commands.values()].map((texts) => texts.join(""));
    more["action"] = { ...Object(known.action), commands: whole };
  }
  if (image !== undefined && typeof known.result !== "string") more["result"] = image;
  return { ...item, ...more };
}

/** A part with everything that was streamed of it. */
export function wholePart({ part, field, texts, done, annotations }: Part): Record<string, unknown> {
  if (done) return { ...part };
  return {
    ...part,
    [field]: texts.join(""),
    ...(annotations.length > 0 && { annotations: [...annotations] }),
  };
}

/** The parts whose beginning was sent and whose end was not, with their places. */
export function openParts(content: ItemContent): {
  readonly content: readonly (readonly [index: number, part: Part])[];
  readonly summary: readonly (readonly [index: number, part: Part])[];
} {
  const isOpen = ([, { begun, done }]: readonly [number, Part]): boolean => begun && !done;
  const { parts = [], summary = [] } = content;
  return { content: [...parts].filter(isOpen), summary: [...summary].filter(isOpen) };
}

const textPart = { type: "output_text", text: "", annotations: [], logprobs: [] };
const refusalPart = { type: "refusal", refusal: "" };
const reasoningPart = { type: "reasoning_text", text: "" };
const summaryPart = { type: "summary_text", text: "" };

function begin(parts: Map<number, Part>, index: number, given: unknown, begun = true): void {
  const part = { ...Object(given) } as Readonly<Record<string, unknown>>;
  const field = part["type"] === "refusal" ? "refusal" : "text";
  const known = part["annotations"];
  const annotations = Array.isArray(known) ? [...(known as unknown[])] : [];
  parts.set(index, {
    part,
    field,
    texts: [textOf(part[field])],
    textDone: false,
    done: false,
    begun,
    annotations,
  });
}

/** The part at an index. Some servers stream deltas of a part that they never began. */
function partAt(parts: Map<number, Part>, index: number, empty: object): Part {
  if (!parts.has(index)) begin(parts, index, empty, false);
  return parts.get(index) as Part;
}

function grow(parts: Map<number, Part>, index: number, empty: object, event: Unnumbered): void {
  partAt(parts, index, empty).texts.push(textOf(event["delta"]));
}

function settle(parts: Map<number, Part>, index: number, empty: object, text: unknown): void {
  const part = partAt(parts, index, empty);
  part.texts.splice(0, part.texts.length, textOf(text));
  part.textDone = true;
}

function finish(parts: Map<number, Part>, index: number, given: unknown): void {
  begin(parts, index, given);
  Object.assign(parts.get(index) as Part, { textDone: true, done: true });
}

function fieldNotes(prefix: string, field: string): Readonly<Record<string, Note>> {
  return {
    [`${prefix}.delta`]: (content, { delta }) => add((content.fields ??= new Map()), field, delta),
    [`${prefix}.done`]: (content, event) => (content.fields ??= new Map()).set(field, [textOf(event[field])]),
  };
}

function add<Key>(texts: Map<Key, string[]>, key: Key, delta: unknown): void {
  const known = texts.get(key);
  if (known === undefined) texts.set(key, [textOf(delta)]);
  else known.push(textOf(delta));
}

function setCommand(content: ItemContent, event: Unnumbered): void {
  const commands = (content.commands ??= new Map());
  commands.set(numberOf(event["command_index"]) ?? 0, [textOf(event["command"])]);
}

function partsOf(content: ItemContent): Map<number, Part> {
  return (content.parts ??= new Map());
}

function summaryOf(content: ItemContent): Map<number, Part> {
  return (content.summary ??= new Map());
}

function indexOf(event: Unnumbered): number {
  return numberOf(event["content_index"]) ?? 0;
}

function summaryIndexOf(event: Unnumbered): number {
  return numberOf(event["summary_index"]) ?? 0;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
