import type { IncomingMessage } from "node:http";
import type { Call } from "./calls.js";
import { headerPairs, isForwarded } from "./headers.js";
import type { FoundryState } from "./state.js";

/** What the container is sent: what the contract forwards of the caller's headers, and the platform's own. */
export function containerHeaders(
  state: FoundryState,
  request: IncomingMessage,
  call: Call,
  responseId: string | undefined,
): (readonly [string, string])[] {
  const forwarded = headerPairs(request.rawHeaders).filter(([name]) => isForwarded(name));
  const chosen: [string, string][] = responseId === undefined ? [] : [["x-agent-response-id", responseId]];
  return [...forwarded, ...identityHeaders(state, request, call), ...chosen];
}

/**
 * Protocol 2.0.0: the person and the call. 1.0.0: isolation keys, and no call id.
 * Source: hosted-agent contract; changelog of azure-ai-agentserver-core 2.0.0b7.
 */
function identityHeaders(
  state: FoundryState,
  request: IncomingMessage,
  call: Call,
): (readonly [string, string])[] {
  if (state.protocolVersion === "2.0.0") {
    return [
      ["x-agent-user-id", call.userId],
      ["x-agent-foundry-call-id", call.callId],
    ];
  }
  const given = (name: string): string | undefined => request.headersDistinct[name]?.[0];
  const { callers, agentName } = state;
  return [
    [
      "x-agent-user-isolation-key",
      given("x-ms-user-isolation-key") ?? callers.isolationKeyOf(call.caller, agentName),
    ],
    [
      "x-agent-chat-isolation-key",
      given("x-ms-chat-isolation-key") ?? callers.isolationKeyOf(call.caller, call.sessionId),
    ],
  ];
}
