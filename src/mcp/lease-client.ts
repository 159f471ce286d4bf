import { withDeadline, within } from "../async/deadline.js";
import { runInClientScope } from "../context/ambient.js";
import { liveInternalsOf, knownFromNowOn } from "../context/internals.js";
import type { ClientScope, UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import {
  closeClient,
  closeLongestIdle,
  keepIdle,
  poolClosed,
  removeClient,
  retireClient,
  type PooledClient,
  type PooledClients,
} from "./pooled-clients.js";

/** A client that a call holds. */
export interface HeldClient<C> {
  readonly client: C;
  /** Gives the client back, once. `gone`: no further call gets this client. */
  release(options?: { gone: boolean }): void;
}

/**
 * The client of the context's principal, opened if there is none. Throws `context_ended`, `mcp_open_timeout`, `pool_busy`,
 * `closed`, and
 * whatever `open` throws.
 */
export async function leaseClient<C>(pool: PooledClients<C>, context: UserContext): Promise<HeldClient<C>> {
  const { line } = pool;
  const deadline = performance.now() + pool.settings.leaseWaitMs;
  for (let again = false; ; again = true) {
    if (pool.closed) throw poolClosed();
    if (context.ended) {
      line.next();
      throw new HostedAgentIdentityError("context_ended");
    }
    const known = knownClient(pool, context);
    // A call that was let through and needs no room hands it on.
    if (again && known !== undefined) line.next();
    const pooled = known ?? (again || line.length === 0 ? openIfRoom(pool, context) : undefined);
    if (pooled === undefined) {
      await line.wait(context, { ms: deadline - performance.now(), again });
      continue;
    }
    const held = await hold(pool, pooled, context);
    if (held !== undefined) return held;
  }
}

function keyOf({ principalKey }: UserContext): string {
  return principalKey as string;
}

function knownClient<C>(pool: PooledClients<C>, context: UserContext): PooledClient<C> | undefined {
  const known = pool.clients.get(keyOf(context));
  if (known?.stillKnown() !== false) return known;
  // Signed out since: the client's session and response cache belong to the former sign-in.
  retireClient(pool, known, "forgotten");
  return undefined;
}

/** The client once it is open; `undefined` when it failed because of another turn, and another try is worth it. */
async function hold<C>(
  pool: PooledClients<C>,
  pooled: PooledClient<C>,
  context: UserContext,
): Promise<HeldClient<C> | undefined> {
  pooled.leases += 1;
  pooled.scope.turns.push(context);
  pool.idle.delete(pooled);
  try {
    const { opener } = pooled.scope;
    const isOthers = opener !== undefined && opener !== context;
    if (isOthers && !(await untilEnd(context, settles(pooled.opened, patienceMs)))) {
      giveBack(pool, pooled, context);
      removeClient(pool, pooled);
      return undefined;
    }
    const client = await untilEnd(context, pooled.opened);
    return { client, release: releaseOnce(pool, pooled, context) };
  } catch (error) {
    giveBack(pool, pooled, context);
    if (!context.ended && isOthersTrouble(pooled.scope.opener, context)) return undefined;
    throw error;
  }
}

/** How long a turn waits for a client that another turn of the user opens, in milliseconds, before it opens its own. */
const patienceMs = 2000;

/** Whether a promise settles in time. */
async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return (await within(settled, ms)) === true;
}

function openIfRoom<C>(pool: PooledClients<C>, context: UserContext): PooledClient<C> | undefined {
  const { clients, settings, line } = pool;
  if (clients.size >= settings.max && !closeLongestIdle(pool)) return undefined;
  const principalKey = keyOf(context);
  const stillKnown = knownFromNowOn(context, principalKey);
  const end = new AbortController();
  let refuse!: (error: Error) => void;
  const refused = new Promise<never>((_, reject) => (refuse = reject));
  const scope: ClientScope = { principalKey, opener: context, turns: [], closed: end.signal, refuse };
  const opening = runInClientScope(scope, async () => settings.open({ principalKey, context }));
  const pooled: PooledClient<C> = {
    principalKey,
    scope,
    end,
    stillKnown,
    opened: opening,
    client: undefined,
    leases: 0,
    idleSince: pool.age(),
  };
  clients.set(principalKey, pooled);
  pooled.opened = whenOpen(pool, pooled, {
    opening,
    inTime: inTime(pool, context, Promise.race([opening, refused])),
  });
  pooled.opened.catch(() => {});
  line.call(principalKey);
  return pooled;
}

/** The client, when it is open in time and its opener has not left. One that comes later is closed. */
async function whenOpen<C>(
  pool: PooledClients<C>,
  pooled: PooledClient<C>,
  { opening, inTime }: { readonly opening: Promise<C>; readonly inTime: Promise<C> },
): Promise<C> {
  let value: C;
  try {
    value = await inTime;
  } catch (error) {
    removeClient(pool, pooled);
    pooled.end.abort();
    const tooLate = (late: C): void => {
      pooled.client = { value: late };
      void closeClient(pool, pooled, "too_late");
    };
    opening.then(tooLate, () => {});
    throw error;
  }
  pooled.client = { value };
  pooled.scope.opener = undefined;
  if (pool.closed) {
    void closeClient(pool, pooled, "pool_closed");
    throw poolClosed();
  }
  if (pooled.leases === 0) keepIdle(pool, pooled);
  return value;
}

function inTime<C>({ settings }: PooledClients<C>, opener: UserContext, opening: Promise<C>): Promise<C> {
  const late = (): Error =>
    new HostedAgentIdentityError(
      "mcp_open_timeout",
      `The MCP client was not open within ${settings.openMs} ms (openMs of mcpClientPool()).`,
    );
  return untilEnd(
    opener,
    withDeadline(settings.openMs, undefined, late, () => opening),
  );
}

function releaseOnce<C>(
  pool: PooledClients<C>,
  pooled: PooledClient<C>,
  context: UserContext,
): HeldClient<C>["release"] {
  let released = false;
  return ({ gone } = { gone: false }) => {
    if (released) return;
    released = true;
    if (gone) retireClient(pool, pooled, "session_gone");
    giveBack(pool, pooled, context);
  };
}

function giveBack<C>(pool: PooledClients<C>, pooled: PooledClient<C>, context: UserContext): void {
  pooled.leases -= 1;
  pooled.scope.turns.splice(pooled.scope.turns.indexOf(context), 1);
  if (pooled.leases === 0 && pooled.client !== undefined) keepIdle(pool, pooled);
}

/**
 * Whether opening failed because of another turn of the same user: it ended, or what the user must do was
 * recorded there and not here. Then this turn opens for itself.
 */
function isOthersTrouble(opener: UserContext | undefined, context: UserContext): boolean {
  return opener !== undefined && opener !== context && (opener.ended || opener.consentRequests.length > 0);
}

/** Waits for shared work, but not beyond the end of the context. */
function untilEnd<T>(context: UserContext, work: Promise<T>): Promise<T> {
  const { endListeners } = liveInternalsOf(context);
  return new Promise<T>((resolve, reject) => {
    const onEnd = (): void => reject(new HostedAgentIdentityError("context_ended"));
    endListeners.add(onEnd);
    work.then(resolve, reject).finally(() => endListeners.delete(onEnd));
  });
}
