import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { compiled } from "../support/compiled.js";
import type { Prepared } from "./preparing.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await startTestCloud();
});
afterEach(() => cloud.close());

const appOf = (options: Partial<EntraAppOptions> = {}): EntraApp =>
  entraApp({
    tenantId: cloud.home,
    clientId: cloud.app.clientId,
    credential: clientSecret("the secret of a test"),
    cloud: cloud.app.cloud,
    ...options,
  });
const another = "11111111-2222-4333-8444-555555555555";

describe("ready()", () => {
  it("fetches the keys that the first user would wait for, once", async () => {
    const app = appOf();
    const verify = userTokenVerifier({ app });
    expect(cloud.requests).toEqual([]);
    await Promise.all([app.ready(), app.ready()]);
    await app.ready();
    await verify(await cloud.token());
    expect(cloud.requests).toEqual([`/${cloud.home}/discovery/v2.0/keys`]);
  });

  it("fetches those of each listed tenant, of ten at most, and of none that a function admits", async () => {
    const app = appOf({ allowedTenants: [cloud.home, another] });
    userTokenVerifier({ app });
    await app.ready();
    expect(cloud.requests.toSorted()).toEqual(
      [cloud.home, another].map((tid) => `/${tid}/discovery/v2.0/keys`).toSorted(),
    );
    const many = Array.from({ length: 30 }, (_, n) => another.replace("11111111", String(10_000_000 + n)));
    const wide = appOf({ allowedTenants: many });
    userTokenVerifier({ app: wide });
    await wide.ready();
    expect(cloud.requests).toHaveLength(2 + 10);
    const asking = appOf({ allowedTenants: () => true });
    userTokenVerifier({ app: asking });
    await asking.ready();
    expect(cloud.requests).toHaveLength(2 + 10 + 1);
  });

  it("says what failed, and tries again", async () => {
    const app = appOf();
    let time = Date.now();
    userTokenVerifier({ app, now: () => time });
    cloud.answerWith((response) => response.writeHead(503).end());
    await expect(app.ready()).rejects.toMatchObject({ code: "signing_keys_unavailable" });
    cloud.answerWith(undefined);
    time += 2000;
    await app.ready();
    await app.ready();
    expect(cloud.requests).toHaveLength(2);
  });

  it("takes in a verifier that is made later", async () => {
    const app = appOf();
    await app.ready();
    expect(cloud.requests).toEqual([]);
    userTokenVerifier({ app });
    await app.ready();
    expect(cloud.requests).toHaveLength(1);
  });

  it("opens the connection that the first exchange then uses", async () => {
    const entra = await startEntra({
      apps: [
        { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
        { name: "contacts", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
      ],
      users: [{ name: "Ada" }],
    });
    let connections = 0;
    const connected = (): void => void (connections += 1);
    subscribe("undici:client:connected", connected);
    try {
      const { tenantId, clientId } = entra.app("agent");
      const credential = clientSecret("agent-secret");
      const app = entraApp({ tenantId, clientId, credential, cloud: entra.cloud });
      const verify = userTokenVerifier({ app });
      const contacts = userAccess(
        protectedResource({
          url: "https://contacts.example.com/mcp",
          serverLabel: "contacts",
          scopes: [`api://${entra.app("contacts").clientId}/read`],
          audiences: [entra.app("contacts").clientId],
        }),
        [onBehalfOf(app)],
      );
      await app.ready();
      expect(connections).toBe(1);
      const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
      const context = await createUserContext({ userToken }, { verify });
      await contacts.token(context);
      expect(connections).toBe(1);
      expect(entra.requests.filter(({ path }) => path.endsWith("/token"))).toHaveLength(1);
    } finally {
      unsubscribe("undici:client:connected", connected);
      await entra.close();
    }
  });

  it("refuses an app that is closed", async () => {
    const app = appOf();
    await app.close();
    await expect(app.ready()).rejects.toMatchObject({ code: "invalid_option" });
  });
});

/** Runs the program that makes an app and waits. */
async function prepared(env: Readonly<Record<string, string>>): Promise<Prepared> {
  const file = compiled("test/exchange/preparing.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, ...env } });
  return JSON.parse(stdout) as Prepared;
}

describe("a process that waits for its first user", () => {
  it("loads modules by itself and fetches nothing", async () => {
    expect(await prepared({ NODE_ENV: "production", WAIT_MS: "3000" })).toEqual({
      before: false,
      after: true,
      fetched: [],
    });
  });

  it("does neither where a runner of tests is at work, and ends when it has nothing else to do", async () => {
    expect(await prepared({ NODE_ENV: "test", WAIT_MS: "500" })).toMatchObject({ after: false });
    expect(await prepared({ NODE_ENV: "production", WAIT_MS: "0" })).toMatchObject({ after: false });
  });
});
