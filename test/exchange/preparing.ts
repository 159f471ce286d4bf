/** Makes an app and a verifier, waits, and prints which packages are there by then, and what was fetched. */
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { clientSecret, entraApp, userTokenVerifier } from "hosted-agent-identity";

/** What is printed. */
export interface Prepared {
  readonly before: boolean;
  readonly after: boolean;
  readonly fetched: readonly string[];
}

const fetched: string[] = [];
const app = entraApp({
  tenantId: "7d1f0f6e-1f0b-4b6f-9a8b-0c1d2e3f4a5b",
  clientId: "2b0c1d2e-3f4a-4b6c-8d7e-9f0a1b2c3d4e",
  credential: clientSecret("the secret of a test"),
  fetch: async (url) => {
    fetched.push(String(url));
    return new Response(null, { status: 500 });
  },
});
userTokenVerifier({ app });
const loaded = (): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("msal-node"));
const before = loaded();
await sleep(Number(process.env["WAIT_MS"]));
const after = loaded();
console.log(JSON.stringify({ before, after, fetched } satisfies Prepared));
