import { read } from "../consent/error-chain.js";
import { getUserContext } from "../context/ambient.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import { noUserContextCauses } from "../errors/causes/set-up.js";
import { leaseClient, type HeldClient } from "./lease-client.js";
import { poolSettings, type McpClientPoolOptions } from "./pool-options.js";
import { closePool, pooledClients } from "./pooled-clients.js";

/** One user's client, kept open until the lease is released. */
export interface McpClientLease<C> {
  readonly client: C;
  /**
   * Gives the client back; does nothing the second time. Pass the error that ended the work: a client whose
   * MCP session is gone (`mcp_session_lost`) is then replaced. The end of the context releases a forgotten lease.
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
   * Runs a call with the current user's client. Where the client's MCP session turns out to be gone
   * (`mcp_session_lost`), the client is replaced and `run` is called once more: keep one MCP call in it.
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
 * `context_ended`, `mcp_open_timeout`, `legacy_transport`, `pool_busy`, `closed`, `invalid_option`, and whatever `open` throws.
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
      const before = lossesOf(context);
      try {
        return await run(client);
      } catch (error) {
        const gone = sessions.isGone(error, client);
        if (gone) release({ gone });
        if (!gone || triesLeft === 0) throw error;
      } finally {
        release({ gone: sessions.wasLostIn(context, client, before) });
      }
    }
  }

  async function lease(): Promise<McpClientLease<C>> {
    const context = currentUser();
    const { client, release } = await leased(context);
    const before = lossesOf(context);
    const { endListeners } = internalsOf(context);
    const giveBack = (failure?: unknown): void => {
      endListeners.delete(onEnd);
      const gone =
        sessions.wasLostIn(context, client, before) ||
        (failure !== undefined && sessions.isGone(failure, client));
      release({ gone });
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

/** What is known of the MCP sessions of a pool's clients. */
interface ClientSessions {
  /** To be told of a client while its session is good. */
  note(client: unknown): void;
  /** Whether the client has noticed by itself that its session is gone. It will not start a new one. */
  isLost(client: unknown): boolean;
  /**
   * Whether a call failed because its MCP session no longer exists: the server answers 404 to a session id it
   * does not know (MCP 2025-11-25, Streamable HTTP, session management), and the client must start anew.
   * A 404 on a client without a session is a wrong URL, which a new client would not mend.
   */
  isGone(error: unknown, client: unknown): boolean;
  /**
   * Whether a request of this turn was told that the client's session is gone, whatever became of the error. Of a client
   * that shows no transport, such as one that stands for several servers: whether any was since there were `before`.
   */
  wasLostIn(context: UserContext, client: unknown, before: number): boolean;
}

export function clientSessions(): ClientSessions {
  /** The AI SDK takes the id off its transport before it tells of the 404 (`@ai-sdk/mcp` 2.0). */
  const seen = new WeakSet();
  return {
    note(client) {
      const transport = transportOf(client);
      if (transport !== undefined && hasId(transport)) seen.add(transport);
    },
    isLost(client) {
      const transport = transportOf(client);
      return transport !== undefined && seen.has(transport) && !hasId(transport);
    },
    isGone(error, client) {
      const chain = causes(error);
      if (chain.some(isSessionLost)) return true;
      const transport = transportOf(client);
      // An unknown client may have a session.
      const hadSession = transport === undefined || hasId(transport) || seen.has(transport);
      return hadSession && chain.some((cause) => httpStatus(cause) === 404);
    },
    wasLostIn(context, client, before) {
      const transport = transportOf(client);
      if (transport === undefined) return lossesOf(context) > before;
      const id = transport.sessionId;
      return typeof id === "string" && internalsOf(context).lostSessions?.has(id) === true;
    },
  };
}

/** How many sessions the requests of this turn have lost so far. */
function lossesOf(context: UserContext): number {
  return internalsOf(context).lostSessions?.size ?? 0;
}

/** Both SDKs and the AI SDK keep the session id on `client.transport`. */
function transportOf(client: unknown): { readonly sessionId: unknown } | undefined {
  const transport = field(client, "transport");
  if (typeof transport !== "object" || transport === null || !("sessionId" in transport)) return undefined;
  return transport;
}

function hasId({ sessionId }: { readonly sessionId: unknown }): boolean {
  return sessionId !== undefined && sessionId !== null;
}

/** What `fetch` of an access throws. */
function isSessionLost(cause: unknown): boolean {
  return isHostedAgentIdentityError(cause) && cause.code === "mcp_session_lost";
}

/** The HTTP status a transport error carries. A JSON-RPC error's `code` is the server's own number. */
function httpStatus(error: unknown): unknown {
  const code = field(error, "code");
  // SDK v2: SdkHttpError, code CLIENT_HTTP_*, data.status.
  if (typeof code === "string")
    return code.startsWith("CLIENT_HTTP_") ? field(field(error, "data"), "status") : undefined;
  // SDK v1: StreamableHTTPError, which leaves `name` as Error; McpError and ProtocolError set theirs.
  if (typeof code === "number") return field(error, "name") === "Error" ? code : undefined;
  // AI SDK: MCPClientError, statusCode.
  return field(error, "name") === "MCPClientError" ? field(error, "statusCode") : undefined;
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  // Eight is more than any SDK nests, and ends a chain that bites its tail.
  for (let next = error; next !== undefined && chain.length < 8; next = field(next, "cause"))
    chain.push(next);
  return chain;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? read(value, name) : undefined;
}
