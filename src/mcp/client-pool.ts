import { getUserContext } from "../context/ambient.js";
import { internalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { noUserContextCauses } from "../errors/causes/set-up.js";
import { leaseClient, type HeldClient } from "./lease-client.js";
import { poolSettings, type McpClientPoolOptions } from "./pool-options.js";
import { closePool, pooledClients } from "./pooled-clients.js";
import { clientSessions } from "./session-gone.js";

/** One user's client, kept open until the lease is released. */
export interface McpClientLease<C> {
  readonly client: C;
  /**
   * Gives the client back; does nothing the second time. Pass the error that ended the work: a client whose
   * MCP session is gone (HTTP 404) is then replaced. The end of the context releases a forgotten lease.
   */
  release(failure?: unknown): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * MCP clients, one for each user.
 * @group MCP
 */
export interface McpClientPool<C> {
  /**
   * Runs a call with the current user's client. Where the client's MCP session turns out to be gone (HTTP
   * 404), the client is replaced and `run` is called once more: keep one MCP call in it.
   */
  use<T>(run: (client: C) => T | Promise<T>): Promise<T>;
  /** The current user's client for longer than one call, for example until an answer is streamed. */
  lease(): Promise<McpClientLease<C>>;
  /** How many clients are open or being opened. */
  readonly size: number;
  /** Closes every client, also those in use, and refuses further calls with `closed`. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Holds one MCP client for each principal. Sharing one client between users is unsafe even where every
 * request carries the right token: the MCP session, the stream of notifications and the response cache of
 * SDK v2 belong to the client, not to the request.
 *
 * A client belongs to the principal of the context it is asked for in; without a context or a principal
 * nothing is opened, so a request that names nobody cannot use it, not even with `developer()` as a source. Idle
 * clients are closed after `idleMs`, the longest idle one earlier when there is no room. Throws `no_user_context`,
 * `context_ended`, `pool_busy`, `closed`, `invalid_option`, and whatever `open` throws.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
 * import { closeMcpClient, mcpClientPool, type McpClientPool, type UserAccess } from "hosted-agent-identity";
 *
 * export function contactsPool(contacts: UserAccess): McpClientPool<Client> {
 *   return mcpClientPool({
 *     async open({ principalKey }) {
 *       const client = new Client({ name: "agent", version: "1.0.0" }, { cachePartition: principalKey });
 *       await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
 *       return client;
 *     },
 *     close: closeMcpClient,
 *   });
 * }
 *
 * export const whoAmI = (pool: McpClientPool<Client>): Promise<unknown> =>
 *   pool.use((client) => client.callTool({ name: "whoami", arguments: {} }));
 * ```
 * @group MCP
 */
export function mcpClientPool<C>(options: McpClientPoolOptions<C>): McpClientPool<C> {
  const pool = pooledClients(poolSettings(options));
  const sessions = clientSessions();

  /** This user's client, with a session that is good as far as the client knows. */
  async function leased(context: UserContext): Promise<HeldClient<C>> {
    for (;;) {
      const one = await leaseClient(pool, context);
      if (!sessions.isLost(one.client)) {
        sessions.note(one.client);
        return one;
      }
      one.release({ gone: true });
    }
  }

  async function use<T>(run: (client: C) => T | Promise<T>): Promise<T> {
    const context = currentUser();
    for (let triesLeft = 1; ; triesLeft -= 1) {
      const { client, release } = await leased(context);
      try {
        return await run(client);
      } catch (error) {
        const gone = sessions.isGone(error, client);
        if (gone) release({ gone });
        if (!gone || triesLeft === 0) throw error;
      } finally {
        release();
      }
    }
  }

  async function lease(): Promise<McpClientLease<C>> {
    const context = currentUser();
    const { client, release } = await leased(context);
    const { endListeners } = internalsOf(context);
    const giveBack = (failure?: unknown): void => {
      endListeners.delete(onEnd);
      release({ gone: failure !== undefined && sessions.isGone(failure, client) });
    };
    const onEnd = (): void => giveBack();
    if (context.ended) giveBack();
    else endListeners.add(onEnd);
    return {
      client,
      release: giveBack,
      [Symbol.asyncDispose]: async () => giveBack(),
    };
  }

  return {
    use,
    lease,
    get size() {
      return pool.clients.size;
    },
    close: () => closePool(pool),
    [Symbol.asyncDispose]: () => closePool(pool),
  };
}

/** The context of the running code, with somebody in it. */
function currentUser(): UserContext {
  const context = getUserContext();
  if (context.principal !== undefined) return context;
  throw new HostedAgentIdentityError(
    "no_user_context",
    "The user context names no user.",
    noUserContextCauses.pool,
  );
}
