import { inBackground } from "../async/background-timer.js";
import { withDeadline } from "../async/deadline.js";
import { runWithoutUserContext, runWithUserContext } from "../context/ambient.js";
import { runClosing } from "../context/closing.js";
import { knownFromNowOn } from "../context/forgotten.js";
import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { clocksOf } from "../async/clocks.js";
import { emit } from "../events/events.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { PoolSettings } from "./pool-options.js";
import { waitingLine } from "./waiting-line.js";

/** The clients of a pool: who has one, which are idle, and when they close. */
export interface PooledClients<C> {
  lease(context: UserContext): Promise<HeldClient<C>>;
  close(): Promise<void>;
  readonly size: number;
}

interface HeldClient<C> {
  readonly client: C;
  /** Gives the client back, once. `gone`: nobody is given this client any more. */
  release(options?: { gone: boolean }): void;
}

/** One principal's client. Out of `clients` means retired: closed as soon as nobody holds it. */
interface Pooled<C> {
  readonly principalKey: string;
  /** Whose turn opens it; forgotten once it is open, so that no user token outlives its turn here. */
  opener: UserContext | undefined;
  /** Whether no access that the client was opened with has forgotten its user since. */
  readonly stillKnown: () => boolean;
  opened: Promise<C>;
  /** Set when `opened` has resolved. */
  client: { readonly value: C } | undefined;
  leases: number;
  /** By age. */
  idleSince: number;
}

type CloseReason = "idle" | "no_room" | "session_gone" | "forgotten" | "pool_closed";

/** How long one client may take to close before the pool goes on without it, in milliseconds. */
const closeMs = 5000;

