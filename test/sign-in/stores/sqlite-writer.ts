/**
 * A process that uses a store until it is killed: prints a line for everything that was reported stored.
 * `sqlite-writer.ts <path> <size of a value> <its name>`
 */
import { writeSync } from "node:fs";
import { sqliteStore } from "hosted-agent-identity/sign-in";

const [path = "", size = "10", name = ""] = process.argv.slice(2);
const store = sqliteStore({ path });
const hour = 3_600_000;

for (let n = 0; ; n += 1) {
  const value = `${n}`.padEnd(Number(size), "x");
  await Promise.all([
    store.setIfAbsent(`${name}:${n}`, value, hour),
    store.increment("count", hour),
    n > 0 ? store.delete(`${name}:${n - 1}`) : undefined,
  ]);
  writeSync(1, `${n}\n`);
}
