import { openingEvents, terminalEvents, type RunEvent } from "../../../foundry/events.js";
import { endingOf, type Ending } from "../ending.js";
import { event, type ItemEvents, type WrittenText } from "../item-events.js";
import { runFailed } from "../run-failed.js";
import { objectIn, textIn, type Fields } from "./run.js";
import { messageOf, modelItem } from "./wire-items.js";

/** One call of the model inside a run. */
export interface ModelCall {
  /** Takes the `data` of a raw event. */
  take(data: Fields): RunEvent[];
  /** The SDK takes the call for done; `response` is what it made of it. Throws `run_failed` if the stream was cut. */
  end(response: Fields): RunEvent[];
  readonly ending: Exclude<Ending, "broken">;
}

/** Starts a call, whose items follow those that `items` has written. */
export function modelCall(items: ItemEvents, skip: (part: string) => void): ModelCall {
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
