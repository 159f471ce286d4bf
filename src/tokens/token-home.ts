import { boundedMap } from "../async/bounded-map.js";
import type { Clocks } from "../async/clocks.js";
import { settleOrAbort } from "../async/deadline.js";
import { forgottenPrincipals, type Forgotten } from "../context/internals.js";
import { digest } from "../sealing/digest.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import {
  ownerOfTokens,
  type AccessToken,
  type TokenAnswer,
  type TokenSource,
} from "../sources/token-source.js";
import { tokenCache, type TokenCache, type TokenCacheLimits } from "./token-cache.js";

/** What is being fetched: one flight for each principal and full key. */
export interface Flights<T = AccessToken> {
  /** The flight that is under way for this key, or a new one. */
  join(principalKey: string, key: string, fetch: (mayKeep: MayKeep) => Promise<T>): Promise<T>;
  /** Callers after this join none of the principal's flights, and nothing that those bring is kept. */
  forgetPrincipal(principalKey: string): void;
  /** This token is not kept, if a flight of the principal brings it. */
  forgetToken(principalKey: string, token: string): void;
}

/** Whether what a flight brings may still be kept: this token, or without one whatever else it learned. */
export type MayKeep = (token?: string) => boolean;

interface Flight<T> {
  /** `undefined` only while it begins. */
  work: Promise<T> | undefined;
  readonly dropped: Set<string>;
  forgotten: boolean;
}

/** Starts with no flight. Holds only those under way. */
export function flights<T>(): Flights<T> {
  const byPrincipal = new Map<string, Map<string, Flight<T>>>();

  const landed = (principalKey: string, key: string, flight: Flight<T>): void => {
    const own = byPrincipal.get(principalKey);
    // After a forget() another one may fly under this key.
    if (own?.get(key) !== flight) return;
    own.delete(key);
    if (own.size === 0) byPrincipal.delete(principalKey);
  };

  return {
    join(principalKey, key, fetch) {
      const own = byPrincipal.get(principalKey) ?? new Map<string, Flight<T>>();
      const known = own.get(key)?.work;
      if (known !== undefined) return known;
      const flight: Flight<T> = { work: undefined, dropped: new Set(), forgotten: false };
      // Before the work begins: a source may forget at once.
      own.set(key, flight);
      byPrincipal.set(principalKey, own);
      const work = fetch((token) => !flight.forgotten && (token === undefined || !flight.dropped.has(token)));
      flight.work = work;
      const settled = (): void => landed(principalKey, key, flight);
      work.then(settled, settled);
      return work;
    },
    forgetPrincipal(principalKey) {
      for (const flight of byPrincipal.get(principalKey)?.values() ?? []) flight.forgotten = true;
      byPrincipal.delete(principalKey);
    },
    forgetToken(principalKey, token) {
      for (const flight of byPrincipal.get(principalKey)?.values() ?? []) flight.dropped.add(token);
    },
  };
}

/**
 * Where all accesses of an app keep the tokens that they can share: what is exchanged for one server's audiences and
 * scopes serves every other server that has the same.
 */
export interface TokenHome {
  readonly cache: TokenCache;
  readonly inFlight: Flights<TokenAnswer>;
  /**
   * Waits for a flight no longer than the signal allows. Nobody's leaving shortens it for the others: `ends`, which came
   * with whoever began it, is aborted when all have left.
   */
  waitFor(
    work: Promise<TokenAnswer>,
    ends: AbortController | undefined,
    signal: AbortSignal,
  ): Promise<TokenAnswer>;
  /** Who was forgotten, at whichever access. */
  readonly forgotten: Forgotten;
  /** Nothing that a principal was given until now is given again, at no access. */
  forgetPrincipal(principalKey: string): void;
  /** Keeps a token, while an access is there that may give it. */
  keep(key: string, principalKey: string, token: AccessToken): void;
  /** One more access keeps its tokens here. The returned function ends that: the last one takes the tokens with it. */
  enter(limits: TokenCacheLimits): () => void;
}

