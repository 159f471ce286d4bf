import { runWithoutUserContext } from "../context/ambient.js";
import { digest } from "../sealing/digest.js";
import { clocksOf } from "../async/clocks.js";
import { emit, type OnEvent } from "../events/events.js";
import { label, milliseconds, optional, orElse } from "../options/checks.js";
import { type OptionTable } from "../options/option-table.js";
import { foundryEnvironment } from "../foundry/environment.js";
import { encryptionKeysOption, keyring } from "../sealing/keyring.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import { readSharedRecord, type SharedRecord } from "./shared-record.js";
import { sharedStoreOption, storeCalls, type SharedTokenStore } from "./store-calls.js";
import { usableUntil } from "./token-cache.js";
import type { AccessToken, TokenRequest, TokenSource } from "../sources/token-source.js";

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
  /** 32 random bytes each, or their base64 form. The first seals, all of them open. The same in every replica. */
  readonly encryptionKeys: readonly (string | Uint8Array)[];
  /** How long the store may take for one answer, in milliseconds; then it counts as down. Default 250. */
  readonly timeoutMs?: number;
  /** Keeps this agent's tokens apart from another's in the same store. Default: `FOUNDRY_AGENT_NAME`, or `agent`. */
  readonly agentName?: string;
}

const defaultTimeoutMs = 250;

/** The options of {@link sharedCache}. */
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
export type SharedRecordOwner = Pick<TokenRequest, "context" | "assertion">;

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

const purpose = "shared-token";
/** No token is shared for longer, so that an generation need not be kept for longer either. */
const longestMs = 86_400_000;
const generationMs = longestMs + 3_600_000;
/** In characters. Whatever is longer is none of ours. */
export const maxSealed = 65_536;
const maxRefused = 1_000;
const maxGenerations = 10_000;

