import { expect, it } from "vitest";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { keyring } from "../../../src/sealing/keyring.js";
import { beginAttempt, endAttempt } from "../../../src/sign-in/flow/attempt.js";
import { noAudit } from "../../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";

const tenantId = "11111111-1111-4111-8111-111111111111";
const core: SignInContext = {
  app: entraAppInternals(entraApp({ tenantId, clientId: tenantId, credential: clientSecret("s") })),
  publicUrl: "https://agent.example.com",
  resources: [
    protectedResource({
      url: "https://mcp.example.com/mcp",
      serverLabel: "contacts",
      scopes: ["api://contacts/read"],
      audiences: ["api://contacts"],
    }),
  ],
  store: memoryStore({ quiet: true }),
  keys: keyring([new Uint8Array(32).fill(7)]),
  agent: "agent",
  now: () => 1_790_000_000_000,
  // The same for everybody: two attempts have the same id, and only their browsers tell them apart.
  random: (bytes) => new Uint8Array(bytes),
  onEvent: undefined,
  audit: noAudit,
};

/** An attempt that a browser begins: the `state` it leaves with, and the cookie. */
function attemptOf(browser: { readonly id: string }): { readonly state: string; readonly cookie: string } {
  const begun = beginAttempt(core, browser, new Request(core.publicUrl), { tenantId, scopes: [] });
  const state = new URL(begun?.redirect ?? "").searchParams.get("state") ?? "";
  return { state, cookie: begun?.cookies[0]?.split(";")[0] ?? "" };
}

const returning = (cookie: string): Request =>
  new Request(`${core.publicUrl}/callback`, { headers: { cookie } });

it("an attempt's cookie opens in the browser that began it, and in no other", async () => {
  const [mine, other] = [{ id: "one" }, { id: "another" }];
  const [own, foreign] = [attemptOf(mine), attemptOf(other)];
  const ended = (cookie: string) =>
    endAttempt(core, mine, returning(cookie), own.state, ({ id }) => id !== "");
  expect(await ended(own.cookie)).toMatchObject({ status: "matches", looked: true });
  expect(await ended(foreign.cookie)).toEqual({ status: "lost" });
});
