import { boundedMap } from "../async/bounded-map.js";
import { clocksOf } from "../async/clocks.js";
import { runWithoutUserContext } from "../context/ambient.js";
import { emit, type OnEvent } from "../events/events.js";
import { foundryEnvironment } from "../foundry/environment.js";
import { label, milliseconds, optional, orElse } from "../options/checks.js";
import { type OptionTable } from "../options/option-table.js";
import { encryptionKeysOption, keyring, type Keyring } from "../sealing/keyring.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import { ownerOfTokens, type TokenRequest, type TokenSource } from "../sources/token-source.js";
import { sharedStoreOption, storeCalls, type SharedTokenStore, type StoreCalls } from "./store-calls.js";

/**
 * A store behind the cache of one process, for tokens that were exchanged for a user token: another replica, or
 * the process after a restart, takes them from there and asks nobody. Values are encrypted, each with a key of
 * its own. A store that is down, slow, full or empty costs no token: they are exchanged as without it.
 *
 * Entry point: `hosted-agent-identity`. The guide Scaling says when it pays.
 *
 * @example
 * ```ts
 * import { onBehalfOf, userAccess, type EntraApp, type ProtectedResource, type SharedTokenStore } from "hosted-agent-identity";
 *
 * // `store`: a Keyv instance, for example.
 * export function access(app: EntraApp, contacts: ProtectedResource, store: SharedTokenStore) {
 *   const encryptionKeys = [process.env.TOKEN_CACHE_KEY ?? ""];
 *   return userAccess(contacts, [onBehalfOf(app)], { sharedCache: { store, encryptionKeys } });
 * }
 * ```
 * @group Tokens
 */
export interface SharedCacheOptions {
  /** Any Keyv instance, or `{ get, set(key, value, ttlMs), delete }`. */
  readonly store: SharedTokenStore;
  /**
   * 32 random bytes each, or their base64 form. The first seals, all of them open. The same in every replica. Never a
   * function, as it may be in `createSignIn()`: what a process cannot read costs an exchange and no sign-in, so new keys
   * can come with the next deployment.
   */
  readonly encryptionKeys: readonly (string | Uint8Array)[];
  /** How long the store may take for one answer, in milliseconds; then it counts as down. Default 250. */
  readonly timeoutMs?: number;
  /** Keeps this agent's tokens apart from another's in the same store. Default: `FOUNDRY_AGENT_NAME`, or `agent`. */
  readonly agentName?: string;
}

const defaultTimeoutMs = 250;

/** The options of `sharedCache` of `userAccess()`. */
export const sharedCacheOptions: OptionTable<SharedCacheOptions, "timeoutMs"> = {
  store: sharedStoreOption,
  encryptionKeys: encryptionKeysOption,
  timeoutMs: orElse(milliseconds(1, 60_000), defaultTimeoutMs),
  agentName: optional(label()),
};

/** What the shared cache of one access is made from. */
export interface SharedCacheWiring extends SharedCacheOptions {
  readonly resource: ProtectedResource;
  readonly now: () => number;
  readonly onEvent: OnEvent | undefined;
}

/** The part of a request that says which record is meant. */
export type SharedRecordOwner = Pick<TokenRequest, "context" | "assertion" | "scopes" | "claims">;

/** Everything that the calls of one shared cache share. */
export interface SharedCacheState {
  readonly wiring: SharedCacheWiring;
  readonly agent: string;
  readonly keys: Keyring;
  readonly calls: StoreCalls;
  /** Digests of tokens that the resource refused. */
  readonly refused: Map<string, true>;
  /** By principal: records of an older generation are not given any more. */
  readonly generations: Map<string, number>;
  /** What is being written, by record name. */
  readonly pending: Map<string, Promise<void>>;
}

export const purpose = "shared-token";
/** In characters. No record of ours is longer. */
export const maxSealed = 65_536;
const maxRefused = 1_000;
const maxGenerations = 10_000;

/** Makes the state of a shared cache. Asks the store for nothing. */
export function sharedCacheState(wiring: SharedCacheWiring): SharedCacheState {
  const { store, resource, now, onEvent } = wiring;
  return {
    wiring,
    agent: wiring.agentName ?? foundryEnvironment(process.env).agentName ?? "agent",
    keys: keyring(wiring.encryptionKeys),
    calls: storeCalls({
      store,
      timeoutMs: wiring.timeoutMs ?? defaultTimeoutMs,
      serverLabel: resource.serverLabel,
      age: clocksOf(now).age,
      onEvent,
    }),
    refused: boundedMap(maxRefused),
    generations: boundedMap(maxGenerations),
    pending: new Map(),
  };
}

/**
 * What a record belongs to: its key is derived from this, so it does not open as another's. `undefined` where the
 * source's tokens are not shared.
 */
export function bindingOf(
  { agent, wiring: { resource } }: SharedCacheState,
  source: TokenSource,
  { assertion, context, scopes, claims }: SharedRecordOwner,
): readonly string[] | undefined {
  // Only tokens that hang on the user token: a sign-in has a store of its own, where it can be ended.
  if (!source.cached || !source.usesAssertion || !source.provesUser) return undefined;
  if (assertion?.use !== "app" || context.principalKey === undefined) return undefined;
  const { kind, cacheScope } = source;
  // One record for all servers that get the same token. What is the developer's own may look at the address.
  const audiences = [...resource.audiences].sort();
  const place = JSON.stringify(ownerOfTokens(source) === undefined ? [resource.url] : { audiences });
  const demand = JSON.stringify([resource.scopes, scopes, claims]);
  return [agent, kind, cacheScope, context.principalKey, place, demand, assertion.hash];
}

/** What the generation of a principal belongs to: whoever is forgotten at one server is so at all of the agent's. */
export function generationBinding(state: SharedCacheState, principalKey: string): readonly string[] {
  return [state.agent, "generation", principalKey];
}

/** While keys are being replaced a record may stand under the name of either; the first is written. */
export function namesOf({ keys }: SharedCacheState, binding: readonly string[]): readonly string[] {
  return keys.namesOf(purpose, binding).map((name) => `hosted-agent-identity:${name}`);
}

/** What was sealed for this binding. Anything else that stands there is reported and not used. */
export function openRecord(state: SharedCacheState, binding: readonly string[], sealed: unknown): unknown {
  if (!isThere(sealed)) return undefined;
  const { resource, onEvent } = state.wiring;
  const value =
    typeof sealed === "string" && sealed.length <= maxSealed
      ? state.keys.open(purpose, binding, sealed)
      : undefined;
  if (value === undefined)
    emit(onEvent, { type: "shared_cache_unreadable", serverLabel: resource.serverLabel });
  return value;
}

/** Whether a store gave something: Keyv gives `undefined` for nothing, Redis `null`. */
export function isThere(read: unknown): boolean {
  return read !== undefined && read !== null;
}

/** Runs work that nobody waits for, one after the other for each record. */
export function runInBackground(
  { pending }: SharedCacheState,
  name: string,
  work: () => Promise<void>,
): void {
  const before = pending.get(name) ?? Promise.resolve();
  const after = runWithoutUserContext(() => before.then(work)).finally(() => {
    if (pending.get(name) === after) pending.delete(name);
  });
  pending.set(name, after);
}
