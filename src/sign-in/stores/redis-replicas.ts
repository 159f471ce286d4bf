import { withDeadline } from "../../async/deadline.js";
import { askNode, redisCalls, type RedisCalls } from "./redis-calls.js";
import type { RedisClient, RedisCommands } from "./redis-client.js";
import { primaryOf } from "./redis-nodes.js";
import { closed, unavailable } from "./refusals.js";

/** What the replicas of a Redis have. */
export interface RedisReplicas {
  /**
   * Resolves when one replica has what was written under this key until now, and at once where the primary has no
   * replica. Throws `store_unavailable` after 200 ms.
   */
  confirm(name: string): Promise<void>;
  close(): Promise<void>;
}

/** How long a replica may take. Whoever waits for a token waits for it, too. */
const confirmMs = 200;

interface ReplicasState {
  readonly client: RedisClient;
  readonly calls: RedisCalls;
  readonly timeoutMs: number;
  /** `WAIT` holds up everything behind it on its connection, so it has one of its own. Made when it is needed. */
  own: { readonly client: RedisClient; readonly calls: RedisCalls } | undefined;
  readonly rounds: Map<string, Rounds>;
  isClosed: boolean;
}

/** By primary: one `WAIT` is under way, and one more, for whatever is written meanwhile. */
interface Rounds {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}

/** Asks the primaries of this client for their replicas. */
export function redisReplicas(client: RedisClient, calls: RedisCalls, timeoutMs: number): RedisReplicas {
  const state: ReplicasState = {
    client,
    calls,
    timeoutMs,
    own: undefined,
    rounds: new Map(),
    isClosed: false,
  };
  return {
    confirm: (name) => withDeadline(confirmMs, undefined, unconfirmed, () => inRounds(state, name)),
    async close() {
      state.isClosed = true;
      await state.own?.calls.close();
    },
  };
}

function unconfirmed(): Error {
  return unavailable(`No replica of Redis has confirmed a write within ${confirmMs} ms.`);
}

/** A `WAIT` covers everything that was written before, by whomever: those who come later share the next one. */
function inRounds(state: ReplicasState, name: string): Promise<void> {
  const place = primaryOf(state.client, name)?.address ?? "";
  const known = state.rounds.get(place);
  if (known === undefined) return begin(state, place, name);
  known.next ??= known.running.then(
    () => begin(state, place, name),
    () => begin(state, place, name),
  );
  return known.next;
}

function begin(state: ReplicasState, place: string, name: string): Promise<void> {
  const running = confirmed(state, name);
  const rounds: Rounds = { running, next: undefined };
  state.rounds.set(place, rounds);
  const end = (): void => {
    if (state.rounds.get(place) === rounds && rounds.next === undefined) state.rounds.delete(place);
  };
  running.then(end, end);
  return running;
}

async function confirmed(state: ReplicasState, name: string): Promise<void> {
  const { client, calls } = state;
  const info = await askNode(
    client,
    calls,
    primaryOf(client, name),
    (redis) => redis.info("replication"),
    (reply) => (typeof reply === "string" ? reply : undefined),
  );
  if (!/^slave\d+:.*state=online/m.test(info)) return;
  if ((await waitForOne(state, name)) === 0) throw unconfirmed();
}

/** How many replicas have it, one being enough. */
async function waitForOne(state: ReplicasState, name: string): Promise<number> {
  const { client, calls } = state;
  const lend = client.execute?.bind(client);
  if (lend !== undefined)
    return calls.look(
      name,
      () => lend((one) => touchAndWait(one.withCommandOptions({ timeout: 0, typeMapping: {} }), name)),
      count,
    );
  const own = ownOf(state);
  return own.calls.change(name, (redis) => touchAndWait(redis, name, own.client), count);
}

/**
 * `WAIT` is about the writes of its own connection, so one that changes nothing goes before it. The client of a cluster
 * sends both to the primary of the key, which it knows after the first one.
 */
async function touchAndWait(redis: RedisCommands, name: string, client?: RedisClient): Promise<unknown> {
  await redis.eval(touch, { keys: [name], arguments: [] });
  const primary = client && primaryOf(client, name);
  const node = primary === undefined ? undefined : await client?.nodeClient?.(primary);
  const commands = node?.withCommandOptions({ timeout: 0, typeMapping: {} }) ?? redis;
  return commands.wait(1, confirmMs);
}

function ownOf(state: ReplicasState): NonNullable<ReplicasState["own"]> {
  if (state.isClosed) throw closed("redisStore()");
  if (state.own !== undefined) return state.own;
  const client = state.client.duplicate?.();
  if (client === undefined) throw unavailable("This client of Redis has no connection for WAIT.");
  const calls = redisCalls(client, state.timeoutMs);
  // The call that needs it tells what is wrong with it.
  calls.open().catch(() => undefined);
  state.own = { client, calls };
  return state.own;
}

const count = (reply: unknown): number | undefined =>
  Number.isSafeInteger(reply) ? Number(reply) : undefined;

// Writes the lifetime that the key has: replicas are sent it. A key that is not there any more changes nothing.
const touch = `
local left=redis.call('PTTL',KEYS[1])
if left>0 then redis.call('PEXPIRE',KEYS[1],left) end
return left`;
