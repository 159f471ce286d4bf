import type { OutputItem } from "../../../foundry/items.js";
import { textOf } from "../tool-output.js";
import { objectIn, textIn, type Fields } from "./run.js";

type WireItem = OutputItem & Fields;

/**
 * An item of the model as the protocol writes it, or `undefined` where it has no place for it. The SDK writes names
 * with capitals where the protocol has underscores; a few items it also names differently.
 */
export function modelItem(item: Fields): WireItem | undefined {
  const type = textIn(item, "type");
  if (type === "message") return wireMessage(item, contentOf(item).flatMap(wireContent));
  if (type === "reasoning") return wireReasoning(item);
  // What the model sent stands in the provider's data.
  if (type === "hosted_tool_call" || type === "unknown") return providersOwn(item);
  const wire = wireNames(item);
  // Chat models' calls have no status: what is listed is whole.
  return type === "function_call" && wire !== undefined ? { status: "completed", ...wire } : wire;
}

/** What a tool returned, or a handoff. */
export function toolItem(item: Fields): WireItem | undefined {
  if (item["type"] === "function_call_result") {
    const { output, status = "completed" } = item;
    return {
      type: "function_call_output",
      call_id: textIn(item, "callId"),
      output: Array.isArray(output) ? output.map(wireOutput) : outputText(output),
      status,
    };
  }
  if (item["type"] === "computer_call_result") {
    const image_url = textIn(objectIn(item, "output"), "data");
    return {
      type: "computer_call_output",
      call_id: textIn(item, "callId"),
      output: { type: "computer_screenshot", image_url },
    };
  }
  return modelItem(item);
}

/** What a message holds beside the text that has been streamed: its annotations, and parts that are no text. */
export function messageOf(item: Fields): {
  readonly annotations: object[];
  readonly rest: WireItem | undefined;
} {
  const texts = contentOf(item).filter(({ type }) => type === "output_text");
  const others = contentOf(item).filter(({ type }) => type !== "output_text");
  return {
    annotations: texts.flatMap(annotationsOf),
    rest: wireMessage(item, others.flatMap(wireContent)),
  };
}

function wireMessage(item: Fields, content: unknown[]): WireItem | undefined {
  if (content.length === 0) return undefined;
  return { type: "message", role: "assistant", status: item["status"] ?? "completed", content };
}

function contentOf(item: Fields): Fields[] {
  const { content } = item;
  return Array.isArray(content) ? content.map((part) => Object(part) as Fields) : [];
}

/** A part of a message. Images have no place in one. */
function wireContent(part: Fields): object[] {
  if (part["type"] === "refusal") return [{ type: "refusal", refusal: textIn(part, "refusal") }];
  if (part["type"] === "audio")
    return [{ type: "output_audio", data: textIn(part, "audio"), transcript: textIn(part, "transcript") }];
  if (part["type"] !== "output_text") return [];
  const text = textIn(part, "text");
  return [{ type: "output_text", text, annotations: annotationsOf(part), logprobs: [] }];
}

function annotationsOf(part: Fields): object[] {
  const { annotations } = objectIn(part, "providerData");
  return Array.isArray(annotations) ? annotations.filter((one) => typeof one === "object") : [];
}

function wireReasoning(item: Fields): WireItem {
  const texts = contentOf(item).map((part) => ({ type: "summary_text", text: textIn(part, "text") }));
  const { rawContent } = item;
  return {
    type: "reasoning",
    summary: texts.filter(({ text }) => text !== ""),
    ...(Array.isArray(rawContent) ? { content: rawContent.map((part) => wireNames(Object(part))) } : {}),
  };
}

function outputText(output: unknown): string {
  const { type, text } = Object(output) as Fields;
  return type === "text" && typeof text === "string" ? text : textOf(output);
}

/** A piece of what a tool returned. */
function wireOutput(given: unknown): object {
  const part = Object(given) as Fields;
  const { type, text, image, detail } = part;
  if (typeof text === "string") return { type: "input_text", text };
  if ((type === "input_image" || type === "image") && typeof image === "string")
    return { type: "input_image", image_url: image, detail: typeof detail === "string" ? detail : "auto" };
  return { type: "input_text", text: textOf(part) };
}

function providersOwn(item: Fields): WireItem | undefined {
  const own = objectIn(item, "providerData");
  const type = textIn(own, "type");
  return type === "" || type === "hosted_tool_call" ? undefined : { ...own, type };
}

/** The same with underscores, without ids and provider's data, which are the SDK's own. */
function wireNames(item: Fields): WireItem | undefined {
  const type = textIn(item, "type");
  if (type === "") return undefined;
  const { id: _id, providerData: _data, ...fields } = item;
  return { ...(underscored(fields) as Fields), type };
}

function underscored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(underscored);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      underscored(one),
    ]),
  );
}
