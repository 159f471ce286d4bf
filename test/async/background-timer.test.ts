import {
  clientSecret,
  closeMcpClient,
  entraApp,
  entraConsentLink,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  responses,
  runWithUserContext,
  userAccess,
  userContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { startEntra, testUserContext, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { inBackground } from "../../src/async/deadline.js";
import { guardedStore } from "../../src/sign-in/stores/guarded-store.js";

let entra: EntraEmulator;
beforeEach(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }],
  });
  // As in Cloudflare Workers and jsdom, for the callers in src: Node's own `fetch` uses the global as well.
  for (const name of ["setTimeout", "setInterval"] as const) {
    const start = globalThis[name];
    vi.stubGlobal(name, (run: () => void, ms?: number) => {
      const timer = start(run, ms);
      return /\/src\/(?!testing\/)/.test(new Error("who calls?").stack?.split("\n")[2] ?? "")
        ? Number(timer)
        : timer;
    });
  }
});
afterEach(() => entra.close());

function agentApp() {
  return entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("the-agents-secret"),
    cloud: entra.cloud,
  });
}

it("a turn asks for consent, streamed or not, where timers are numbers", async () => {
  const app = agentApp();
  const { clientId } = entra.app("mcp");
  const contacts = userAccess(
    protectedResource({
      url: "http://127.0.0.1:9/mcp",
      serverLabel: "contacts",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [onBehalfOf(app, { consentLink: entraConsentLink({ app, redirectUri: "http://127.0.0.1:9/done" }) })],
  );
  const asUser = userContext({ verify: userTokenVerifier({ app }), require: true });
  const agent = responses(async function* () {
    yield "One moment. ";
    yield (await contacts.token()).token;
  });
  const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
  for (const stream of [true, false]) {
    const request = new Request("http://127.0.0.1/responses", {
      method: "POST",
      headers: { "content-type": "application/json", "x-client-user-token": token },
      body: JSON.stringify({ input: "hello", stream }),
    });
    const response = await asUser(request, (behind) => agent(behind));
    expect(await response.text()).toContain("oauth_consent_request");
  }
});

it("a pool opens, keeps and closes clients where timers are numbers", async () => {
  const terminateSession = vi.fn(async () => {});
  const pool = mcpClientPool({
    open: async () => ({ transport: { terminateSession }, close: async () => {} }),
    close: closeMcpClient,
    idleMs: 60_000,
  });
  const context = testUserContext({ name: "Ada" });
  expect(await runWithUserContext(context, () => pool.use(async () => "used"))).toBe("used");
  await pool.close();
  expect(terminateSession).toHaveBeenCalledOnce();
});

it("a sign-in store is asked where timers are numbers", async () => {
  const store = guardedStore(memoryStore({ quiet: true }));
  expect(await store.setIfAbsent("key", "value", 60_000)).toBe(true);
  expect(await store.get("key")).toBe("value");
});

it("a timer of Node does not keep the process alive", () => {
  vi.unstubAllGlobals();
  const timer = inBackground(setTimeout(() => {}, 60_000));
  expect(timer.hasRef()).toBe(false);
  clearTimeout(timer);
});
