import { digest } from "../sealing/digest.js";
import type { AccessToken, TokenRequest, TokenSource } from "../sources/token-source.js";
import {
  bindingOf,
  generationBinding,
  isThere,
  maxSealed,
  namesOf,
  openRecord,
  purpose,
  runInBackground,
  sharedCacheState,
  type SharedCacheState,
  type SharedCacheWiring,
  type SharedRecordOwner,
} from "./shared-cache-state.js";
import { usableUntil } from "./token-cache.js";

/** Whether a token is one that its finder can use. */
export type AcceptShared = (token: AccessToken) => boolean;

/** The shared tokens of one access. No method throws, and each ends in time, whatever the store does. */
export interface SharedCache {
  /**
   * Looks for a token that meets the request and that `accept` takes. `undefined` when this source's tokens are
   * not shared, or the store cannot be used now.
   */
  find(source: TokenSource, request: TokenRequest, accept: AcceptShared): Promise<Found | undefined>;
  /** The resource refused this token: it is not given again, here or elsewhere. */
  forgetToken(sources: readonly TokenSource[], owner: SharedRecordOwner, token: string): void;
  /** Nothing that a principal was given until now is given again. */
  forgetPrincipal(principalKey: string): void;
  /** Waits until what is being written is there, no longer than the timeout. */
  close(): Promise<void>;
}

/** What a look at the store gave. */
export interface Found {
  readonly token: AccessToken | undefined;
  /** Shares what the source has given instead. Goes on in the background. */
  keep(token: AccessToken): void;
}

/** No token is shared for longer, so a generation need not be kept for longer either. */
const longestMs = 86_400_000;
const generationMs = longestMs + 3_600_000;

/** Makes the shared cache of one access. */
export function sharedCache(wiring: SharedCacheWiring): SharedCache {
  const state = sharedCacheState(wiring);
  return {
    find: (source, request, accept) => find(state, source, request, accept),
    forgetToken: (sources, owner, token) => forgetToken(state, sources, owner, token),
    forgetPrincipal: (principalKey) => forgetPrincipal(state, principalKey),
    async close() {
      await Promise.all(state.pending.values());
    },
  };
}

async function find(
  state: SharedCacheState,
  source: TokenSource,
  request: TokenRequest,
  accept: AcceptShared,
): Promise<Found | undefined> {
  const binding = bindingOf(state, source, request);
  const { principalKey } = request.context;
  if (binding === undefined || principalKey === undefined) return undefined;
  const names = namesOf(state, binding);
  const generationNames = namesOf(state, generationBinding(state, principalKey));
  const read = await state.calls.read([...names, ...generationNames]);
  if (read === undefined) return undefined;
  const generation = generationOf(state, principalKey, read.slice(names.length));
  const sealed = read.slice(0, names.length).find(isThere);
  const record = readSharedRecord(openRecord(state, binding, sealed));
  const holds = record !== undefined && isUsable(state, record, generation);
  const token = holds ? tokenOf(record, source.kind) : undefined;
  return {
    token: token !== undefined && accept(token) ? token : undefined,
    keep: (given) => keep(state, binding, generation, given),
  };
}

/** Whether a record may be given out. A write that comes late, or back from a replica of the store, may be of any age. */
function isUsable(
  { wiring: { now }, refused }: SharedCacheState,
  record: SharedRecord,
  generation: number,
): boolean {
  const isRefused = (token: string): boolean => refused.size > 0 && refused.has(digest(token));
  return record.until > now() && record.generation >= generation && !isRefused(record.token);
}

/** The generation of a principal; an unreadable one accepts nothing. */
function generationOf(state: SharedCacheState, principalKey: string, sealed: readonly unknown[]): number {
  const binding = generationBinding(state, principalKey);
  const stored = sealed.filter(isThere).map((text) => {
    const generation = openRecord(state, binding, text);
    return typeof generation === "number" ? generation : Number.POSITIVE_INFINITY;
  });
  return Math.max(state.generations.get(principalKey) ?? 0, ...stored);
}

