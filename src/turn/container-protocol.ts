import type { PlatformContext } from "../context/user-context.js";
import { platformHeaders } from "../foundry/headers.js";
import { requestError, type RequestError } from "./error-envelope.js";

/**
 * What is wrong with how the platform passed a request on, if anything. Container protocol 2.0.0, the only one that
 * Foundry still serves, says with each request which call it is and who is asking.
 * Source: learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract and how-to/isolate-sessions-per-user.
 */
export function platformFault({ hosted, callId, userId }: PlatformContext): RequestError | undefined {
  if (!hosted) return undefined;
  if (callId === undefined) {
    return requestError(
      400,
      "call_id_missing",
      `The platform did not say which call this is: there is no ${platformHeaders.callId} header. Container protocol 2.0.0 requires it.`,
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
