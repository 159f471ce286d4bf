import type { PlatformContext } from "../context/user-context.js";
import { platformHeaders } from "../foundry/headers.js";
import { requestError, type RequestError } from "./error-envelope.js";

/**
 * What is wrong with how the platform passed a request on, if anything. The call id is the only thing by which
 * a container can tell protocol 2.0.0 from 1.0.0, whose requests say neither who is asking nor for which call.
 * Source: agent-framework, HostedProtocolCompatibility.cs and AgentFrameworkResponseHandler.cs.
 */
export function platformFault({ hosted, callId, userId }: PlatformContext): RequestError | undefined {
  if (!hosted) return undefined;
  if (callId === undefined) {
    return requestError(
      501,
      "unsupported_container_protocol_version",
      `The platform speaks container protocol 1.0.0 with this agent: there is no ${platformHeaders.callId} header. ` +
        'Declare version "2.0.0" for "responses" in the protocol_versions of the agent\'s definition, and deploy it again.',
      null,
      "platform",
    );
  }
  if (userId === undefined) {
    return requestError(
      400,
      "user_id_missing",
      `The platform did not say who is asking: there is no ${platformHeaders.userId} header. Container protocol 2.0.0 requires it.`,
      null,
      "platform",
    );
  }
  return undefined;
}
