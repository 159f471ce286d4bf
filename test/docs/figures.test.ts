import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Decision records are dated and stay as they were written; the reference of errors is generated. */
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "docs/live-tenant.md",
  "docs/reliability.md",
  "docs/security.md",
  ...readdirSync(join(root, "docs/guides")).map((file) => `docs/guides/${file}`),
  ...readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("README.md") && !file.includes("node_modules"))
    .map((file) => `examples/${file}`),
];

/** What somebody has measured or counted once: a time with decimals, microseconds, and sizes of the code. */
const measured =
  /\b\d+\.\d+ ?(?:ms|s|kB|MB|GB|bytes)\b|\b\d+ ?µs|\b(?:\d[\d ]*|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety) (?:lines|files|tests|mutants)\b/gi;

it("a figure in the documents is generated, or absent", () => {
  const byHand = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8")
      .replaceAll(/<!-- bench:[\s\S]*?<!-- \/bench -->/g, "")
      .replaceAll(/^```[\s\S]*?^```/gm, "");
    return [...text.matchAll(measured)].map(([figure]) => `${page}: ${figure}`);
  });
  expect(byHand).toEqual([]);
});
