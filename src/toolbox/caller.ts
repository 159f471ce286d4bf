import { liveInternalsOf, userNotIdentified } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { platformHeaders } from "../foundry/headers.js";

/** For whom Foundry acts: the caller that a call id stands for, or the developer whose own token it is. */
export type ToolboxCaller =
  | { readonly kind: "call"; readonly callId: string }
  | { readonly kind: "developer" };

/** What is known of where a toolbox is called from. */
export interface ToolboxSurroundings {
  readonly hosted: boolean;
  /** Whether the developer is the user where nobody else is. */
  readonly developer: boolean;
}

/**
 * For whom a toolbox acts in a context. Foundry looks the caller up by the call id of the request, so there
 * must be one in the hosted environment: with the agent's token alone the agent would be the user. Anywhere else it is
 * the developer, who has to have said so.
 * Throws `call_id_missing`, `developer_source_refused`, `context_ended`, and `user_not_identified` for a token that is
 * good for passthrough only.
 */
export function toolboxCaller(
  context: UserContext,
  { hosted, developer }: ToolboxSurroundings,
): ToolboxCaller {
  liveInternalsOf(context);
  const { callId } = context.platform;
  if (callId !== undefined) return { kind: "call", callId };
  if (hosted || context.platform.hosted) {
    throw new HostedAgentIdentityError(
      "call_id_missing",
      `The request came without ${platformHeaders.callId}: the platform speaks container protocol 1.0.0 with this agent. Declare version "2.0.0" in its protocol_versions.`,
    );
  }
  if (!developer)
    throw new HostedAgentIdentityError(
      "developer_source_refused",
      "There is no call id, and the developer is not the user here.",
    );
  // The sender of a token for some resource may be that resource, which must not get the developer's grants.
  if (context.proof === "resource") throw userNotIdentified(context);
  return { kind: "developer" };
}
