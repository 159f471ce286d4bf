import { HostedAgentIdentityError } from "../../../errors.js";
import type { RunEvent } from "../../../foundry/events.js";
import { endingNote, endingOf, type Ending, count, type Usage } from "../ending.js";
import { itemEvents, type ItemEvents, type WrittenCall, type WrittenText } from "../item-events.js";
import { runFailed } from "../run-failed.js";
import { failedToolOutput, textOf, toolOutput } from "../tool-output.js";
import { textIn, type AiSdkPart, type AnyPart } from "./parts.js";

/** Turns the parts of one run into events. Throws what the turn has to fail with. */
export interface AiSdkAnswer {
  take(part: AiSdkPart): RunEvent[];
  /** The stream has ended. Throws `run_failed` unless it had been finished. */
  end(): RunEvent[];
}

/** What has been written of an answer. */
interface Written {
  readonly items: ItemEvents;
  /** Told of parts that have no place in the protocol. */
  readonly skip: (part: string) => void;
  readonly messages: Map<string, WrittenText>;
  readonly thoughts: Map<string, WrittenText>;
  readonly calls: Map<string, WrittenCall>;
  /** Sources that belong to no piece of text yet. */
  sources: Citation[];
  /** The pages that have been cited. */
  readonly cited: Set<string>;
  /** How it ended, once it has. */
  note: RunEvent[] | undefined;
}

/** Starts with nothing written. `skip` is told of parts that have no place in the protocol. */
export function aiSdkAnswer(skip: (part: string) => void): AiSdkAnswer {
  const written: Written = {
    items: itemEvents(),
    skip,
    messages: new Map(),
    thoughts: new Map(),
    calls: new Map(),
    sources: [],
    cited: new Set(),
    note: undefined,
  };
  return { take: (part) => take(written, part), end: () => end(written) };
}

function take(written: Written, given: AiSdkPart): RunEvent[] {
  const part = Object(given) as AnyPart;
  if (typeof part.type !== "string") throw notOurs();
  const taker = Object.hasOwn(takers, part.type) ? takers[part.type] : undefined;
  if (taker !== undefined) return taker(written, part);
  if (!withoutContent.has(part.type)) written.skip(part.type);
  return [];
}

function end({ note, sources, cited, skip }: Written): RunEvent[] {
  if (note === undefined) throw unfinished("");
  if (sources.some(({ url }) => !cited.has(url))) skip("source");
  return note;
}

/** What each part becomes. */
const takers: Readonly<Record<string, (written: Written, part: AnyPart) => RunEvent[]>> = {
  "text-delta": ({ messages, items }, part) => say(messages, part, items.message),
  "text-end": (written, part) => finishMessage(written, textIn(part, "id"), citationsOf(part)),
  "reasoning-delta": ({ thoughts, items }, part) => say(thoughts, part, items.reasoning),
  "reasoning-end": (written, part) => finishThought(written, textIn(part, "id")),
  // Input that is no JSON is written as a whole when the call is complete.
  "tool-input-start": (written, part) =>
    part["inputEncoding"] === "text" ? [] : beginCall(written, textIn(part, "id"), part),
  "tool-input-delta": ({ calls }, part) => calls.get(textIn(part, "id"))?.delta(textIn(part, "delta")) ?? [],
  "tool-call": finishCall,
  // A preliminary result is followed by the one that counts.
  "tool-result": ({ items }, part) =>
    part["preliminary"] === true ? [] : items.whole(toolOutput(textIn(part, "toolCallId"), part["output"])),
  "tool-error": ({ items }, part) => items.whole(failedToolOutput(textIn(part, "toolCallId"), part["error"])),
  "tool-output-denied": ({ items }, part) =>
    items.whole({
      ...toolOutput(textIn(part, "toolCallId"), "The call was denied."),
      status: "incomplete",
    }),
  source: takeSource,
  file: takeFile,
  "finish-step"(written, part) {
    ended(part);
    return finishAll(written);
  },
  finish(written, part) {
    written.note = [endingNote(ended(part), usageOf(part["totalUsage"]))];
    return finishAll(written);
  },
  error(_written, part) {
    throw runFailed(part["error"], "The AI SDK reported an error.");
  },
  abort(_written, part) {
    throw runFailed(part["reason"], "The AI SDK's run was aborted.");
  },
};

function say(texts: Map<string, WrittenText>, part: AnyPart, write: () => WrittenText): RunEvent[] {
  if (typeof part["text"] !== "string") throw notOurs();
  const id = textIn(part, "id");
  const text = texts.get(id) ?? write();
  texts.set(id, text);
  return text.delta(part["text"]);
}

/** Ids are used again in the next step, so what is ended is forgotten. */
function finishMessage(written: Written, id: string, citations: readonly Citation[]): RunEvent[] {
  const { messages, sources, cited } = written;
  const message = messages.get(id);
  messages.delete(id);
  if (message === undefined || message.length === 0) return [];
  for (const { url } of citations) cited.add(url);
  // The AI SDK names a source of its own for each citation.
  const uncited = sources.filter(({ url }) => !cited.has(url));
  for (const { url } of uncited) cited.add(url);
  written.sources = [];
  const events = [...citations, ...uncited].flatMap((citation) => message.annotate(citation));
  return [...events, ...message.done()];
}

