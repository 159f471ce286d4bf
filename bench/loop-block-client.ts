/** A process with so many cached people. For each message, new people come, and it says how long its loop was blocked. */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { onBehalfOf, userAccess, type UserAccess, type UserContext } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { app, call, noTransport, resource, withoutNetwork } from "./ours.js";
import { contextOf, person } from "./people.js";

const cached = Number(process.argv[2]);
/** In one round: people who come, and calls in one turn of the event loop. */
const callers = 3_000;
const together = 20;

const source = withoutNetwork(onBehalfOf(app(networkTo("http://127.0.0.1:9"))));
const full = access(cached);
let next = 0;
while (next < cached) {
  await call(full, contextOf(person((next += 1))));
  if (next % 1_000 === 0) await setImmediate();
}
// Compiled code first.
for (let round = 0; round < 3; round += 1) await longestBlock();
process.on("message", () => void longestBlock().then((longest) => process.send?.(longest)));
process.on("disconnect", () => process.exit());
process.send?.("ready");

/** A cache that is full with those it has; without anybody, one that never gets full. */
function access(people: number): UserAccess {
  const cache = { maxEntries: people === 0 ? 2 * callers : people, maxBytes: 1024 ** 3 };
  return userAccess(resource, [source], { fetch: noTransport, cache });
}

/** The longest turn of the event loop in which new people call. */
async function longestBlock(): Promise<number> {
  const contexts: UserContext[] = [];
  for (let at = 0; at < callers; at += 1) contexts.push(contextOf(person((next += 1))));
  const asked = cached === 0 ? access(0) : full;
  // What was made before is not cleared away in this time.
  globalThis.gc?.();
  await sleep(20);
  let longest = 0;
  for (let at = 0; at < callers; at += together) {
    const started = performance.now();
    await Promise.all(contexts.slice(at, at + together).map((context) => call(asked, context)));
    await setImmediate();
    longest = Math.max(longest, performance.now() - started);
  }
  for (const context of contexts) context.end();
  if (asked !== full) await asked.close();
  return longest;
}
