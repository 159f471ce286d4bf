import type { Mutant } from "./mutant.js";

const tests = ["test/sign-in/stores/redis.test.ts"];
const failover = ["test/sign-in/stores/redis-failover.test.ts"];
const replicas = ["test/sign-in/stores/redis-replicas.test.ts"];
const cluster = ["test/sign-in/stores/redis-cluster.test.ts"];

/** What keeps sign-ins with the Redis that has them. */
export const redisMutants: readonly Mutant[] = [
  {
    name: "a-connection-to-a-demoted-redis-is-kept",
    rule: 11,
    find: 'if (leadsNowhere.has(refusal(cause) ?? "")) renew(state);',
    replace: "",
    tests: failover,
  },
  {
    name: "a-connection-to-a-silent-redis-is-kept",
    rule: 11,
    find: "if (since !== undefined && performance.now() - since >= 3 * timeoutMs) renew(state);",
    replace: "void since;",
    tests,
  },
  {
    name: "a-connection-of-the-developer-is-ended",
    rule: 11,
    find: "if (!isOurs || isClosed || !client.isOpen) return;",
    replace: "if (isClosed || !client.isOpen) return;",
    tests: failover,
  },
  {
    name: "a-lone-client-in-front-of-a-cluster",
    rule: 10,
    find: "if (client.masters === undefined) await refuseCluster(state);",
    replace: "",
    tests: cluster,
  },
  {
    name: "a-replica-of-redis-is-read",
    rule: 10,
    find: "(client.replicas?.length ?? 0) > 0",
    replace: "(false as boolean)",
    tests: cluster,
  },
  {
    name: "a-demoted-redis-answers-from-what-it-has",
    rule: 10,
    find: "redis.pcall('SETRANGE',key,0,'')",
    replace: "0",
    tests: failover,
  },
  {
    name: "a-redis-compare-that-takes-any-value",
    rule: 10,
    find: "mark~=ARGV[at]",
    replace: "false",
    tests,
  },
  {
    name: "a-refusal-among-several-steps-is-an-answer",
    rule: 10,
    find: "if (reply instanceof Error) reject(calls.refused(reply));",
    replace: "if (reply instanceof Error) resolve(null);",
    tests,
  },
  {
    name: "a-rotated-token-that-no-replica-has",
    rule: 10,
    find: "await replicas.confirm(keyPrefix + key);",
    replace: "",
    tests: replicas,
  },
  {
    name: "a-wait-where-there-is-no-replica",
    rule: 11,
    find: "if (!/^slave\\d+:.*state=online/m.test(info)) return;",
    replace: "",
    tests: replicas,
  },
  {
    name: "a-wait-in-front-of-everybody",
    rule: 11,
    find: "const client = state.client.duplicate?.();",
    replace: "const client = state.client as RedisClient | undefined;",
    tests: replicas,
  },
  {
    name: "a-wait-for-each-write",
    rule: 11,
    find: "known.next ??= known.running.then(",
    replace: "known.next = known.running.then(",
    tests: replicas,
  },
];
