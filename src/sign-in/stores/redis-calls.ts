import { isHostedAgentIdentityError, type HostedAgentIdentityError } from "../../errors.js";
import { withDeadline, inBackground } from "../../async/deadline.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import type { ErrorCause } from "../../errors/facts.js";
import type { RedisClient, RedisCommands, RedisNode, RedisNodeCommands } from "./redis-client.js";
import { primaryOf } from "./redis-nodes.js";
import { errno, unavailable } from "./refusals.js";

/**
 * Sends one command with a deadline of its own. Throws `store_unavailable`. A write may then have happened or not: a
 * command that was sent may still arrive.
 */
export type RedisCall = <T>(
  /** The key of the command, or the address of a cluster's node. */
  place: string,
  send: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
  /** How many steps wait for it. */
  steps?: number,
) => Promise<T>;

/** How commands are sent. */
export interface RedisCalls {
  /** For a command that changes something: it is not sent after its deadline. */
  readonly change: RedisCall;
  /**
   * For a command that only reads and does no harm when it is sent late. It needs no signal, which would cost as
   * much as the rest of the call.
   */
  readonly look: RedisCall;
  /** What a refusal means that came as a part of an answer. */
  refused(error: unknown): HostedAgentIdentityError;
  /** What was read of an answer. Throws for one that makes no sense. */
  understood<T>(value: T | undefined): T;
  /** Connects a client that nobody has connected. Its connection is ours then: to renew, and to close. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** A command that names no key, sent to this primary of a cluster. */
export function askNode<T>(
  client: RedisClient,
  calls: RedisCalls,
  node: RedisNode | undefined,
  send: (commands: RedisNodeCommands) => Promise<unknown>,
  reading: (reply: unknown) => T | undefined,
): Promise<T> {
  if (node === undefined || client.nodeClient === undefined) return calls.look("", send, reading);
  return calls.look(
    node.address,
    async () => {
      const own = await client.nodeClient?.(node);
      return own === undefined ? undefined : send(own.withCommandOptions({ timeout: 0, typeMapping: {} }));
    },
    reading,
  );
}

interface CallState {
  readonly client: RedisClient;
  readonly timeoutMs: number;
  /** Whether we have opened the connection. */
  isOurs: boolean;
  isClosed: boolean;
  /** The connection that is being made. */
  connecting: Promise<unknown> | undefined;
  /** When it was last made anew, by the steady clock. */
  renewedAt: number;
  /** Sent, and neither answered nor failed yet. */
  unanswered: number;
  /** By server: since when nothing at all has come back, by the steady clock. */
  readonly silentSince: Map<string, number>;
  /** What the client has said about its connection since the last answer. */
  trouble: unknown;
  /** The commands of calls that only read. */
  plain: RedisCommands | undefined;
}

/** Whether a call is late already, and with which error: what fails afterwards fails with that. */
interface Lateness {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** Where a call goes, and for how many steps. */
interface Asked {
  readonly place: string;
  readonly steps: number;
}

/** A call on its way. */
interface SentCall {
  readonly server: string;
  readonly steps: number;
  readonly lateness: Lateness;
}

/**
 * The client keeps what it has sent until the answer comes or the connection ends. Without a bound the heap would
 * grow with every call to a server that hangs.
 */
const maxUnanswered = 10_000;

/**
 * Calls to this client. A connection that we opened is made anew where it leads nowhere: to a server that was demoted
 * or does not know us any more, or that has not answered for three deadlines although calls went out. The client
 * itself would keep the first for good, and the second until the system gives it up: a quarter of an hour on Linux.
 */
export function redisCalls(client: RedisClient, timeoutMs: number): RedisCalls {
  const state: CallState = {
    client,
    timeoutMs,
    isOurs: false,
    isClosed: false,
    connecting: undefined,
    renewedAt: -Infinity,
    unanswered: 0,
    silentSince: new Map(),
    trouble: undefined,
    plain: undefined,
  };
  const trouble = (error: unknown): void => void (state.trouble = error);
  // Without a listener a lost connection would end the process.
  client.on("error", trouble);
  client.on("node-error", trouble);
  return {
    change: (place, work, read, steps = 1) => change(state, { place, steps }, work, read),
    look: (place, work, read, steps = 1) => look(state, { place, steps }, work, read),
    refused: (error) => refused(state, error),
    understood,
    open: () => open(state),
    close: () => close(state),
  };
}

/**
 * Waits for the connection. The client of a single server goes on trying after that has failed. That of a cluster would
 * wait for a node that is gone, also when another has taken its place: it begins anew with the next call.
 */
async function open(state: CallState): Promise<void> {
  const { client, timeoutMs } = state;
  if (!client.isOpen) state.isOurs = true;
  const late = (): Error => inTrouble(state, `Redis could not be reached within ${timeoutMs} ms`);
  await withDeadline(timeoutMs, undefined, late, async () => connection(state)).catch((error: unknown) => {
    if (state.isOurs && client.masters !== undefined && client.isOpen) client.destroy();
    throw isHostedAgentIdentityError(error) ? error : fromClient(mostTelling(state, error));
  });
}

/** Waits for running commands, but not for a server that hangs. */
async function close(state: CallState): Promise<void> {
  const { client, timeoutMs, isOurs } = state;
  state.isClosed = true;
  if (!isOurs || !client.isOpen) return;
  const late = (): Error => unavailable("Redis did not close in time.");
  await withDeadline(timeoutMs, undefined, late, () => client.close()).catch(() => client.destroy());
}

/** What a call has to wait for. A client that has given up is connected again. */
function connection(state: CallState): Promise<unknown> | undefined {
  if (state.isOurs && !state.isClosed && !state.client.isOpen) connect(state);
  return state.connecting;
}

function connect(state: CallState): void {
  const connecting = state.client.connect();
  const made = (): void => {
    if (state.connecting === connecting) state.connecting = undefined;
  };
  connecting.then(made, made);
  state.connecting = connecting;
}

/** Only a connection of our own, not while the client is reconnecting by itself, and not with every call. */
function renew(state: CallState): void {
  const { client, timeoutMs, isOurs, isClosed, connecting } = state;
  const isCluster = client.masters !== undefined;
  if (!isOurs || isClosed || !client.isOpen) return;
  if (!isCluster && (connecting !== undefined || client.isReady === false)) return;
  if (performance.now() - state.renewedAt < timeoutMs) return;
  state.renewedAt = performance.now();
  if (!isCluster || connecting !== undefined) reconnect(state);
  else void canConnect(state).then((can) => can && !state.isClosed && client.isOpen && reconnect(state));
}

function reconnect(state: CallState): void {
  state.silentSince.clear();
  state.client.destroy();
  connect(state);
}

/**
 * The client of a cluster serves no key before it has reached every node. So a copy of it goes first: while a node is
 * gone and none has taken its place, the old connections to the others are worth more than new ones.
 */
async function canConnect({ client, timeoutMs }: CallState): Promise<boolean> {
  const copy = client.duplicate?.();
  if (copy === undefined) return true;
  copy.on("error", () => undefined);
  copy.on("node-error", () => undefined);
  const late = (): Error => unavailable();
  const can = await withDeadline(timeoutMs, undefined, late, () => copy.connect()).then(
    () => true,
    () => false,
  );
  if (copy.isOpen) copy.destroy();
  return can;
}

function change<T>(
  state: CallState,
  { place, steps }: Asked,
  work: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
): Promise<T> {
  if (state.unanswered >= maxUnanswered) return Promise.reject(full());
  const { client, timeoutMs } = state;
  const server = primaryOf(client, place)?.address ?? "";
  return withDeadline(
    timeoutMs,
    undefined,
    () => late(state, server),
    (abortSignal) => {
      const commands = client.withCommandOptions({ abortSignal, timeout: 0, typeMapping: {} });
      return send(state, { server, steps, lateness: abortSignal }, () => work(commands), read);
    },
  );
}

function look<T>(
  state: CallState,
  { place, steps }: Asked,
  work: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
): Promise<T> {
  if (state.unanswered >= maxUnanswered) return Promise.reject(full());
  return new Promise((resolve, reject) => {
    const commands = (state.plain ??= state.client.withCommandOptions({ timeout: 0, typeMapping: {} }));
    const lateness: { aborted: boolean; reason?: unknown } = { aborted: false };
    const server = primaryOf(state.client, place)?.address ?? "";
    const timer = inBackground(
      setTimeout(() => {
        lateness.aborted = true;
        lateness.reason = late(state, server);
        reject(lateness.reason);
      }, state.timeoutMs),
    );
    send(state, { server, steps, lateness }, () => work(commands), read).then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (cause: unknown) => {
        clearTimeout(timer);
        reject(cause);
      },
    );
  });
}

function send<T>(
  state: CallState,
  call: SentCall,
  work: () => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
): Promise<T> {
  const { silentSince } = state;
  state.unanswered += call.steps;
  if (!silentSince.has(call.server)) silentSince.set(call.server, performance.now());
  const failed = (error: unknown): never => {
    state.unanswered -= call.steps;
    if (call.lateness.aborted) throw call.lateness.reason;
    silentSince.delete(call.server);
    throw refused(state, error);
  };
  try {
    return sent(state, call, work).then((reply) => {
      state.unanswered -= call.steps;
      if (!call.lateness.aborted) silentSince.delete(call.server);
      state.trouble = undefined;
      return understood(read(reply));
    }, failed);
  } catch (error) {
    return failed(error);
  }
}

function refused(state: CallState, error: unknown): HostedAgentIdentityError {
  const cause = mostTelling(state, error);
  if (leadsNowhere.has(refusal(cause) ?? "")) renew(state);
  return fromClient(cause);
}

function understood<T>(value: T | undefined): T {
  if (value === undefined) throw unavailable("Redis answered with something that makes no sense here.");
  return value;
}

/** At once, or when the connection is there and if there is time left. */
function sent(state: CallState, { lateness }: SentCall, work: () => Promise<unknown>): Promise<unknown> {
  const connecting = connection(state);
  if (connecting === undefined) return work();
  return connecting.then(() => {
    if (lateness.aborted) throw lateness.reason;
    return work();
  });
}

function late(state: CallState, server: string): HostedAgentIdentityError {
  const { silentSince, timeoutMs } = state;
  const since = silentSince.get(server);
  if (since !== undefined && performance.now() - since >= 3 * timeoutMs) renew(state);
  return inTrouble(state, `Redis did not answer within ${timeoutMs} ms`);
}

/** What the client says about its connection tells more than that no answer came. */
function inTrouble({ trouble }: CallState, said: string): HostedAgentIdentityError {
  if (refusal(trouble) !== undefined) return fromClient(trouble);
  const code = errno(trouble);
  return unavailable(code === undefined ? `${said}.` : `${said} (${code}).`);
}

/** A client that could not connect may say of its call only that it has ended. */
function mostTelling({ trouble }: CallState, error: unknown): unknown {
  return refusal(error) === undefined && refusal(trouble) !== undefined ? trouble : error;
}

function full(): HostedAgentIdentityError {
  return unavailable("Redis has not answered thousands of commands.");
}

/** The first word of a refusal of Redis; `undefined` for what the client says by itself. */
function refusal(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  // Redis 6 wraps what a command in a script was refused for: "ERR Error running script (…): -OOM …".
  return /: -([A-Z]+) /.exec(message)?.[1] ?? /^([A-Z]{2,}) /.exec(message)?.[1];
}

/** The error of a command, without what Redis repeats of the command. */
export function fromClient(error: unknown): HostedAgentIdentityError {
  const message = error instanceof Error ? error.message : String(error);
  const word = refusal(error);
  if (word === undefined) {
    return unavailable(`Redis could not be asked: ${errno(error) ?? JSON.stringify(message)}.`, {
      cause: error,
    });
  }
  const said = (message.split(/,? with args|script: 0x|script: [0-9a-f]{40}/)[0] ?? word).slice(0, 160);
  return unavailable(`Redis refused: ${JSON.stringify(said)}.`, replies[word]);
}

/** Refusals that another connection may not meet: it may lead to another server, or bring other credentials. */
const leadsNowhere: ReadonlySet<string> = new Set(["READONLY", "MASTERDOWN", "NOAUTH", "WRONGPASS"]);

/** Refusals of Redis that have a better next step than to try again, by the first word of the reply. */
const {
  OOM,
  MISCONF,
  READONLY,
  MASTERDOWN,
  LOADING,
  NOREPLICAS,
  CLUSTERDOWN,
  MOVED,
  NOAUTH,
  WRONGPASS,
  NOPERM,
} = storeUnavailableCauses;
const replies: Readonly<Record<string, ErrorCause>> = {
  OOM,
  MISCONF,
  READONLY,
  MASTERDOWN,
  LOADING,
  NOREPLICAS,
  CLUSTERDOWN,
  MOVED,
  ASK: MOVED,
  NOAUTH,
  WRONGPASS,
  NOPERM,
  WRONGTYPE: storeUnavailableCauses.WRONGTYPE,
};
