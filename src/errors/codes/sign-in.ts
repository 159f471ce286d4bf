import type { ErrorCodeFacts } from "../facts.js";

/**
 * Sign-in: whose grant it is, and where grants are kept.
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
  | "store_unavailable"
  | "store_unsuitable"
  | "store_corrupt";

export const signInCodes: Readonly<Record<SignInCode, ErrorCodeFacts>> = {
  user_not_identified: {
    category: "config",
    title: "Nobody can say which person asked, so nobody's sign-in may be used.",
    help: 'Send a user token, or, if each platform user id stands for one person, say so with platformUserId: "one-person" of userContext().',
  },
  long_running_refused: {
    category: "input",
    title: "This piece of long-running work may not act for the user, or no longer.",
    help: "Start it again from a turn of the user: it ends at its time limit and when the user signs out.",
  },
  quota_reached: {
    category: "input",
    title:
      "One person, or one account, has as much here as it may have. Nothing was stored, and nothing was taken away for it.",
    help: "End what is not needed any more: stopLongRunning() for work, the connections page or signOut() for chats. Work also leaves at its time limit. docs/security.md has the numbers.",
  },
  sign_in_too_large: {
    category: "config",
    title: "What the sign-in would ask for does not fit into a link.",
    help: "Ask for fewer scopes (about forty of one resource fit). If an MCP server's claims challenge is that long, the server is at fault.",
  },
  agent_not_identified: {
    category: "input",
    title: "The sign-in service does not know the agent that asks.",
    help: "Let the agent ask with its own identity (a managed identity), and list its client id at the service.",
  },
  agent_names_too_many_users: {
    category: "blocked",
    title:
      "The agent names more new people at the sign-in service, or signs more out, than it may in a minute.",
    help: "Try again in a minute. If the agent has that many people, raise newUsersPerMinute of its entry in signInApi(); if it has not, find out who runs it.",
  },
  sign_in_service_unavailable: {
    category: "retry",
    title: "The sign-in service could not be reached, or is not well.",
    help: "Try again; if it lasts, check that this host can reach the service's url.",
  },
  store_unavailable: {
    category: "retry",
    title: "The store of sign-in could not do what was asked; nothing is assumed about what it holds.",
    help: "Try again; if it lasts, check that the store is reachable, not full and not out of disk.",
  },
  store_unsuitable: {
    category: "config",
    title: "The store cannot keep what sign-in must not lose.",
    help: "The message says what is wrong and how to mend it.",
  },
  store_corrupt: {
    category: "config",
    title: "The store's file is damaged; it was left as it is.",
    help: "Restore the file from a backup, or move it away: then everybody is asked to sign in again.",
  },
};