function finishThought({ thoughts }: Written, id: string): RunEvent[] {
  const events = thoughts.get(id)?.done() ?? [];
  thoughts.delete(id);
  return events;
}

function finishAll(written: Written): RunEvent[] {
  return [
    ...[...written.thoughts.keys()].flatMap((id) => finishThought(written, id)),
    ...[...written.messages.keys()].flatMap((id) => finishMessage(written, id, [])),
  ];
}

function beginCall({ items, calls }: Written, callId: string, part: AnyPart): RunEvent[] {
  const call = items.call({ callId, name: textIn(part, "toolName") });
  calls.set(callId, call);
  return call.begin();
}

function finishCall(written: Written, part: AnyPart): RunEvent[] {
  const { calls } = written;
  const callId = textIn(part, "toolCallId");
  const events = calls.has(callId) ? [] : beginCall(written, callId, part);
  const call = calls.get(callId);
  calls.delete(callId);
  return [...events, ...(call?.done(textOf(part["input"])) ?? [])];
}

function takeSource({ sources, messages, skip }: Written, part: AnyPart): RunEvent[] {
  const url = textIn(part, "url");
  if (url === "") skip("source");
  else sources.push(sourceCitation(url, textIn(part, "title"), [...messages.values()].at(-1)?.length ?? 0));
  return [];
}

function takeFile({ items, skip }: Written, part: AnyPart): RunEvent[] {
  const { base64, mediaType } = Object(part["file"]) as { base64?: unknown; mediaType?: unknown };
  if (typeof base64 === "string" && typeof mediaType === "string" && mediaType.startsWith("image/"))
    return items.whole({ type: "image_generation_call", status: "completed", result: base64 });
  skip("file");
  return [];
}

function ended(part: AnyPart): Exclude<Ending, "broken"> {
  const ending = endingOf(part["finishReason"], part["rawFinishReason"]);
  if (ending === "broken") throw unfinished(textIn(part, "finishReason"));
  return ending;
}

/** Parts that say nothing by themselves. */
const withoutContent: ReadonlySet<string> = new Set([
  "start",
  "start-step",
  "text-start",
  "reasoning-start",
  "tool-input-end",
  "raw",
  "ping",
]);

function unfinished(finishReason: string): unknown {
  const reason = finishReason === "" ? "" : ` (finish reason ${JSON.stringify(finishReason.slice(0, 32))})`;
  return runFailed(undefined, `The model's stream ended before its answer was finished${reason}.`);
}

function notOurs(): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "invalid_option",
    "aiSdkOutput() takes what streamText() of ai 5 or newer returned, not its textStream or another stream.",
  );
}

/** The usage of a run, or `undefined` where the model told none. Version 5 has no details: it has their fields. */
function usageOf(given: unknown): Usage | undefined {
  const usage = Object(given) as Record<string, unknown>;
  if (typeof usage["inputTokens"] !== "number" && typeof usage["outputTokens"] !== "number") return undefined;
  const input = Object(usage["inputTokenDetails"]) as Record<string, unknown>;
  const output = Object(usage["outputTokenDetails"]) as Record<string, unknown>;
  return {
    input: count(usage["inputTokens"]),
    cached: count(input["cacheReadTokens"] ?? usage["cachedInputTokens"]),
    output: count(usage["outputTokens"]),
    reasoning: count(output["reasoningTokens"] ?? usage["reasoningTokens"]),
  };
}

/** A citation of a page, as the protocol has it. */
interface Citation {
  readonly type: "url_citation";
  readonly url: string;
  readonly title: string;
  /** The piece of text it belongs to; both the same where the AI SDK does not say. */
  readonly start_index: number;
  readonly end_index: number;
}

/** A source that the AI SDK names without saying what it belongs to. */
function sourceCitation(url: string, title: string, at: number): Citation {
  return { type: "url_citation", url, title, start_index: at, end_index: at };
}

/**
 * The citations that come with the end of a text: in `citations` from version 7 on, before that in what OpenAI's
 * provider adds.
 */
function citationsOf(part: AnyPart): Citation[] {
  const { openai } = Object(part["providerMetadata"]) as { openai?: unknown };
  const { annotations } = Object(openai) as { annotations?: unknown };
  const { citations } = part;
  if (Array.isArray(citations)) return citations.flatMap((one) => cited(Object(one) as AnyPart));
  return Array.isArray(annotations) ? annotations.flatMap((one) => annotated(Object(one) as AnyPart)) : [];
}

function cited({ source, startIndex, endIndex }: AnyPart): Citation[] {
  const from = Object(source) as AnyPart;
  return citation(textIn(from, "url"), textIn(from, "title"), startIndex, endIndex);
}

function annotated(given: AnyPart): Citation[] {
  if (given.type !== "url_citation") return [];
  return citation(textIn(given, "url"), textIn(given, "title"), given["start_index"], given["end_index"]);
}

function citation(url: string, title: string, start: unknown, end: unknown): Citation[] {
  const from = typeof start === "number" ? start : 0;
  const to = typeof end === "number" ? end : from;
  return url === "" ? [] : [{ type: "url_citation", url, title, start_index: from, end_index: to }];
}