/** What the home of an owner is made with. Accesses whose clocks differ share nothing. */
export interface TokenHomeOptions {
  readonly now: () => number;
  readonly random: () => number;
  readonly clocks: Clocks;
}

/** How many tokens are kept in place of one that some servers have refused. */
const maxSuccessors = 4;

const homes = new WeakMap<object, WeakMap<() => number, TokenHome>>();

/** The home of an owner's tokens. It goes when the owner goes. */
export function tokenHomeOf(owner: object, options: TokenHomeOptions): TokenHome {
  const byClock = homes.get(owner) ?? new WeakMap<() => number, TokenHome>();
  homes.set(owner, byClock);
  const home = byClock.get(options.now) ?? tokenHome(options);
  byClock.set(options.now, home);
  return home;
}

function tokenHome({ random, clocks }: TokenHomeOptions): TokenHome {
  const cache = tokenCache({ maxEntries: 0, maxBytes: 0 }, random, clocks);
  const inFlight = flights<TokenAnswer>();
  const forgotten = forgottenPrincipals();
  const waiting = new WeakMap<Promise<TokenAnswer>, { readonly ends: AbortController; callers: number }>();
  let accesses = 0;
  return {
    cache,
    inFlight,
    async waitFor(work, ends, signal) {
      if (ends !== undefined) waiting.set(work, { ends, callers: 0 });
      const known = waiting.get(work);
      if (known !== undefined) known.callers += 1;
      try {
        return await settleOrAbort(work, signal);
      } finally {
        // The last one leaves because the work has ended, or before: only then is there something to end.
        if (known !== undefined && (known.callers -= 1) === 0 && signal.aborted)
          known.ends.abort(signal.reason);
      }
    },
    forgotten,
    forgetPrincipal(principalKey) {
      forgotten.add(principalKey);
      inFlight.forgetPrincipal(principalKey);
      cache.deletePrincipal(principalKey);
    },
    keep(key, principalKey, token) {
      if (accesses === 0 || !maySucceed(key, token.token)) return;
      cache.set(key, principalKey, token);
      const root = rootOf(key);
      if (root === key) return;
      // A server that refuses every token would fill what is everybody's.
      const successors = cache.keysOf(principalKey).filter((one) => one !== root && rootOf(one) === root);
      for (const old of successors.slice(0, -maxSuccessors)) cache.delete(old);
    },
    enter(limits) {
      accesses += 1;
      cache.widen(limits);
      let inside = true;
      return () => {
        if (inside) accesses -= 1;
        inside = false;
        if (accesses === 0) cache.clear();
      };
    },
  };
}

/** Tokens that all accesses of an app share, and the sources whose tokens they are. */
export interface SharedBetweenServers {
  readonly home: TokenHome;
  readonly sources: readonly TokenSource[];
}

/**
 * What an access shares: tokens of the sources that only look at the user token, audiences and scopes. A source after
 * one that looks at more shares nothing: its tokens are for users to whom that one gave none.
 */
export function sharedBetweenServers(
  sources: readonly TokenSource[],
  options: TokenHomeOptions,
): SharedBetweenServers | undefined {
  const end = sources.findIndex((source) => ownerOfTokens(source) === undefined);
  const shared = sources.slice(0, end < 0 ? sources.length : end).filter(({ cached }) => cached);
  const [owner] = shared.map(ownerOfTokens);
  if (owner === undefined) return undefined;
  return { home: tokenHomeOf(owner, options), sources: shared };
}

/** Equal for accesses whose sources give the same user the same token. The server's address is not part of it. */
export function keyPartsOf(
  { audiences, scopes, sameTrust }: ProtectedResource,
  sources: readonly TokenSource[],
): string {
  const ways = sources.map((source) => [source.kind, source.cacheScope, numberOf(ownerOfTokens(source))]);
  return digest(ways, [...audiences].sort(), scopes, sameTrust);
}

