import { createClient } from "redis";
import { redisStore } from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";

const url = process.env["STORE_URL"] ?? "";
const connect = () => redisStore(createClient({ url }));
const checks = signInStoreSuite({ name: "redis", open: async () => [connect(), connect()], races: 10 });
for (const { name, run } of checks) {
  await run().catch((cause: unknown) => {
    throw new Error(`${name}: ${String(cause)}`, { cause });
  });
}
console.log(`${checks.length} checks of the store suite`);
process.exit();
