import { runWithUserContext } from "../context/ambient.js";
import { knownFromNowOn } from "../context/forgotten.js";
import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
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
 * The client of the context's principal, opened if there is none. Throws `context_ended`, `pool_busy`, `closed`, and
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
  pool.idle.delete(pooled);
  try {
    const client = await untilEnd(context, pooled.opened);
    return { client, release: releaseOnce(pool, pooled) };
  } catch (error) {
    giveBack(pool, pooled);
    if (!context.ended && isOthersTrouble(pooled.opener, context)) return undefined;
    throw error;
  }
}

function openIfRoom<C>(pool: PooledClients<C>, context: UserContext): PooledClient<C> | undefined {
  const { clients, settings, line } = pool;
  if (clients.size >= settings.max && !closeLongestIdle(pool)) return undefined;
  const principalKey = keyOf(context);
  const stillKnown = knownFromNowOn(context, principalKey);
  const opening = runWithUserContext(context, async () => settings.open({ principalKey, context }));
  const pooled: PooledClient<C> = {
    principalKey,
    opener: context,
    stillKnown,
    opened: opening,
    client: undefined,
    leases: 0,
    idleSince: pool.age(),
  };
  clients.set(principalKey, pooled);
  pooled.opened = whenOpen(pool, pooled, opening);
  pooled.opened.catch(() => {});
  line.call(principalKey);
  return pooled;
}

async function whenOpen<C>(pool: PooledClients<C>, pooled: PooledClient<C>, opening: Promise<C>): Promise<C> {
  let value: C;
  try {
    value = await opening;
  } catch (error) {
    removeClient(pool, pooled);
    throw error;
  }
  pooled.client = { value };
  pooled.opener = undefined;
  if (pool.closed) {
    void closeClient(pool, pooled, "pool_closed");
    throw poolClosed();
  }
  if (pooled.leases === 0) keepIdle(pool, pooled);
  return value;
}

function releaseOnce<C>(pool: PooledClients<C>, pooled: PooledClient<C>): HeldClient<C>["release"] {
  let released = false;
  return ({ gone } = { gone: false }) => {
    if (released) return;
    released = true;
    if (gone) retireClient(pool, pooled, "session_gone");
    giveBack(pool, pooled);
  };
}

function giveBack<C>(pool: PooledClients<C>, pooled: PooledClient<C>): void {
  pooled.leases -= 1;
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
