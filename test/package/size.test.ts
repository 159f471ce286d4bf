import { beforeAll, expect, it } from "vitest";
import { entrySizes, type EntrySize } from "./entry-sizes.js";

/**
 * What importing an entry may cost: kilobytes minified, alone or beside the root entry, which a program that imports
 * one of those has loaded anyway; packages at once, and packages when first needed.
 */
interface Budget {
  readonly kB?: number;
  readonly besideRootKB?: number;
  readonly atOnce?: readonly string[];
  readonly later?: readonly string[];
}

const entra = ["@azure/msal-node", "jose"];

/** About a tenth above what was measured. A row grows only with something that users asked for. */
const budgets: Readonly<Record<string, Budget>> = {
  ".": { kB: 280, later: ["@azure/identity", ...entra] },
  "./ai-sdk": { besideRootKB: 11, later: entra },
  "./consent": { kB: 48 },
  "./express": { besideRootKB: 6, later: entra },
  "./fastify": { besideRootKB: 6, later: entra },
  "./hono": { besideRootKB: 3, later: entra },
  "./node": { besideRootKB: 6, later: entra },
  "./openai-agents": { besideRootKB: 12, later: entra },
  "./otel": { besideRootKB: 7, atOnce: ["@opentelemetry/api"], later: entra },
  "./server": { kB: 118, later: ["jose"] },
  "./sign-in": { besideRootKB: 210, later: entra },
  "./testing": { kB: 220, atOnce: ["jose"] },
  "./turn": { besideRootKB: 2, later: entra },
  bin: { kB: 16, later: [...entra, "pg", "redis"] },
};

let sizes: readonly EntrySize[];
beforeAll(async () => {
  sizes = await entrySizes();
}, 120_000);

it("every entry has a budget and keeps to it", () => {
  const over = sizes
    .map(({ entry, minified, besideRoot }) => {
      const { kB = 0, besideRootKB } = budgets[entry] ?? {};
      return besideRootKB === undefined
        ? ([entry, minified, kB] as const)
        : ([entry, besideRoot, besideRootKB] as const);
    })
    .filter(([, bytes, kB]) => !(bytes <= kB * 1024))
    .map(([entry, bytes]) => `${entry}: ${(bytes / 1024).toFixed(1)} kB`);
  expect(sizes.length).toBeGreaterThan(8);
  expect(over).toEqual([]);
});

it("no entry pulls in MSAL at once, or a package it does not name", () => {
  const unnamed = sizes.flatMap(({ entry, atOnce, later }) => {
    const { atOnce: mayAtOnce = [], later: mayLater = [] } = budgets[entry] ?? {};
    return [
      ...atOnce.filter((name) => !mayAtOnce.includes(name)).map((name) => `${entry} loads ${name}`),
      ...later
        .filter((name) => !mayLater.includes(name) && !mayAtOnce.includes(name))
        .map((name) => `${entry} may load ${name}`),
    ];
  });
  expect(unnamed).toEqual([]);
  // The report sees what is pulled in: these two would be empty if it did not.
  const root = sizes.find(({ entry }) => entry === ".");
  expect(root?.later).toEqual(["@azure/identity", ...entra]);
});
