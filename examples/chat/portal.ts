/**
 * A visitor as from the Foundry portal: nobody signs in at the back end, and requests bring no token. The
 * platform's gateway, which the demo stands in for here, says only which of its users is asking.
 */
import { randomUUID } from "node:crypto";
import type { SignedIn } from "../backend/sign-in.js";

const prefix = "user-";

/** A new visitor; another browser is another user of the platform. */
export function newVisitor(): SignedIn {
  const none = (): Promise<string> => Promise.reject(new Error("A visitor has no token."));
  return {
    oid: `${prefix}${randomUUID()}`,
    tid: "",
    name: "Portal visitor",
    username: "",
    agentToken: none,
    foundryToken: none,
  };
}

export function isVisitor({ oid }: Pick<SignedIn, "oid">): boolean {
  return oid.startsWith(prefix);
}

/** What the gateway adds to each request: an opaque id of the user, and one of the call. */
export function gatewayHeaders({ oid }: SignedIn): Record<string, string> {
  return { "x-agent-user-id": oid, "x-agent-foundry-call-id": randomUUID() };
}