const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Sets apps apart that have the same client id. */
function numberOf(owner: object | undefined): number {
  if (owner === undefined) return 0;
  const number = numbers.get(owner) ?? (lastNumber += 1);
  numbers.set(owner, number);
  return number;
}

/** What a token was asked for with, beyond the scopes of the resource. */
export interface AskedMore {
  readonly claims?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/**
 * What one server has taught about tokens that other servers get, too: the keys of those that it gets instead. A token
 * that it has refused has a successor under a key of its own, which serves every server that refuses the same token.
 */
export interface ServerKeys {
  /** Under which key this server's token is, for the key of the one that all servers get. */
  of(key: string): string;
  /** The demand of this server that its tokens for the plain key have to meet. */
  demandOf(plainKey: string): Demand | undefined;
  demands(plainKey: string, demand: Demand | undefined): void;
  /** The server has refused a principal's token: it gets the successors of all that have this text. */
  refused(principalKey: string, token: string): void;
  /** Whether there may be any. */
  readonly differ: boolean;
}

/** A token that meets it is kept under this key. */
interface Demand extends AskedMore {
  readonly key: string;
}

interface Successor {
  /** The serial of the entry that was refused, and the digest of its token: what takes its place was not refused. */
  serial: number;
  readonly token: string;
  readonly key: string;
}

const maxKeys = 1_000;
/** In characters. A longer demand is not remembered: the server makes it again. */
const maxDemand = 2_048;

/** Starts with what all servers get. `prefix`: how the principal's keys of this kind of server begin. */
export function serverKeys(
  cache: TokenCache | undefined,
  prefix: (principalKey: string) => string,
): ServerKeys {
  const successors = boundedMap<string, Successor>(maxKeys);
  const demands = boundedMap<string, Demand>(maxKeys);
  const keys: ServerKeys & { differ: boolean } = {
    // Not a getter: it is asked for every token.
    differ: false,
    of(key) {
      const successor = successors.get(key);
      if (successor === undefined) return key;
      const entry = cache?.get(key);
      if (entry?.serial === successor.serial) return successor.key;
      if (entry !== undefined && digest(entry.token.token) === successor.token) {
        successor.serial = entry.serial;
        return successor.key;
      }
      successors.delete(key);
      return key;
    },
    demandOf: (plainKey) => demands.get(plainKey),
    demands(plainKey, demand) {
      const { claims = "", scopes = [] } = demand ?? {};
      const isSmall = scopes.reduce((sum, scope) => sum + scope.length, claims.length) <= maxDemand;
      if (demand === undefined || !isSmall) return void demands.delete(plainKey);
      demands.set(plainKey, demand);
      keys.differ = true;
    },
    refused(principalKey, token) {
      const begin = prefix(principalKey);
      for (const key of cache?.keysOf(principalKey) ?? []) {
        if (!key.startsWith(begin) || cache?.get(key)?.token.token !== token) continue;
        const root = rootOf(key);
        const refused = cache.get(root);
        if (refused === undefined) continue;
        const { serial, token: first } = refused;
        successors.set(root, { serial, token: digest(first.token), key: successorKey(root, token) });
        keys.differ = true;
      }
    },
  };
  return keys;
}

/** Under which key stands what is fetched in place of a refused token. */
function successorKey(key: string, refused: string): string {
  return `${key} after ${digest(refused)}`;
}

/** Whether a token may stand under a key: not as its own successor. */
export function maySucceed(key: string, token: string): boolean {
  return !isSuccessor(key) || !key.endsWith(` after ${digest(token)}`);
}

/** Whether the key is that of a successor. */
export function isSuccessor(key: string): boolean {
  return rootOf(key) !== key;
}

function rootOf(key: string): string {
  return key.replace(/ after [\w-]{43}$/, "");
}
