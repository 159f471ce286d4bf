import { liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import { signInProof } from "../../context/principal.js";
import { type UserContext, internalsOf } from "../../context/user-context.js";
import type { RemoteUser } from "./wire.js";

/** How the service is told who the user is. Throws `user_not_identified`. */
export function knownUser(context: UserContext): RemoteUser {
  const user = remoteUser(context);
  if (user === undefined) throw userNotIdentified(context);
  return user;
}

/** The same, but `undefined` for a context that names no user whom the service could serve. */
export function remoteUser(context: UserContext): RemoteUser | undefined {
  const { assertion } = internalsOf(context);
  // A token for a resource goes to that resource only, and opens no grant.
  if (assertion !== undefined) return assertion.use === "app" ? { user_token: assertion.token } : undefined;
  const { principal, platform } = context;
  switch (principal?.kind) {
    case "platform":
      return { platform_user_id: principal.id, conversation_id: platform.conversationId };
    // These are known by a token only, and there is none.
    case "entra":
    case "resource":
    case "oidc":
    case undefined:
      return undefined;
  }
}

/** Whether the platform named a user, and the developer has not declared that such an id stands for one person. */
export function isUndeclared({ principal, platform }: UserContext): boolean {
  return principal === undefined && platform.userId !== undefined;
}

/** Whether the service has a use for the user's message: a user known by a token types no code. */
export function isForService(context: UserContext, text: string, most: number): boolean {
  liveInternalsOf(context);
  return typesCodes(context) && text !== "" && text.length <= most;
}

/** Whether the user proves a sign-in by a code in the chat. */
export function typesCodes({ principal }: UserContext): boolean {
  return principal !== undefined && signInProof(principal)?.by === "code";
}
