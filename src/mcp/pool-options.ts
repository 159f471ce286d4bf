import type { UserContext } from "../context/user-context.js";
import { count, func, milliseconds, orElse } from "../options/checks.js";
import { readOptions, type Checked, type OptionTable } from "../options/option-table.js";
import { type Runtime, runtimeOptions } from "../runtime/runtime.js";

/** For whom a client is opened. */
export interface McpClientUser {
  /** The principal as canonical JSON. Give it to SDK v2 as `cachePartition`. */
  readonly principalKey: string;
  /** The context of the call that found no client; `open` runs inside it. */
  readonly context: UserContext;
}

/** What a pool is made from. */
export interface McpClientPoolOptions<C> extends Pick<Runtime, "now" | "onEvent"> {
  /**
   * Makes and connects one client, inside the context of the user it is for. Called once for concurrent
   * first calls of one user; a failure is not kept.
   */
  readonly open: (user: McpClientUser) => Promise<C>;
  /**
   * Ends one client: `closeMcpClient` for both MCP SDKs. Runs with no user context. A session DELETE that
   * it sends through a user access's `fetch` carries a token of that user only if one is still cached.
   */
  // `& {}` makes C come from `open`: in projects without strictFunctionTypes it came from closeMcpClient, and `use`
  // had a client without methods. NoInfer<C> fails in strict projects, where `open` takes a parameter.
  readonly close: (client: C & {}) => Promise<void>;
  /** The most clients to hold at once. Default 1000. */
  readonly max?: number;
  /** After how many idle milliseconds a client is closed. Default 5 minutes. */
  readonly idleMs?: number;
  /**
   * How many milliseconds `open` may take. Default 30 seconds. Then the call fails with `mcp_open_timeout`, and the next
   * one opens another client. A client that comes later is closed.
   */
  readonly openMs?: number;
  /** How many milliseconds a call waits while all clients are in use. Default 10 seconds. */
  readonly leaseWaitMs?: number;
}

type PoolDefaults = "max" | "idleMs" | "openMs" | "leaseWaitMs" | "now";

/** The options of `mcpClientPool()`. */
export const poolOptions = <C>(): OptionTable<McpClientPoolOptions<C>, PoolDefaults> => ({
  open: func<McpClientPoolOptions<C>["open"]>("a function that opens a client"),
  close: func<McpClientPoolOptions<C>["close"]>(
    "a function that closes a client, for example closeMcpClient",
  ),
  max: orElse(count(), 1000),
  idleMs: orElse(milliseconds(0), 5 * 60_000),
  openMs: orElse(milliseconds(), 30_000),
  leaseWaitMs: orElse(milliseconds(0), 10_000),
  now: runtimeOptions.now,
  onEvent: runtimeOptions.onEvent,
});

/** {@link McpClientPoolOptions}, checked and complete. */
export type PoolSettings<C> = Checked<McpClientPoolOptions<C>, PoolDefaults>;

/** Checks the options. Throws `invalid_option`. */
export function poolSettings<C>(options: McpClientPoolOptions<C>): PoolSettings<C> {
  return readOptions("mcpClientPool", poolOptions<C>(), options);
}