function tokenOf({ token, expiresAt, refreshAt, useUntil }: SharedRecord, source: string): AccessToken {
  return { token, expiresAt, refreshAt, useUntil, source, shared: true };
}

function keep(
  state: SharedCacheState,
  binding: readonly string[],
  generation: number,
  given: AccessToken,
): void {
  const { keys, calls, wiring } = state;
  const { token, expiresAt, refreshAt, useUntil } = given;
  const time = wiring.now();
  const ttlMs = Math.min(usableUntil(given) - time, longestMs);
  if (ttlMs < 1 || !Number.isFinite(generation)) return;
  const until = time + ttlMs;
  const record: SharedRecord = { token, expiresAt, refreshAt, useUntil, until, generation };
  const [name = ""] = namesOf(state, binding);
  runInBackground(state, name, async () => {
    const sealed = keys.seal(purpose, binding, record);
    if (sealed.length <= maxSealed) await calls.write(name, sealed, Math.floor(ttlMs));
  });
}

function forgetToken(
  state: SharedCacheState,
  sources: readonly TokenSource[],
  owner: SharedRecordOwner,
  token: string,
): void {
  state.refused.set(digest(token), true);
  for (const source of sources) {
    const binding = bindingOf(state, source, owner);
    if (binding === undefined) continue;
    for (const name of namesOf(state, binding))
      runInBackground(state, name, () => removeToken(state, binding, name, token));
  }
}

/** Removes the record, unless another replica has put a good one there since. */
async function removeToken(
  state: SharedCacheState,
  binding: readonly string[],
  name: string,
  token: string,
): Promise<void> {
  const { calls } = state;
  const [sealed] = (await calls.read([name])) ?? [];
  if (readSharedRecord(openRecord(state, binding, sealed))?.token === token) await calls.remove(name);
}

function forgetPrincipal(state: SharedCacheState, principalKey: string): void {
  const binding = generationBinding(state, principalKey);
  const own = raiseGeneration(state, principalKey, state.generations.get(principalKey) ?? 0);
  // Under every name, for replicas that do not have the newest key yet.
  for (const name of namesOf(state, binding))
    runInBackground(state, name, () => writeGeneration(state, principalKey, name, own));
}

async function writeGeneration(
  state: SharedCacheState,
  principalKey: string,
  name: string,
  own: number,
): Promise<void> {
  const { calls, keys } = state;
  const binding = generationBinding(state, principalKey);
  const [sealed] = (await calls.read([name])) ?? [];
  const seen = isThere(sealed) ? openRecord(state, binding, sealed) : 0;
  // The clock of the replica that raised it last may be ahead of ours.
  const isAhead = typeof seen === "number" && seen >= own;
  const generation = isAhead ? raiseGeneration(state, principalKey, seen) : own;
  await calls.write(name, keys.seal(purpose, binding, generation), generationMs);
}

function raiseGeneration(state: SharedCacheState, principalKey: string, seen: number): number {
  const generation = Math.max(state.wiring.now(), seen + 1);
  state.generations.set(principalKey, generation);
  return generation;
}

/** One shared token as it is sealed. What it belongs to is repeated beside it by the keyring. */
interface SharedRecord {
  readonly token: string;
  /** As in `AccessToken`, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly refreshAt?: number | undefined;
  readonly useUntil?: number | undefined;
  /** Until when it may be given out of the store: the store's own clock is not asked. */
  readonly until: number;
  /** Of the principal, when the store was looked into. Older than the principal's own: not given any more. */
  readonly generation: number;
}

/** The record in an opened value, or `undefined` for one that another version may have written. */
export function readSharedRecord(value: unknown): SharedRecord | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as { readonly [name in keyof SharedRecord]?: unknown };
  const { token, expiresAt, refreshAt, useUntil, until, generation } = record;
  if (typeof token !== "string" || typeof expiresAt !== "number" || typeof until !== "number")
    return undefined;
  if (typeof generation !== "number" || !isOptionalNumber(refreshAt) || !isOptionalNumber(useUntil))
    return undefined;
  return value as SharedRecord;
}

function isOptionalNumber(value: unknown): boolean {
  return value === undefined || typeof value === "number";
}