/** Makes it. */
export function sharedCache(wiring: SharedCacheWiring): SharedCache {
  const { store, resource, now, onEvent } = wiring;
  const { serverLabel } = resource;
  const agent = wiring.agentName ?? foundryEnvironment(process.env).agentName ?? "agent";
  const keys = keyring(wiring.encryptionKeys);
  const calls = storeCalls({
    store,
    timeoutMs: wiring.timeoutMs ?? defaultTimeoutMs,
    serverLabel,
    age: clocksOf(now).age,
    onEvent,
  });
  const refused = new Set<string>();
  const generations = new Map<string, number>();
  const pending = new Map<string, Promise<void>>();

  /** What a record belongs to: its key is derived from this, and it does not open as another's. */
  const bindingOf = (source: TokenSource, owner: SharedRecordOwner): readonly string[] | undefined => {
    const { assertion, context } = owner;
    // Only what hangs on the user token: a sign-in has a store of its own, and can be ended there.
    if (!source.cached || !source.usesAssertion || !source.provesUser) return undefined;
    if (assertion?.use !== "app" || context.principalKey === undefined) return undefined;
    const { kind, cacheScope } = source;
    const scopes = JSON.stringify(resource.scopes);
    return [agent, kind, cacheScope, context.principalKey, resource.url, scopes, assertion.hash];
  };
  const generationBinding = (principalKey: string): readonly string[] => [
    agent,
    "generation",
    principalKey,
    resource.url,
  ];
  /** While keys are being replaced a record may stand under the name of either; the first is written. */
  const namesOf = (binding: readonly string[]): readonly string[] =>
    keys.namesOf(purpose, binding).map((name) => `hosted-agent-identity:${name}`);

  const opened = (binding: readonly string[], sealed: unknown): unknown => {
    if (sealed === undefined || sealed === null) return undefined;
    const value =
      typeof sealed === "string" && sealed.length <= maxSealed
        ? keys.open(purpose, binding, sealed)
        : undefined;
    if (value === undefined) emit(onEvent, { type: "shared_cache_unreadable", serverLabel });
    return value;
  };

  /** The generation of a principal; an unreadable one accepts nothing. */
  const generationOf = (principalKey: string, sealed: readonly unknown[]): number => {
    const stored = sealed.filter(isThere).map((text) => opened(generationBinding(principalKey), text));
    const known = stored.map((generation) =>
      typeof generation === "number" ? generation : Number.POSITIVE_INFINITY,
    );
    return Math.max(generations.get(principalKey) ?? 0, ...known);
  };

  /** Work nobody waits for, in its order for each record. */
  const inBackground = (name: string, work: () => Promise<void>): void => {
    const before = pending.get(name) ?? Promise.resolve();
    const after = runWithoutUserContext(() => before.then(work)).finally(() => {
      if (pending.get(name) === after) pending.delete(name);
    });
    pending.set(name, after);
  };

  const isRefused = (token: string): boolean => refused.size > 0 && refused.has(digest(token));

  const keep = (
    binding: readonly string[],
    { scopes, claims }: TokenRequest,
    generation: number,
    given: AccessToken,
  ): void => {
    const { token, expiresAt, refreshAt, useUntil } = given;
    const ttlMs = Math.min(usableUntil(given) - now(), longestMs);
    if (ttlMs < 1 || !Number.isFinite(generation)) return;
    const until = now() + ttlMs;
    const record: SharedRecord = { token, expiresAt, refreshAt, useUntil, until, scopes, claims, generation };
    const [name = ""] = namesOf(binding);
    inBackground(name, async () => {
      const sealed = keys.seal(purpose, binding, record);
      if (sealed.length <= maxSealed) await calls.write(name, sealed, Math.floor(ttlMs));
    });
  };

  return {
    async find(source, request, accept) {
      const binding = bindingOf(source, request);
      const { principalKey } = request.context;
      if (binding === undefined || principalKey === undefined) return undefined;
      const names = namesOf(binding);
      const read = await calls.read([...names, ...namesOf(generationBinding(principalKey))]);
      if (read === undefined) return undefined;
      const generation = generationOf(principalKey, read.slice(names.length));
      const record = readSharedRecord(opened(binding, read.slice(0, names.length).find(isThere)));
      // A write that comes late, or back from a replica of the store, may be of any age: see for ourselves.
      const holds =
        record !== undefined &&
        record.until > now() &&
        record.generation >= generation &&
        meets(record, request) &&
        !isRefused(record.token);
      const token = holds ? tokenOf(record, source.kind) : undefined;
      return {
        token: token !== undefined && accept(token) ? token : undefined,
        keep: (given) => keep(binding, request, generation, given),
      };
    },

    forgetToken(sources, owner, token) {
      refused.add(digest(token));
      if (refused.size > maxRefused) refused.delete(refused.values().next().value ?? "");
      for (const source of sources) {
        const binding = bindingOf(source, owner);
        if (binding === undefined) continue;
        for (const name of namesOf(binding))
          inBackground(name, async () => {
            const [sealed] = (await calls.read([name])) ?? [];
            // Another replica may have put a good one there since.
            if (readSharedRecord(opened(binding, sealed))?.token === token) await calls.remove(name);
          });
      }
    },

    forgetPrincipal(principalKey) {
      const binding = generationBinding(principalKey);
      const raise = (seen: number): number => {
        const generation = Math.max(now(), seen + 1);
        generations.delete(principalKey);
        generations.set(principalKey, generation);
        if (generations.size > maxGenerations)
          generations.delete(generations.keys().next().value ?? principalKey);
        return generation;
      };
      const own = raise(generations.get(principalKey) ?? 0);
      // Under every name, for replicas that do not have the newest key yet.
      for (const name of namesOf(binding))
        inBackground(name, async () => {
          const [sealed] = (await calls.read([name])) ?? [];
          const seen = isThere(sealed) ? opened(binding, sealed) : 0;
          // The clock of who raised it last may be ahead of ours.
          const generation = typeof seen === "number" && seen >= own ? raise(seen) : own;
          await calls.write(name, keys.seal(purpose, binding, generation), generationMs);
        });
    },

    async close() {
      await Promise.all(pending.values());
    },
  };
}

/** Whether a record's token was asked for with what is asked for now. */
function meets(record: SharedRecord, { scopes, claims }: TokenRequest): boolean {
  return (
    (claims === undefined || claims === record.claims) &&
    scopes.every((scope) => record.scopes.includes(scope))
  );
}

function tokenOf({ token, expiresAt, refreshAt, useUntil }: SharedRecord, source: string): AccessToken {
  return {
    token,
    expiresAt,
    source,
    shared: true,
    ...(refreshAt === undefined ? {} : { refreshAt }),
    ...(useUntil === undefined ? {} : { useUntil }),
  };
}

function isThere(read: unknown): boolean {
  return read !== undefined && read !== null;
}
