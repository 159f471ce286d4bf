import { inspect } from "node:util";
import * as first from "hosted-agent-identity";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

/** The package once more, with modules of its own, as a second install of it brings. */
let second: typeof first;
let entra: EntraEmulator;

beforeAll(async () => {
  vi.resetModules();
  second = await import("hosted-agent-identity");
}, 60_000);
afterAll(() => void vi.resetModules());

beforeEach(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      {
        name: "mcp",
        scopes: ["access_as_user"],
        preAuthorized: [{ client: "agent", scopes: ["access_as_user"] }],
      },
    ],
    users: [{ name: "Ada" }],
  });
});
afterEach(() => entra.close());

function agentApp() {
  return first.entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: first.clientSecret("the-agents-secret"),
    cloud: entra.cloud,
  });
}

describe("an app that one copy of the package made", () => {
  it("exchanges tokens in another copy", async () => {
    expect(second.entraApp).not.toBe(first.entraApp);
    const app = agentApp();
    const { clientId } = entra.app("mcp");
    const contacts = second.userAccess(
      second.protectedResource({
        url: "https://contacts.example.com/mcp",
        serverLabel: "contacts",
        scopes: [`api://${clientId}/access_as_user`],
        audiences: [clientId],
      }),
      [second.onBehalfOf(app)],
    );
    const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
    const verify = second.userTokenVerifier({ app });
    const context = await second.createUserContext({ userToken }, { verify });
    expect(await contacts.token(context)).toMatchObject({ source: "on_behalf_of" });
    await contacts.close();
  });

  it("is closed for every copy at once", async () => {
    const app = agentApp();
    await app.close();
    for (const copy of [first, second]) {
      expect(() => copy.onBehalfOf(app)).toThrow(expect.objectContaining({ code: "invalid_option" }));
    }
  });

  it("shows its credential to nobody who prints it, or what the copies share", () => {
    const app = agentApp();
    const shared = Symbol.for("hosted-agent-identity/entra-apps/1");
    const state: unknown = Reflect.get(globalThis, shared);
    const shown = inspect([app, state], { showHidden: true, depth: 9 });
    expect(shown).toContain(entra.app("agent").clientId);
    expect(shown).not.toContain("the-agents-secret");
    expect(Object.getOwnPropertyDescriptor(globalThis, shared)).toMatchObject({ enumerable: false });
  });
});
