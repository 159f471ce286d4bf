import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError, type OnEvent } from "../errors.js";

/** For whom a client is opened. */
export interface McpClientUser {
  /** The principal as canonical JSON. Give it to SDK v2 as `cachePartition`. */
  readonly principalKey: string;
  /** The context of the call that found no client; `open` runs inside it. */
  readonly context: UserContext;
}

/** What a pool is made from. */
export interface McpClientPoolOptions<C> {
  /**
   * Makes and connects one client, inside the context of the user it is for. Called once for concurrent
   * first calls of one user; a failure is not kept.
   */
  readonly open: (user: McpClientUser) => Promise<C>;
  /**
   * Ends one client: `closeMcpClient` for both MCP SDKs. Runs with no user context. A session DELETE that
   * it sends through a user access's `fetch` carries a token of that user only if one is still cached.
   */
  readonly close: (client: C) => Promise<void>;
  /** The most clients to hold at once. Default 1000. */
  readonly max?: number;
  /** After how many idle milliseconds a client is closed. Default 5 minutes. */
  readonly idleMs?: number;
  /** How many milliseconds a call waits while all clients are in use. Default 10 seconds. */
  readonly leaseWaitMs?: number;
  readonly onEvent?: OnEvent;
  readonly now?: () => number;
}

/** The options that are numbers, checked. Throws `invalid_option`. */
export function poolLimits<C>(options: McpClientPoolOptions<C>): {
  max: number;
  idleMs: number;
  leaseWaitMs: number;
} {
  const { max = 1000, idleMs = 5 * 60_000, leaseWaitMs = 10_000 } = options;
  for (const [name, value, least] of [
    ["max", max, 1],
    ["idleMs", idleMs, 0],
    ["leaseWaitMs", leaseWaitMs, 0],
  ] as const) {
    if (Number.isFinite(value) && value >= least) continue;
    throw new HostedAgentIdentityError(
      "invalid_option",
      `${name}: expected a number of at least ${least}, got ${JSON.stringify(value)}.`,
    );
  }
  return { max, idleMs, leaseWaitMs };
}
