import { beforeAll, expect, it } from "vitest";
import { entrySizes, type EntrySize } from "./entry-sizes.js";

/** What importing an entry may cost: kilobytes minified, packages at once, packages when first needed. */
interface Budget {
  readonly kB: number;
  readonly atOnce?: readonly string[];
  readonly later?: readonly string[];
}

const entra = ["@azure/msal-node", "jose"];

/** About a tenth above what was measured. A row grows only with something that users asked for. */
const budgets: Readonly<Record<string, Budget>> = {
  ".": { kB: 274, later: ["@azure/identity", ...entra] },
  "./ai-sdk": { kB: 58 },
  "./consent": { kB: 36 },
  "./express": { kB: 132 },
  "./fastify": { kB: 133 },
  "./hono": { kB: 133 },
  "./node": { kB: 132 },
  "./openai-agents": { kB: 59 },
  "./otel": { kB: 38, atOnce: ["@opentelemetry/api"] },
  "./server": { kB: 115, later: ["jose"] },
  "./sign-in": { kB: 385, later: entra },
  "./testing": { kB: 212, atOnce: ["jose"] },
  "./turn": { kB: 90 },
  bin: { kB: 14, later: [...entra, "pg", "redis"] },
};

let sizes: readonly EntrySize[];
beforeAll(async () => {
  sizes = await entrySizes();
}, 120_000);

it("every entry has a budget and keeps to it", () => {
  const over = sizes
    .filter(({ entry, minified }) => !(minified <= (budgets[entry]?.kB ?? 0) * 1024))
    .map(({ entry, minified }) => `${entry}: ${(minified / 1024).toFixed(1)} kB`);
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
