import { type RunEvent, openingEvents, terminalEvents } from "../../../foundry/events.js";
import { endingNote, count, type Usage, endingOf, type Ending } from "../ending.js";
import { itemEvents, event, type ItemEvents, type WrittenText } from "../item-events.js";
import { runFailed } from "../run-failed.js";
import { objectIn, textIn, type AgentsRunEvent, type Fields } from "./run.js";
import { toolItem, messageOf, modelItem } from "./wire-items.js";

/** Turns the events of one run into the protocol's. Throws what the turn has to fail with. */
export interface AgentsAnswer {
  take(event: AgentsRunEvent): RunEvent[];
  /** The run has ended well. */
  end(): RunEvent[];
}

/** Starts with nothing written. `skip` is told of what has no place in the protocol. */
export function agentsAnswer(skip: (part: string) => void): AgentsAnswer {
  const items = itemEvents();
  const usage = usageSum();
  let call: ModelCall | undefined;
  let last: ModelCall["ending"] = "completed";

  const fromModel = (data: Fields): RunEvent[] => {
    if (data["type"] === "response_started") call = undefined;
    call ??= modelCall(items, skip);
    if (data["type"] !== "response_done") return call.take(data);
    const response = objectIn(data, "response");
    usage.add(objectIn(response, "usage"));
    const events = call.end(response);
    last = call.ending;
    call = undefined;
    return events;
  };

  const fromRun = (name: string, item: Fields): RunEvent[] => {
    // The model call has told of it.
    if (told.has(name)) return [];
    if (!outputs.has(name)) {
      skip(name);
      return [];
    }
    const output = toolItem(objectIn(item, "rawItem"));
    if (output === undefined) skip(name);
    return output === undefined ? [] : items.whole(output);
  };

  return {
    take(given) {
      const event = Object(given) as Fields;
      if (event["type"] === "raw_model_stream_event") return fromModel(objectIn(event, "data"));
      if (event["type"] === "run_item_stream_event")
        return fromRun(textIn(event, "name"), objectIn(event, "item"));
      if (event["type"] !== "agent_updated_stream_event") skip(textIn(event, "type"));
      return [];
    },
    end: () => [endingNote(last, usage.sum())],
  };
}

/** Names of run items that the model's own events and output hold as well. */
const told: ReadonlySet<string> = new Set([
  "message_output_created",
  "handoff_requested",
  "tool_search_called",
  "tool_called",
  "reasoning_item_created",
  "compaction_item_created",
]);

/** Names of run items that the run adds. */
const outputs: ReadonlySet<string> = new Set(["tool_output", "handoff_occurred"]);

/** The usage of several model calls. */
interface UsageSum {
  add(usage: Fields): void;
  /** `undefined` where no call has told any. */
  sum(): Usage | undefined;
}

/** Starts at nothing. */
function usageSum(): UsageSum {
  let total: Usage | undefined;
  return {
    add(usage) {
      if (typeof usage["inputTokens"] !== "number" && typeof usage["outputTokens"] !== "number") return;
      const { input = 0, cached = 0, output = 0, reasoning = 0 } = total ?? {};
      total = {
        input: input + count(usage["inputTokens"]),
        cached: cached + detail(usage, "inputTokensDetails", "cached_tokens"),
        output: output + count(usage["outputTokens"]),
        reasoning: reasoning + detail(usage, "outputTokensDetails", "reasoning_tokens"),
      };
    },
    sum: () => total,
  };
}

/** Details are an object, or one for each request of the call. */
function detail(usage: Fields, field: string, name: string): number {
  const details = usage[field];
  const each = Array.isArray(details) ? details : [objectIn(usage, field)];
  return each.reduce((sum: number, one) => sum + count((Object(one) as Fields)[name]), 0);
}

/** One call of the model inside a run. */
interface ModelCall {
  /** Takes the `data` of a raw event. */
  take(data: Fields): RunEvent[];
  /** The SDK takes the call for done; `response` is what it made of it. Throws `run_failed` if the stream was cut. */
  end(response: Fields): RunEvent[];
  readonly ending: Exclude<Ending, "broken">;
}

/** Starts a call, whose items follow those that `items` has written. */
function modelCall(items: ItemEvents, skip: (part: string) => void): ModelCall {
  /** Our index for each of the call's own, where the model speaks the Responses protocol. */
  const indexes = new Map<number, number>();
  let speaksResponses = false;
  /** The messages whose text has come in pieces, by the SDK's id. All stay open until their annotations are known. */
  const messages = new Map<string, WrittenText>();
  /** How the model said that it is done; `undefined` where its events do not show it. */
  let ending: Ending | undefined;

  const passOn = (given: Fields, type: `response.${string}`): RunEvent[] => {
    speaksResponses = true;
    if (openingEvents.has(type) || terminalEvents.has(type)) return [];
    const { output_index: index } = given;
    if (typeof index !== "number") return [event(type, given)];
    const ours = indexes.get(index) ?? items.takeIndex();
    indexes.set(index, ours);
    return [event(type, { ...given, output_index: ours })];
  };

  const noteEnd = (given: Fields): void => {
    if (Array.isArray(given["choices"])) {
      ending ??= "broken";
      for (const choice of given["choices"]) {
        const reason = textIn(Object(choice) as Fields, "finish_reason");
        if (reason !== "") ending = endingOf(reason, reason);
      }
    }
    // The SDK's adapter for models of the AI SDK shows their parts.
    if (given["type"] === "stream-start" || given["type"] === "text-start") ending ??= "broken";
    if (given["type"] === "finish") ending = endingOfPart(given["finishReason"]);
  };

  /** An item that the call has not shown piece by piece. */
  const listed = (item: Fields): RunEvent[] => {
    const wire = modelItem(item);
    if (wire !== undefined) return items.whole(wire);
    skip(textIn(item, "type"));
    return [];
  };

  return {
    take(data) {
      if (data["type"] === "output_text_delta") {
        if (speaksResponses) return [];
        const id = textIn(data, "itemId");
        const message = messages.get(id) ?? items.message();
        messages.set(id, message);
        return message.delta(textIn(data, "delta"));
      }
      if (data["type"] !== "model") return [];
      const given = objectIn(data, "event");
      const type = textIn(given, "type");
      if (isResponses(type)) return passOn(given, type);
      noteEnd(given);
      return [];
    },
    end(response) {
      if (ending === "broken")
        throw runFailed(undefined, "The model's stream ended before its answer was finished.");
      if (speaksResponses) return [];
      const { output } = response;
      const streamed = [...messages.values()].filter(({ length }) => length > 0);
      const events = (Array.isArray(output) ? output : []).flatMap((one) => {
        const item = Object(one) as Fields;
        const message = item["type"] === "message" ? streamed.shift() : undefined;
        if (message === undefined) return listed(item);
        // Its text is known. What it holds beside text is a message of its own.
        const { annotations, rest } = messageOf(item);
        return [
          ...annotations.flatMap((annotation) => message.annotate(annotation)),
          ...message.done(),
          ...(rest === undefined ? [] : items.whole(rest)),
        ];
      });
      return [...events, ...streamed.flatMap((message) => message.done())];
    },
    get ending() {
      return ending === undefined || ending === "broken" ? "completed" : ending;
    },
  };
}

function isResponses(type: string): type is `response.${string}` {
  return type.startsWith("response.");
}

function endingOfPart(finishReason: unknown): Ending {
  if (typeof finishReason === "string") return endingOf(finishReason);
  const { unified, raw } = Object(finishReason) as Fields;
  return endingOf(unified, raw);
}
