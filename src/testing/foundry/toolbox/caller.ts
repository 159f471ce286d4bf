import type { Call } from "../calls.js";
import { headerOf, type Exchange } from "../exchange.js";
import { refused } from "../refused.js";
import type { Person } from "./consents.js";

/** Who calls a toolbox, and for whom. */
export interface ToolboxCaller {
  /** The object id of the identity whose token came. */
  readonly agentOid: string;
  readonly person: Person;
  /** That identity as if it were a person. */
  readonly itself: Person;
}

const callIdHeader = "x-agent-foundry-call-id";

/**
 * The agent's own token says who calls, the call id of a live request for whom. Without a call id it is for
 * whoever's token came: the developer's at home, and in a container the agent itself, which is nobody's wish.
 * Source: use-toolbox-hosted-agent; agent-framework issue 8379 (a person's own token works, with links of
 * that person).
 */
export async function toolboxCaller({
  state,
  request,
  method,
  url,
  entry,
}: Exchange): Promise<ToolboxCaller> {
  const caller = await state.callers.verify(request.headers.authorization);
  entry.caller = caller.name;
  const callId = headerOf(request, callIdHeader, () => {
    throw refused("call_id_repeated");
  });
  const own = caller.oid === state.agentIdentity?.objectId;
  const values = { principal: caller.oid, operation: `${method} ${url.pathname}` };
  if (caller.kind === "app" && !own) throw refused("agent_identity_other", values);
  const { consumers } = state;
  if (!own && consumers !== "everybody" && !consumers.has(caller.oid))
    throw refused("consumer_missing", values);
  const itself = {
    userId: state.callers.userIdOf(caller),
    account: { tid: caller.tid, oid: caller.oid },
  };
  if (callId === undefined) {
    entry.userId = itself.userId;
    return { agentOid: caller.oid, person: itself, itself };
  }
  entry.callId = callId;
  if (!own) throw refused("call_id_with_user_token");
  const call = state.calls.find(callId);
  entry.userId = call.userId;
  return { agentOid: caller.oid, person: { userId: call.userId, account: accountOf(call) }, itself };
}

/**
 * Who has to sign in for a grant. Nobody can be told where a back end called: it has no sign-in, and what one
 * of its people agrees to is then everybody's. Source: azure-sdk-for-net issue 58001.
 */
function accountOf({ delegated, caller }: Call): Person["account"] {
  return delegated || caller.kind === "app" ? undefined : { tid: caller.tid, oid: caller.oid };
}
