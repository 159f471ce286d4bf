import type { Mutant } from "./mutant.js";

const keys = ["test/access/map-keys.test.ts"];

/** What is kept of text from outside: digests of it, and only so much. */
export const boundedKeyMutants: readonly Mutant[] = [
  {
    name: "refusals-under-the-token-itself",
    rule: 19,
    find: "const keyOf = (owner: string, token: string): string => `${owner} ${digest(token)}`;",
    replace: "const keyOf = (owner: string, token: string): string => `${owner} ${token}`;",
    tests: keys,
  },
  {
    name: "challenge-budgets-of-whole-claims",
    rule: 19,
    find: "const key = digest(demand, token);",
    replace: "const key = `${demand} ${token}`;",
    tests: keys,
  },
  {
    name: "cached-tokens-under-whole-claims",
    rule: 19,
    find: "`${base} ${digest(asked.scopes, asked.claims)}`",
    replace: "`${base} ${JSON.stringify([asked.scopes, asked.claims])}`",
    tests: keys,
  },
  {
    name: "flights-under-whole-claims",
    rule: 19,
    find: "const key = digest(claims);",
    replace: 'const key = claims ?? "";',
    tests: keys,
  },
  {
    name: "sessions-under-their-ids",
    rule: 19,
    find: "const key = digest(sessionId);\n      const owner = owners.get(key);",
    replace: "const key = sessionId;\n      const owner = owners.get(key);",
    tests: keys,
  },
  {
    name: "server-sessions-under-their-ids",
    rule: 19,
    find: "const key = digest(sessionId);\n      if (!owners.has(key)) owners.set(key, principalKey);",
    replace: "const key = sessionId;\n      if (!owners.has(key)) owners.set(key, principalKey);",
    tests: keys,
  },
  {
    name: "scopes-of-any-length",
    rule: 19,
    find: "scope.length > maxScope ||",
    replace: "",
    tests: ["test/access/fetch.test.ts"],
  },
  {
    name: "grown-scopes-of-any-length",
    rule: 19,
    find: "length > maxGrown ? [] : scopes",
    replace: "scopes",
    tests: ["test/access/challenge-budget.test.ts"],
  },
];
