/**
 * Fills a small disk with a store, then with something else, and prints what happened, as JSON.
 * `sqlite-on-full-disk.ts <folder of the disk>`
 */
import { appendFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { sqliteStore } from "hosted-agent-identity/sign-in";

const [folder = ""] = process.argv.slice(2);
const hour = 3_600_000;
const value = "x".repeat(20_000);
const path = join(folder, "sign-ins.db");
const ballast = join(folder, "ballast");

const store = sqliteStore({ path });
const report: Record<string, unknown> = {};

async function result(step: Promise<unknown>): Promise<unknown> {
  return step.catch((error: unknown) =>
    isHostedAgentIdentityError(error) ? `${error.code}: ${error.help}` : String(error),
  );
}

let stored = 0;
for (;;) {
  const said = await result(store.setIfAbsent(`grant:${stored}`, value, hour));
  if (said !== true) {
    report["full"] = said;
    break;
  }
  stored += 1;
}
const countStored = async (at = store): Promise<number> => {
  let found = 0;
  for (let n = 0; n < stored; n += 1) if ((await at.get(`grant:${n}`)) === value) found += 1;
  return found;
};
report["all are there"] = (await countStored()) === stored;
report["enough were stored"] = stored > 100;
report["the refused one"] = (await store.get(`grant:${stored}`)) ?? "none";
report["a small one"] = await result(store.setIfAbsent("grant:small", "s", hour));
report["free for deletions"] = free() > 1024 * 1024;

await store.delete("grant:0");
report["after a deletion"] = await result(store.setIfAbsent("grant:new", value, hour));

fill();
report["nothing is free"] = free() === 0;
report["when others fill the disk"] = await result(store.setIfAbsent("grant:other", value, hour));
report["a deletion then"] = await result(store.take("grant:1").then((taken) => taken === value));
report["what is there then"] = (await countStored()) === stored - 2;
fill();
await store.close?.();

fill();
const second = sqliteStore({ path });
report["a start then"] = await result(Promise.resolve(second.start?.()));
report["after a start then"] = await result(second.get("grant:2"));
rmSync(ballast);
report["with room again"] = await result(second.setIfAbsent("grant:last", value, hour));
report["all are there again"] = (await countStored(second)) === stored - 2;
await second.close?.();
console.log(JSON.stringify({ stored, ...report }));

function free(): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** As another program does that logs too much. */
function fill(): void {
  const piece = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(ballast, piece);
  } catch (error) {
    if (!String(error).includes("ENOSPC")) throw error;
  }
}
