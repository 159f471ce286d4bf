import type { ResponseEvent, ResponseObject, ResponseStatus } from "../foundry/events.js";
import { type OutputItem, serverDefaultAgent, type AgentReference } from "../foundry/items.js";
import type { RandomBytes } from "../runtime/runtime.js";
import { modelCalls, type ModelCalls } from "./model-calls.js";
import type { LinkRules } from "./outgoing-items.js";
import {
  beginItem,
  closeItem,
  finishItem,
  outputItems,
  type OutputItems,
  type OpenItem,
} from "./output-items.js";
import { itemFinished, runItems, withFreeId, type RunItems } from "./run-items.js";

/** What a response is written with. */
export interface OpenResponseOptions extends Omit<ResponseFacts, "createdAt">, LinkRules {
  readonly now: () => number;
  readonly random: RandomBytes;
  /** Receives the type of an event that was left out: the protocol has none of that name, and it names no open item. */
  readonly onDropped?: ((type: string) => void) | undefined;
}

/** A response that is being written. Data, and functions that take it: many streams are open at a time. */
export interface OpenResponse {
  readonly options: OpenResponseOptions;
  readonly states: ResponseStates;
  readonly items: OutputItems;
  /** The items of the run's own events, by the names it gives them. A run that yields text only has none. */
  own: RunItems | undefined;
  /** There is none before the first event of a model call. */
  calls: ModelCalls | undefined;
  /** The message that texts of the run go into. */
  answer: OpenItem | undefined;
  /** The texts of the run since the last model call ended: pieces of messages, from one of them on. */
  readonly said: { readonly texts: readonly string[]; readonly from: number }[];
}

/** Starts a response. */
export function openResponse(options: OpenResponseOptions): OpenResponse {
  return {
    options,
    states: responseStates({ ...options, createdAt: seconds(options.now()) }),
    items: outputItems(options),
    own: undefined,
    calls: undefined,
    answer: undefined,
    said: [],
  };
}

/** The items of the run's own events. */
export function ownItems(response: OpenResponse): RunItems {
  return (response.own ??= runItems(response.items));
}

/** What the run's model calls have said of themselves. */
export function callsOf(response: OpenResponse): ModelCalls {
  return (response.calls ??= modelCalls());
}

/** Ends the message that texts of the run go into, if one is open. */
export function closeAnswer(
  response: OpenResponse,
  status: "completed" | "incomplete" = "completed",
): ResponseEvent[] {
  const { answer, items } = response;
  response.answer = undefined;
  return answer === undefined ? [] : closeItem(items, answer, status);
}

/** Writes an item that is complete from the start. */
export function wholeItem(response: OpenResponse, item: OutputItem): ResponseEvent[] {
  const own = ownItems(response);
  const before = closeAnswer(response);
  const [opened, added] = beginItem(response.items, withFreeId(own, item));
  itemFinished(own, opened, item.id);
  return [...before, added, finishItem(response.items, opened, opened.item)];
}

/** Seconds since 1970, as the protocol dates things. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** What stays the same in every state of a response. */
interface ResponseFacts {
  readonly responseId: string;
  readonly agentReference: AgentReference | undefined;
  readonly previousResponseId: string | undefined;
  readonly model: string;
  /** More fields of the response, for example its metadata. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Seconds since the epoch. */
  readonly createdAt: number;
}

/** A response as it is written into events, state by state. */
interface ResponseStates {
  /** Takes more fields over, such as the usage of the model calls. */
  merge(fields: Readonly<Record<string, unknown>>): void;
  at(
    status: ResponseStatus,
    output: readonly OutputItem[],
    rest?: Partial<ResponseObject>,
  ): ResponseObject & Record<string, unknown>;
}

/**
 * What generated clients require of a response, where nobody has said otherwise. `usage` is not among them: it is
 * left out while nobody knows it, never `null` (api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B33).
 */
const defaults = {
  instructions: null,
  metadata: {},
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: "auto",
  tools: [],
  top_p: null,
};

/** Starts the states of one response. */
function responseStates(facts: ResponseFacts): ResponseStates {
  const { responseId, agentReference, previousResponseId, model, createdAt } = facts;
  let told: Record<string, unknown> = { ...defaults, model, ...facts.fields };

  return {
    merge(fields) {
      told = { ...told, ...fields };
    },
    at: (status, output, rest = {}) => ({
      model,
      ...told,
      id: responseId,
      object: "response",
      created_at: createdAt,
      status,
      completed_at: null,
      error: null,
      incomplete_details: null,
      output,
      previous_response_id: previousResponseId ?? null,
      agent_reference: agentReference ?? serverDefaultAgent,
      ...rest,
    }),
  };
}
