import type { ErrorCodeFacts } from "../facts.js";

/**
 * Sign-in: users, agents, and the store of grants.
 * @inline
 */
export type SignInCode =
  | "user_not_identified"
  | "long_running_refused"
  | "quota_reached"
  | "sign_in_too_large"
  | "agent_not_identified"
  | "agent_names_too_many_users"
  | "sign_in_service_unavailable"
  | "refresh_lost"
  | "store_unavailable"
  | "store_unsuitable"
  | "store_corrupt"
  | "store_without_scan"
  | "audit_unavailable"
  | "encryption_keys_unavailable";

export const signInCodes: Readonly<Record<SignInCode, ErrorCodeFacts>> = {
  user_not_identified: {
    category: "config",
    title: "The request does not identify a user, so no sign-in may be used.",
    help: 'Send a user token. If each platform user id stands for one person, set platformUserId: "one-person" in userContext().',
  },
  long_running_refused: {
    category: "input",
    title: "This long-running work may not, or may no longer, act for the user.",
    help: "Start it again from a turn of the user. It ends at its time limit and when the user signs out.",
  },
  quota_reached: {
    category: "input",
    title:
      "One user or account has reached its limit. Nothing was stored, and nothing was removed to make room.",
    help: "End what is no longer needed: stopLongRunning() for work, the connections page or signOut() for chats. Work also ends at its time limit. docs/security.md has the limits.",
  },
  sign_in_too_large: {
    category: "config",
    title: "The sign-in request does not fit into a link.",
    help: "Ask for fewer scopes (about forty of one resource fit). If an MCP server's claims challenge or URL is too long, fix the server: a URL of about 4 000 characters fits.",
  },
  agent_not_identified: {
    category: "input",
    title: "The sign-in service does not know this agent.",
    help: "Have the agent call with its own identity (a managed identity), and list its client id at the service.",
  },
  agent_names_too_many_users: {
    category: "blocked",
    title:
      "The agent named more new users at the sign-in service, or signed more out, than it may in a minute.",
    help: "Try again in a minute. If the agent has that many users, raise newUsersPerMinute of its entry in signInApi(). If not, find out who controls it.",
  },
  sign_in_service_unavailable: {
    category: "retry",
    title: "The sign-in service could not be reached, or failed.",
    help: "Try again. If it keeps failing, check that this host can reach the service's url.",
  },
  refresh_lost: {
    category: "signin",
    title:
      "A refresh was interrupted after the server had replaced the refresh token, and the grant was lost.",
    help: "The user signs in again; nobody else is affected. If it happens often, call close() of the sign-in service before the process ends, and give it 10 s.",
  },
  store_unavailable: {
    category: "retry",
    title: "The sign-in store failed an operation; nothing is assumed about what it holds.",
    help: "Try again. If it keeps failing, check that the store is reachable, not full and not out of disk.",
  },
  store_unsuitable: {
    category: "config",
    title: "The store could lose data that sign-in must keep.",
    help: "The message says what is wrong and how to fix it.",
  },
  store_corrupt: {
    category: "config",
    title: "The store's file is damaged; it was left unchanged.",
    help: "Restore the file from a backup, or move it away: everyone then has to sign in again.",
  },
  store_without_scan: {
    category: "config",
    title: "The store cannot list what it holds.",
    help: "Name a person, or use a store with scan(): redisStore(), sqliteStore(), memoryStore() have it.",
  },
  audit_unavailable: {
    category: "retry",
    title: "The audit record could not be written, so nothing was issued.",
    help: "Try again. If it keeps failing, look at what audit.write() of createSignIn() does: it has audit.timeoutMs.",
  },
  encryption_keys_unavailable: {
    category: "retry",
    title: "The function that returns the encryption keys failed, and there are none from before.",
    help: "Try again. If it keeps failing, check what the function of encryptionKeys does: it has 4 s.",
  },
};
