import { hash } from "node:crypto";
import { runWithoutUserContext } from "../../context/ambient.js";
import type { RedisCalls } from "./redis-calls.js";
import type { RedisClient, RedisCommands } from "./redis-client.js";

/** One atomic step on one key. */
export interface RedisStep {
  readonly key: string;
  /** What the script reads: the name of the step, then its values. */
  readonly values: readonly string[];
  /** The one command that does the same, where there is one. */
  readonly alone?: (commands: RedisCommands) => Promise<unknown>;
  /** Whether it only reads: it does no harm when it is sent late. */
  readonly isLook?: boolean;
}

/** Runs steps on the keys of one store. */
export interface RedisSteps {
  run<T>(step: RedisStep, read: (reply: unknown) => T | undefined): Promise<T>;
  /** Sends what is waiting. */
  flush(): void;
}

/** A script occupies the whole server, so it is kept short. */
const maxTogether = 64;

interface Waiting {
  readonly step: RedisStep;
  resolve(reply: unknown): void;
  reject(cause: unknown): void;
}

/**
 * Steps that begin in the same turn of the event loop are sent as one command, each atomic by itself: what one sign-in
 * reads at the same time, and what many people do at the same time. The first ones leave at once, the others before the
 * client writes, so nobody waits for it. Not on a cluster, whose commands reach one slot, and not through a proxy that
 * refuses keys of several slots.
 */
export function redisSteps(client: RedisClient, calls: RedisCalls): RedisSteps {
  let waiting: Waiting[] = [];
  let hasTurn = false;
  let goTogether = true;

  const one = ({ step, resolve, reject }: Waiting): void => {
    const { key, values, alone, isLook = false } = step;
    const work = alone ?? ((commands: RedisCommands) => runScript(commands, [key], values).then(first));
    const call = isLook ? calls.look : calls.change;
    call(key, work, asAnswer).then((answer) => settle(resolve, reject, answer.reply), reject);
  };
  const settle = (
    resolve: (reply: unknown) => void,
    reject: (cause: unknown) => void,
    reply: unknown,
  ): void => {
    if (reply instanceof Error) reject(calls.refused(reply));
    else resolve(reply);
  };
  const several = (group: readonly Waiting[]): void => {
    const keys = group.map(({ step }) => step.key);
    const values = group.flatMap(({ step }) => step.values);
    const call = group.every(({ step }) => step.isLook) ? calls.look : calls.change;
    const work = (commands: RedisCommands): Promise<unknown> =>
      runScript(commands, keys, values).catch((cause: unknown) => {
        if (!isReply(cause, "CROSSSLOT")) throw cause;
        goTogether = false;
        return undefined;
      });
    const read = (reply: unknown): { readonly replies: readonly unknown[] | undefined } | undefined => {
      if (reply === undefined) return { replies: undefined };
      return Array.isArray(reply) && reply.length === group.length ? { replies: reply } : undefined;
    };
    call(keys[0] ?? "", work, read, group.length).then(
      ({ replies }) =>
        group.forEach((each, n) => {
          if (replies === undefined) one(each);
          else settle(each.resolve, each.reject, replies[n]);
        }),
      (cause: unknown) => group.forEach(({ reject }) => reject(cause)),
    );
  };
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    const size = goTogether && client.masters === undefined ? maxTogether : 1;
    for (let from = 0; from < all.length; from += size) {
      const group = all.slice(from, from + size);
      const [only] = group;
      if (group.length === 1 && only !== undefined) one(only);
      else several(group);
    }
  };
  const beginTurn = (): void => {
    hasTurn = true;
    // Before the client's own, which it asks for when the first steps are handed to it: this one runs earlier.
    setImmediate(() => {
      hasTurn = false;
      flush();
    });
    // When everything has run that can run now.
    queueMicrotask(() => process.nextTick(flush));
  };

  return {
    run(step, read) {
      return new Promise<unknown>((resolve, reject) => {
        waiting.push({ step, resolve, reject });
        // They are everybody's, so they are sent in nobody's name.
        if (!hasTurn) runWithoutUserContext(beginTurn);
      }).then((reply) => calls.understood(read(reply)));
    },
    flush,
  };
}

/** Wrapped, because a step may well be answered with nothing. */
const asAnswer = (reply: unknown): { readonly reply: unknown } => ({ reply });

const first = (replies: unknown): unknown => (Array.isArray(replies) ? (replies as unknown[])[0] : replies);

