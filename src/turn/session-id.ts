import { createHash } from "node:crypto";
import type { UserContext } from "../context/user-context.js";
import { sessionIn } from "../foundry/environment.js";
import { isHeaderSafe } from "../foundry/headers.js";
import { partitionKeyOf } from "../foundry/ids.js";
import { serverDefaultAgent, type AgentReference } from "../foundry/items.js";
import type { RandomBytes } from "../runtime/runtime.js";

/** What a session id is made of. */
interface SessionFacts {
  /** `agent_session_id` of the request. */
  readonly requested: string | undefined;
  readonly conversationId: string | undefined;
  readonly previousResponseId: string | undefined;
  readonly agentReference: AgentReference | undefined;
  readonly random: RandomBytes;
}

/**
 * The session of a request: what it names, else `FOUNDRY_AGENT_SESSION_ID`, else made of agent and conversation,
 * so that the turns of one conversation share it, else a new one. A request header has no part in it. It names a
 * sandbox; nobody is told apart by it. Source: api-behaviour-contract.md of Azure.AI.AgentServer.Responses,
 * B39, and `derive_session_id` of azure-ai-agentserver-responses.
 */
export function sessionIdFor(context: UserContext, facts: SessionFacts): string {
  const { requested, conversationId, previousResponseId, agentReference, random } = facts;
  const given = requested ?? environmentSession(context);
  if (given !== undefined) return given;
  const near = conversationId ?? previousResponseId;
  if (near === undefined) return Buffer.from(random(32)).toString("hex").slice(0, sessionIdLength);
  const { name, version = "" } = agentReference ?? serverDefaultAgent;
  const seed = `${name}:${version}:${partitionKeyOf(near) ?? near}`;
  return createHash("sha256").update(seed).digest("hex").slice(0, sessionIdLength);
}

/** The session that the environment names: the process's, or outside of a hosted container the middleware's. */
export function environmentSession({ platform }: UserContext): string | undefined {
  const sessionId = sessionIn(process.env);
  const named = sessionId ?? (platform.hosted ? undefined : platform.sessionId);
  // It goes into a header.
  return isHeaderSafe(named) ? named : undefined;
}

const sessionIdLength = 63;
