/**
 * Measures the repository: a line for each measure, and what is wrong with those that fail. Part of `npm test`.
 *
 *   npm run house                 one line each
 *   npm run house -- --details    with what stands behind each number
 *   npm run house -- --write      first writes what is generated from etc/floors.ts and etc/limits.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generatedFiles } from "./generated.js";
import { measures } from "./measures.js";
import { root } from "./tree.js";

const { values } = parseArgs({ options: { write: { type: "boolean" }, details: { type: "boolean" } } });

if (values.write === true) {
  for (const { path, expected } of generatedFiles()) writeFileSync(join(root, path), expected);
}
const stale = generatedFiles().filter(({ actual, expected }) => actual !== expected);
for (const { path } of stale) console.log(`FAILED  ${path} is not what etc/ says: npm run house -- --write`);
const all = await measures();
for (const { name, value, limit, ok, details } of all) {
  console.log(`${ok ? "ok    " : "FAILED"}  ${name}: ${value}; limit ${limit}`);
  if (!ok || values.details === true) for (const detail of details) console.log(`          ${detail}`);
}
process.exitCode = stale.length === 0 && all.every(({ ok }) => ok) ? 0 : 1;
