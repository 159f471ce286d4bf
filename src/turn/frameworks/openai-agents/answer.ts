import type { RunEvent } from "../../../foundry/events.js";
import { endingNote } from "../ending.js";
import { itemEvents } from "../item-events.js";
import { modelCall, type ModelCall } from "./model-call.js";
import { objectIn, textIn, type AgentsRunEvent, type Fields } from "./run.js";
import { usageSum } from "./usage.js";
import { toolItem } from "./wire-items.js";

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