function isReply(cause: unknown, word: string): boolean {
  return cause instanceof Error && cause.message.startsWith(`${word} `);
}

/** By its name. A server that does not know it, for it was restarted or replaced, is sent the text. */
function runScript(
  commands: RedisCommands,
  keys: readonly string[],
  values: readonly string[],
): Promise<unknown> {
  const options = { keys: [...keys], arguments: [...values] };
  return commands.evalSha(scriptName, options).catch((cause: unknown) => {
    if (!isReply(cause, "NOSCRIPT")) throw cause;
    return commands.eval(script, options);
  });
}

/** In characters: of a SHA-256, 132 bits, and what shows that it is there. */
const markLength = 23;

/**
 * A value as it is stored: with a mark in front, so that a compare has to send no more than that. Two values with one
 * mark would have to be made on purpose, and nobody chooses these: they are sealed with a random nonce, or are marks of
 * our own. A counter is stored as it is, for Redis counts it.
 */
export function storedForm(value: string): string {
  const mark = markOf(value);
  return mark === value ? value : `${mark}${value}`;
}

/** What a value's stored form begins with; all of a counter. */
export function markOf(value: string): string {
  return isCounter(value) ? value : `#${hash("sha256", value, "base64url").slice(0, markLength - 1)}`;
}

/**
 * Whether a value may be what is stored although its mark is not: a text of this length that somebody has put there, or
 * changed. It has to be compared as a whole, or nobody could ever replace it.
 */
export function mayBeUnmarked(value: string, storedBytes: number): boolean {
  const bytes = Buffer.byteLength(value);
  if (storedBytes !== bytes && storedBytes !== bytes + markLength) return false;
  // What is stored for another value is not this one.
  return !value.startsWith("#") || storedForm(valueIn(value)) !== value;
}

/** The value in its stored form. */
export function valueIn(stored: string): string {
  return stored.startsWith("#") && stored.length >= markLength ? stored.slice(markLength) : stored;
}

function isCounter(value: string): boolean {
  return value.length <= 16 && /^\d+$/.test(value);
}

// For each key: the name of its step, and its values. A missing key is `false`, and an empty text to GETRANGE. What Redis refuses is the answer of its
// step alone. A step that may change something writes in every case, be it nothing: otherwise a server that was demoted
// would answer from what it has, where it refuses what writes.
export const script = `
local function isError(reply) return type(reply)=='table' and reply.err~=nil end
local function unchanged(key,reply)
local nothing=redis.pcall('SETRANGE',key,0,'')
if isError(nothing) then return nothing end
return reply
end
local function write(key,value,ttl)
local written=redis.pcall('SET',key,value,'PX',ttl)
if isError(written) then return written end
return 1
end
local steps={
get=function(key) return redis.pcall('GET',key),0 end,
new=function(key,at) return redis.pcall('SET',key,ARGV[at],'NX','PX',ARGV[at+1]),2 end,
swap=function(key,at)
local mark=redis.pcall('GETRANGE',key,0,22)
if isError(mark) then return mark,3 end
if mark~=ARGV[at] then return unchanged(key,-redis.call('STRLEN',key)),3 end
return write(key,ARGV[at+1],ARGV[at+2]),3
end,
whole=function(key,at)
local live=redis.pcall('GET',key)
if isError(live) then return live,3 end
local isSame=live and (live==ARGV[at] or (string.sub(live,1,1)=='#' and string.sub(live,24)==ARGV[at]))
if not isSame then return unchanged(key,0),3 end
return write(key,ARGV[at+1],ARGV[at+2]),3
end,
count=function(key,at)
local count=redis.pcall('INCR',key)
if not isError(count) and redis.call('PTTL',key)<0 then redis.call('PEXPIRE',key,ARGV[at]) end
return count,1
end,
take=function(key)
local live=redis.pcall('GET',key)
if isError(live) then return live,0 end
local gone=redis.pcall('DEL',key)
if isError(gone) then return gone,0 end
return live,0
end,
drop=function(key) return redis.pcall('DEL',key),0 end
}
local replies={}
local at=1
for n,key in ipairs(KEYS) do
local reply,values=steps[ARGV[at]](key,at+1)
replies[n]=reply
at=at+1+values
end
return replies`;

/** What Redis calls this script. Nothing but its name depends on the digest that Redis makes it with. */
export const scriptName = "bbadcc40f7852b5afc1f570d5ffc9745b91d9b8a";
