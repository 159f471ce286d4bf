import type { Mutant } from "./mutant.js";

const cacheTests = ["test/tokens/shared-cache.test.ts"];
const interleavings = ["test/tokens/shared-cache-interleavings.test.ts"];

/** The guards of the cache that replicas share. */
export const sharedCacheMutants: readonly Mutant[] = [
  {
    name: "shared-token-of-another-person",
    rule: 4,
    find: "return [agent, kind, cacheScope, context.principalKey, place, demand, assertion.hash];",
    replace: "return [agent, kind, cacheScope, place, demand];",
    tests: interleavings,
  },
  {
    name: "shared-token-of-another-user-token",
    rule: 4,
    find: "place, demand, assertion.hash];",
    replace: "place, demand];",
    tests: cacheTests,
  },
  {
    name: "shared-token-of-another-agent",
    rule: 10,
    find: "return [agent, kind,",
    replace: "return [kind,",
    tests: cacheTests,
  },
  {
    name: "shared-records-in-clear",
    rule: 10,
    find: "const sealed = keys.seal(purpose, binding, record);",
    replace: "const sealed = JSON.stringify(record);",
    tests: cacheTests,
  },
  {
    name: "sign-ins-in-the-shared-cache",
    rule: 8,
    find: "if (!source.cached || !source.usesAssertion || !source.provesUser) return undefined;",
    replace: "if (!source.cached || !source.provesUser) return undefined;",
    tests: cacheTests,
  },
  {
    name: "unproven-tokens-in-the-shared-cache",
    rule: 14,
    find: " || !source.provesUser) return undefined;",
    replace: ") return undefined;",
    tests: cacheTests,
  },
  {
    name: "shared-tokens-for-a-token-of-a-resource",
    rule: 2,
    find: 'if (assertion?.use !== "app" || context.principalKey === undefined) return undefined;',
    replace: "if (assertion === undefined || context.principalKey === undefined) return undefined;",
    tests: cacheTests,
  },
  {
    name: "shared-token-without-the-claims",
    rule: 4,
    find: "JSON.stringify([resource.scopes, scopes, claims]);",
    replace: "JSON.stringify([resource.scopes, scopes]);",
    tests: cacheTests,
  },
  {
    name: "shared-token-without-the-scopes",
    rule: 4,
    find: "JSON.stringify([resource.scopes, scopes, claims]);",
    replace: "JSON.stringify([resource.scopes, claims]);",
    tests: cacheTests,
  },
  {
    name: "late-write-of-a-shared-token",
    rule: 10,
    find: "record.generation >= generation &&",
    replace: "",
    tests: cacheTests,
  },
  {
    name: "shared-token-after-its-end",
    rule: 11,
    find: "record.until > now() &&",
    replace: "",
    tests: cacheTests,
  },
  {
    name: "refused-token-out-of-the-store-again",
    rule: 6,
    find: "!isRefused(record.token)",
    replace: "true",
    tests: [...interleavings, ...cacheTests],
  },
  {
    name: "refused-token-answered-with-another-old-one",
    rule: 6,
    find: "isNew(token) && !isSuccessor(key) && !(plain && recentlyRejectedKeys.has(base));",
    replace: "isNew(token);",
    tests: cacheTests,
  },
  {
    name: "newer-shared-token-thrown-away",
    rule: 6,
    find: "if (readSharedRecord(openRecord(state, binding, sealed))?.token === token) await",
    replace: "await",
    tests: cacheTests,
  },
  {
    name: "shared-store-without-a-deadline",
    rule: 11,
    in: "storeCalls",
    find: "await withDeadline(",
    replace:
      "await ((_ms: number, _signal: undefined, _late: () => Error, work: () => Promise<T>) => work())(",
    tests: cacheTests,
  },
  {
    name: "shared-store-asked-in-every-call-of-an-outage",
    rule: 11,
    find: "if (probing || isPaused()) return false;",
    replace: "",
    tests: cacheTests,
  },
  {
    name: "refresh-with-the-old-shared-token",
    rule: 6,
    find: "(refreshAt ?? expiresAt) > now();",
    replace: "expiresAt > now() || refreshAt === undefined;",
    tests: cacheTests,
  },
];
