import type { IncomingMessage } from "node:http";
import type { ForWhom } from "./calls.js";
import type { Exchange } from "./exchange.js";
import { refused } from "./refused.js";

/** Headers with which a back end told its users apart before container protocol 2.0.0. */
const legacyHeaders = ["x-ms-user-isolation-key", "x-ms-chat-isolation-key"];
const identityHeader = "x-ms-user-identity";

/**
 * Who a request to the public endpoint is for. A back end that calls as itself and names nobody is one
 * person. Throws a refusal. Source: how-to/multiplex-session-users.
 */
export async function forWhom({ state, request, method, url, entry }: Exchange): Promise<ForWhom> {
  const caller = await state.callers.verify(request.headers.authorization);
  entry.caller = caller.name;
  const values = { principal: caller.oid, operation: `${method} ${url.pathname}` };
  const { consumers } = state;
  if (consumers !== "everybody" && !consumers.has(caller.oid)) throw refused("consumer_missing", values);
  const header = legacyHeaders.find((name) => request.headers[name] !== undefined);
  if (header !== undefined) throw refused("legacy_isolation_header", { header });
  const identity = delegatedIdentity(request);
  if (identity !== undefined && !state.impersonators.has(caller.oid)) {
    throw refused("impersonation_missing", values);
  }
  const userId =
    identity === undefined ? state.callers.userIdOf(caller) : state.callers.delegatedIdOf(identity);
  entry.userId = userId;
  return { userId, caller, delegated: identity !== undefined };
}

function delegatedIdentity(request: IncomingMessage): string | undefined {
  const values = request.headersDistinct[identityHeader];
  if (values === undefined) return undefined;
  const [identity = "", ...more] = values;
  // Source: how-to/isolate-sessions-per-user. A guest's UPN (`#EXT#`) and `tid/oid` do not fit.
  if (more.length > 0 || !/^[A-Za-z0-9._:@-]{1,256}$/.test(identity)) throw refused("user_identity_invalid");
  return identity;
}
