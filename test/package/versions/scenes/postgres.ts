import pg from "pg";
import { postgresStore } from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";

const pools = [1, 4].map((max) => new pg.Pool({ connectionString: process.env["STORE_URL"] ?? "", max }));
const [first, second] = pools;
if (first === undefined || second === undefined) throw new Error("There are two pools.");
const open = async () => [postgresStore(first), postgresStore(second)] as const;
const checks = signInStoreSuite({ name: "postgres", open, races: 10 });
for (const { name, run } of checks) {
  await run().catch((cause: unknown) => {
    throw new Error(`${name}: ${String(cause)}`, { cause });
  });
}
console.log(`${checks.length} checks of the store suite`);
process.exit();
