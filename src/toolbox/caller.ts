import { liveInternalsOf, userNotIdentified } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { platformHeaders } from "../foundry/headers.js";

/** The user that Foundry acts for: the caller behind a call id, or the developer with their own token. */
export type ToolboxCaller =
  | { readonly kind: "call"; readonly callId: string }
  | { readonly kind: "developer" };

/** Where a toolbox is called from. */
export interface ToolboxSurroundings {
  readonly hosted: boolean;
  /** Whether the developer is the user when there is no call id. */
  readonly developer: boolean;
}

/**
 * The user that a toolbox acts for in a context. Foundry finds the caller by the call id of the request, which the
 * hosted environment must have: with the agent's token alone the agent would be the user. Anywhere else it is the
 * developer, if the developer has declared so.
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
      `The request came without ${platformHeaders.callId}, so Foundry cannot tell who the user is.`,
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
