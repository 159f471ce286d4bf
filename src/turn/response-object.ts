import type { ResponseObject, ResponseStatus } from "../foundry/events.js";
import { serverDefaultAgent, type AgentReference, type OutputItem } from "../foundry/items.js";

/** What stays the same in every state of a response. */
export interface ResponseFacts {
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
export interface ResponseStates {
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
export function responseStates(facts: ResponseFacts): ResponseStates {
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
