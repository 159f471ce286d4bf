import { setTimeout as sleep } from "node:timers/promises";
import { createClient, createCluster } from "redis";
import { redisStore } from "hosted-agent-identity/sign-in";

/** Every key is served again after a primary has died, also by clients that do not look for its successor themselves. */
const urls = (process.env["STORE_URL"] ?? "").split(",");
const store = redisStore(createCluster({ rootNodes: urls.map((url) => ({ url })) }), { timeoutMs: 300 });
await store.start?.();
const names = Array.from({ length: 30 }, (_, n) => `grant:${n}`);
for (const name of names) await store.setIfAbsent(name, "sealed", 60_000);

const first = await createClient({ url: urls[0] ?? "" })
  .on("error", () => undefined)
  .connect();
await first.sendCommand(["SHUTDOWN", "NOSAVE"]).catch(() => undefined);
first.destroy();

const left = new Set(names);
for (const until = Date.now() + 20_000; left.size > 0 && Date.now() < until; await sleep(50)) {
  await Promise.all(
    [...left].map((name) =>
      store.take(name).then(
        () => left.delete(name),
        () => false,
      ),
    ),
  );
}
if (left.size > 0) throw new Error(`${left.size} of ${names.length} keys are not served again.`);
console.log(`${names.length} keys of a cluster that lost a primary`);
process.exit();
