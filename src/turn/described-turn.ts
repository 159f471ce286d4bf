import type { UserContext } from "../context/user-context.js";
import { agentIn } from "../foundry/environment.js";
import { responseIdFor } from "../foundry/ids.js";
import type { AgentReference } from "../foundry/items.js";
import type { ResponsesSettings } from "./responses-options.js";
import { sessionIdFor } from "./session-id.js";
import type { ReadRequest } from "./turn-request.js";

/** A request with its names and ids: those it brings, and those it leaves open. */
export interface DescribedTurn extends Omit<ReadRequest, "agentReference" | "sessionId" | "responseId"> {
  readonly agentReference: AgentReference | undefined;
  readonly sessionId: string;
  readonly responseId: string;
}

/** Fills in what a request leaves open. */
export function describedTurn(
  read: ReadRequest,
  context: UserContext,
  { random, agentReference: configured }: Pick<ResponsesSettings, "random" | "agentReference">,
): DescribedTurn {
  const agentReference = configured ?? read.agentReference ?? hostedAgent();
  const { conversationId, sessionId: requested } = read;
  const { previousResponseId } = read.request;
  const facts = { requested, conversationId, previousResponseId, agentReference, random };
  const near = previousResponseId ?? conversationId;
  return {
    ...read,
    agentReference,
    sessionId: sessionIdFor(context, facts),
    // The platform's choice, the caller's, a new one: api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B38.
    responseId:
      context.platform.responseId ?? read.responseId ?? responseIdFor(context.platform, near, random),
  };
}

function hostedAgent(): AgentReference | undefined {
  const { agentName, agentVersion } = agentIn(process.env);
  if (agentName === undefined) return undefined;
  return { type: "agent_reference", name: agentName, version: agentVersion };
}