export function pooledClients<C>(settings: PoolSettings<C>): PooledClients<C> {
  const { open, close: closeOne, onEvent, max, idleMs, leaseWaitMs } = settings;
  const { age } = clocksOf(settings.now);
  const clients = new Map<string, Pooled<C>>();
  /** Longest idle first. */
  const idle = new Set<Pooled<C>>();
  const closing = new Set<Promise<void>>();
  const line = waitingLine();
  let sweepTimer: NodeJS.Timeout | undefined;
  let closed = false;

  async function lease(context: UserContext): Promise<HeldClient<C>> {
    const principalKey = context.principalKey as string;
    const deadline = performance.now() + leaseWaitMs;
    for (let again = false; ; again = true) {
      if (closed) throw poolClosed();
      if (context.ended) {
        line.next();
        throw new HostedAgentIdentityError("context_ended");
      }
      let known = clients.get(principalKey);
      if (known?.stillKnown() === false) {
        // Signed out since: its session and its response cache are the former sign-in's.
        retire(known, "forgotten");
        known = undefined;
      }
      // Whoever was called for room and needs none hands it on.
      if (again && known !== undefined) line.next();
      const pooled = known ?? (again || line.length === 0 ? openIfRoom(principalKey, context) : undefined);
      if (pooled === undefined) {
        await line.wait(context, { ms: deadline - performance.now(), again });
        continue;
      }
      const held = await hold(pooled, context);
      if (held !== undefined) return held;
    }
  }

  /** The client once it is open; `undefined` when another turn's trouble spoilt it and it is worth another try. */
  async function hold(pooled: Pooled<C>, context: UserContext): Promise<HeldClient<C> | undefined> {
    pooled.leases += 1;
    idle.delete(pooled);
    try {
      const client = await untilEnd(context, pooled.opened);
      return { client, release: releaseOnce(pooled) };
    } catch (error) {
      giveBack(pooled);
      if (!context.ended && isOthersTrouble(pooled.opener, context)) return undefined;
      throw error;
    }
  }

  function openIfRoom(principalKey: string, context: UserContext): Pooled<C> | undefined {
    if (clients.size >= max && !closeLongestIdle()) return undefined;
    const pooled: Pooled<C> = {
      principalKey,
      opener: context,
      stillKnown: knownFromNowOn(context, principalKey),
      opened: runWithUserContext(context, async () => open({ principalKey, context })),
      client: undefined,
      leases: 0,
      idleSince: age(),
    };
    clients.set(principalKey, pooled);
    pooled.opened = pooled.opened.then(
      (value) => {
        pooled.client = { value };
        pooled.opener = undefined;
        if (closed) {
          void closeClient(pooled, "pool_closed");
          throw poolClosed();
        }
        if (pooled.leases === 0) settleUnheld(pooled);
        return value;
      },
      (error: unknown) => {
        forget(pooled);
        throw error;
      },
    );
    pooled.opened.catch(() => {});
    line.call(principalKey);
    return pooled;
  }

  function releaseOnce(pooled: Pooled<C>): HeldClient<C>["release"] {
    let released = false;
    return ({ gone } = { gone: false }) => {
      if (released) return;
      released = true;
      if (gone) retire(pooled, "session_gone");
      giveBack(pooled);
    };
  }

  function giveBack(pooled: Pooled<C>): void {
    pooled.leases -= 1;
    if (pooled.leases === 0 && pooled.client !== undefined) settleUnheld(pooled);
  }

  /** Nobody holds it: it waits for its user's next call, or closes if it was retired meanwhile. */
  function settleUnheld(pooled: Pooled<C>): void {
    if (clients.get(pooled.principalKey) !== pooled) {
      void closeClient(pooled, "session_gone");
      return;
    }
    pooled.idleSince = age();
    idle.add(pooled);
    sweepLater();
    line.next();
  }

  function forget(pooled: Pooled<C>): void {
    if (clients.get(pooled.principalKey) === pooled) clients.delete(pooled.principalKey);
    idle.delete(pooled);
    line.next();
  }

  /** Gives it to nobody any more, and closes it now if nobody holds it. */
  function retire(pooled: Pooled<C>, reason: CloseReason): void {
    const held = pooled.leases > 0;
    forget(pooled);
    if (!held) void closeClient(pooled, reason);
  }

  function closeLongestIdle(): boolean {
    const [pooled] = idle;
    if (pooled === undefined) return false;
    retire(pooled, "no_room");
    return true;
  }

  function sweepLater(): void {
    if (sweepTimer !== undefined) return;
    const [first] = idle;
    if (first === undefined) return;
    const ms = Math.max(first.idleSince + idleMs - age(), 0);
    sweepTimer = inBackground(runWithoutUserContext(() => setTimeout(sweep, Math.min(ms, 2 ** 31 - 1))));
  }

  function sweep(): void {
    sweepTimer = undefined;
    for (const pooled of idle) {
      if (pooled.idleSince + idleMs > age()) break;
      retire(pooled, "idle");
    }
    sweepLater();
  }

  function closeClient(pooled: Pooled<C>, reason: CloseReason): Promise<void> {
    const { client } = pooled;
    if (client === undefined) return Promise.resolve();
    pooled.client = undefined;
    const late = (): Error => new Error("The client did not close in time.");
    const work = runClosing(pooled.principalKey, () =>
      withDeadline(closeMs, undefined, late, async () => closeOne(client.value as C & {})),
    )
      .then(() => emit(onEvent, { type: "mcp_client_closed", reason }))
      .catch(() => emit(onEvent, { type: "mcp_client_close_failed", reason }))
      .finally(() => closing.delete(work));
    closing.add(work);
    return work;
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(sweepTimer);
    line.leave(poolClosed());
    const all = [...clients.values()];
    clients.clear();
    idle.clear();
    for (const pooled of all) void closeClient(pooled, "pool_closed");
    await Promise.all(closing);
  }

  return {
    lease,
    close,
    get size() {
      return clients.size;
    },
  };
}

function poolClosed(): HostedAgentIdentityError {
  return new HostedAgentIdentityError("closed", "The client pool has been closed.");
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
