import { clocksOf } from "../async/clocks.js";
import { withDeadline, inBackground } from "../async/deadline.js";
import { runWithoutUserContext } from "../context/ambient.js";
import { runClosing } from "../context/closing.js";
import { liveInternalsOf } from "../context/internals.js";
import type { ClientScope, UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { emit } from "../events/events.js";
import type { PoolSettings } from "./pool-options.js";

/** The clients of a pool: which are in use, which are idle, and when they close. Data, and functions that take it. */
export interface PooledClients<C> {
  readonly settings: PoolSettings<C>;
  /** How long something has been idle is told by this clock. */
  readonly age: () => number;
  /** By principal. */
  readonly clients: Map<string, PooledClient<C>>;
  /** Those without a lease, longest idle first. */
  readonly idle: Set<PooledClient<C>>;
  readonly closing: Set<Promise<void>>;
  /** The calls that wait for room. */
  readonly line: WaitingLine;
  sweepTimer: NodeJS.Timeout | undefined;
  closed: boolean;
}

/** One principal's client. Once it is out of `clients` it is retired, and closes when its last lease is released. */
export interface PooledClient<C> {
  readonly principalKey: string;
  /** Its opener is dropped once the client is open, so that no user token outlives its turn here. */
  readonly scope: ClientScope;
  /** Aborted when the client closes. */
  readonly end: AbortController;
  /** Whether no access that the client was opened with has forgotten its user since. */
  readonly stillKnown: () => boolean;
  opened: Promise<C>;
  /** Set when `opened` has resolved. */
  client: { readonly value: C } | undefined;
  leases: number;
  /** By age. */
  idleSince: number;
}

type CloseReason = "idle" | "no_room" | "session_gone" | "forgotten" | "too_late" | "pool_closed";

/** How long one client may take to close before the pool goes on without it, in milliseconds. */
const closeMs = 5000;

/** Starts without clients. */
export function pooledClients<C>(settings: PoolSettings<C>): PooledClients<C> {
  return {
    settings,
    age: clocksOf(settings.now).age,
    clients: new Map(),
    idle: new Set(),
    closing: new Set(),
    line: waitingLine(),
    sweepTimer: undefined,
    closed: false,
  };
}

/** The error of a call that comes after `close()`. */
export function poolClosed(): HostedAgentIdentityError {
  return new HostedAgentIdentityError("closed", "The client pool has been closed.");
}

/** Keeps an open client without a lease for its user's next call, or closes it if it was retired meanwhile. */
export function keepIdle<C>(pool: PooledClients<C>, pooled: PooledClient<C>): void {
  if (pool.clients.get(pooled.principalKey) !== pooled) {
    void closeClient(pool, pooled, "session_gone");
    return;
  }
  pooled.idleSince = pool.age();
  pool.idle.add(pooled);
  sweepLater(pool);
  pool.line.next();
}

/** Takes a client off the pool, so that no further call gets it. */
export function removeClient<C>({ clients, idle, line }: PooledClients<C>, pooled: PooledClient<C>): void {
  if (clients.get(pooled.principalKey) === pooled) clients.delete(pooled.principalKey);
  idle.delete(pooled);
  line.next();
}

/** Takes a client off the pool, and closes it now if it has no lease. */
export function retireClient<C>(pool: PooledClients<C>, pooled: PooledClient<C>, reason: CloseReason): void {
  const held = pooled.leases > 0;
  removeClient(pool, pooled);
  if (!held) void closeClient(pool, pooled, reason);
}

/** Makes room for another client; `false` when all are in use. */
export function closeLongestIdle<C>(pool: PooledClients<C>): boolean {
  const [pooled] = pool.idle;
  if (pooled === undefined) return false;
  retireClient(pool, pooled, "no_room");
  return true;
}

/** Closes an open client. Never rejects; does nothing the second time. */
export function closeClient<C>(
  { settings, closing }: PooledClients<C>,
  pooled: PooledClient<C>,
  reason: CloseReason,
): Promise<void> {
  const { client, principalKey } = pooled;
  if (client === undefined) return Promise.resolve();
  pooled.client = undefined;
  pooled.end.abort();
  const { close, onEvent } = settings;
  const late = (): Error => new Error("The client did not close in time.");
  const work = runClosing(principalKey, () =>
    withDeadline(closeMs, undefined, late, async () => close(client.value as C & {})),
  )
    .then(() => emit(onEvent, { type: "mcp_client_closed", reason }))
    .catch(() => emit(onEvent, { type: "mcp_client_close_failed", reason }))
    .finally(() => closing.delete(work));
  closing.add(work);
  return work;
}

/** Closes all clients, also those in use, and sends away the calls that wait. */
export async function closePool<C>(pool: PooledClients<C>): Promise<void> {
  pool.closed = true;
  clearTimeout(pool.sweepTimer);
  pool.line.leave(poolClosed());
  const all = [...pool.clients.values()];
  pool.clients.clear();
  pool.idle.clear();
  for (const pooled of all) void closeClient(pool, pooled, "pool_closed");
  await Promise.all(pool.closing);
}

function sweepLater<C>(pool: PooledClients<C>): void {
  if (pool.sweepTimer !== undefined) return;
  const [first] = pool.idle;
  if (first === undefined) return;
  const ms = Math.max(first.idleSince + pool.settings.idleMs - pool.age(), 0);
  pool.sweepTimer = inBackground(
    runWithoutUserContext(() => setTimeout(() => sweep(pool), Math.min(ms, 2 ** 31 - 1))),
  );
}

function sweep<C>(pool: PooledClients<C>): void {
  pool.sweepTimer = undefined;
  for (const pooled of pool.idle) {
    if (pooled.idleSince + pool.settings.idleMs > pool.age()) break;
    retireClient(pool, pooled, "idle");
  }
  sweepLater(pool);
}

/** Calls that wait for room in a pool, first come first served. Each leaves after a bounded time. */
interface WaitingLine {
  /** Resolves when it is this call's turn to look again. Throws `pool_busy`, `context_ended`, or what `leave` is given. */
  wait(context: UserContext, options: { ms: number; again: boolean }): Promise<void>;
  /** Lets the first one look. */
  next(): void;
  /** Lets every call of this principal look: there is a client for it now. */
  call(principalKey: string): void;
  /** Sends everybody away. */
  leave(error: Error): void;
  readonly length: number;
}

interface Waiter {
  readonly principalKey: string | undefined;
  readonly settle: (error?: Error) => void;
}

function waitingLine(): WaitingLine {
  const line = new Set<Waiter>();

  function wait(context: UserContext, { ms, again }: { ms: number; again: boolean }): Promise<void> {
    const { endListeners } = liveInternalsOf(context);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        principalKey: context.principalKey,
        settle(error) {
          clearTimeout(timer);
          endListeners.delete(onEnd);
          line.delete(waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const onEnd = (): void => waiter.settle(new HostedAgentIdentityError("context_ended"));
      const timer = setTimeout(
        () => waiter.settle(new HostedAgentIdentityError("pool_busy")),
        Math.max(ms, 0),
      );
      endListeners.add(onEnd);
      if (again) putFirst(line, waiter);
      else line.add(waiter);
    });
  }

  return {
    wait,
    next() {
      const [first] = line;
      first?.settle();
    },
    call(principalKey) {
      for (const waiter of line) if (waiter.principalKey === principalKey) waiter.settle();
    },
    leave(error) {
      for (const waiter of line) waiter.settle(error);
    },
    get length() {
      return line.size;
    },
  };
}

/** Whoever was let through and found the room taken keeps their place. */
function putFirst(line: Set<Waiter>, waiter: Waiter): void {
  const others = [...line];
  line.clear();
  for (const next of [waiter, ...others]) line.add(next);
}
