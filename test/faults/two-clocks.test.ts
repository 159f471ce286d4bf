import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type CredentialRequest,
  developer,
  HostedAgentIdentityError,
  mcpClientPool,
  protectedResource,
  runWithUserContext,
  type TokenSource,
  userAccess,
} from "hosted-agent-identity";
import { memoryStore, remoteSignIn } from "hosted-agent-identity/sign-in";
import { testUserContext } from "hosted-agent-identity/testing";
import { challengeBudget } from "../../src/access/challenge-budget.js";
import { signingKeys } from "../../src/user-token/signing-keys.js";
import { verifiedTokens } from "../../src/user-token/verify.js";
import { cloudEndpoints } from "../../src/entra/clouds.js";
import { clocksOf, systemClock } from "../../src/async/clocks.js";
import { backOff, equalExchanges } from "../../src/exchange/back-off.js";
import { clientAssertions } from "../../src/exchange/entra-app.js";
import { currentTokens } from "../../src/mcp/current-tokens.js";
import { agentToken } from "../../src/toolbox/agent-token.js";
import { refusedTokens } from "../../src/sign-in/grants/refused-tokens.js";
import { namedUsers } from "../../src/sign-in/remote/named-users.js";
import { expiringMap } from "../../src/async/bounded-map.js";
import { storeCalls } from "../../src/tokens/store-calls.js";
import { waitingOperations } from "../../src/turn/operations.js";
import { contextWithoutToken } from "../support/people.js";
import { unsigned } from "../support/token-endpoint.js";

const hour = 3_600_000;
const day = 24 * hour;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.UTC(2026, 10, 29) }));
afterEach(() => void vi.useRealTimers());

/** What happens to the clocks of the process. Nothing in it reads them meanwhile. */
const steps: readonly (readonly [string, () => unknown])[] = [
  ["the wall clock is put back a day", () => vi.setSystemTime(Date.now() - day)],
  ["the wall clock is put forth a day", () => vi.setSystemTime(Date.now() + day)],
  ["the steady clock stood still for three hours", () => vi.setSystemTime(Date.now() + 3 * hour)],
  [
    "the wall clock stood still for three hours",
    () => {
      const before = Date.now();
      vi.advanceTimersByTime(3 * hour);
      vi.setSystemTime(before);
    },
  ],
];

/** Keeps something, and gives how to find out whether it still is. */
type Keeps = () => Promise<() => unknown>;

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const tenant = "aaaaaaaa-0000-4000-8000-000000000001";
const busy = new HostedAgentIdentityError("token_exchange_failed", "Busy.", {
  category: "throttle",
  retryAfterMs: 300_000,
});

/** A credential that counts how often it was asked, and gives tokens of an hour. */
function counting(): { asked: number; getToken(): Promise<{ token: string; expiresOnTimestamp: number }> } {
  const credential = {
    asked: 0,
    async getToken() {
      credential.asked += 1;
      const claims = { tid: tenant, oid: "dddddddd-0000-4000-8000-000000000007", scp: "read" };
      return { token: unsigned(claims), expiresOnTimestamp: Date.now() + hour };
    },
  };
  return credential;
}

const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk: JsonWebKey = { ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" };

const caches: Readonly<Record<string, Keeps>> = {
  async "the signing keys of a tenant"() {
    let fetched = 0;
    const keys = signingKeys({
      cloud: cloudEndpoints("global"),
      clocks: clocksOf(systemClock),
      timeoutMs: 5_000,
      async fetch() {
        fetched += 1;
        return Response.json({ keys: [jwk] });
      },
    });
    await keys.keyFor(tenant, "k");
    return async () => {
      const fresh = keys.stillHas(tenant, "k");
      await keys.keyFor(tenant, "k");
      expect(fresh).toBe(fetched === 1);
      return fetched === 1;
    };
  },
  async "the pause after a key endpoint that failed"() {
    let asked = 0;
    const keys = signingKeys({
      cloud: cloudEndpoints("global"),
      clocks: clocksOf(systemClock),
      timeoutMs: 5_000,
      async fetch() {
        asked += 1;
        return new Response("", { status: 503 });
      },
    });
    vi.advanceTimersByTime(1_000);
    await keys.keyFor(tenant, "k").catch(() => undefined);
    return async () => {
      await keys.keyFor(tenant, "k").catch(() => undefined);
      return asked === 1;
    };
  },
  async "a verified token"() {
    const tokens = verifiedTokens(10, clocksOf(systemClock));
    tokens.remember("hash", { tid: tenant, kid: "k", use: { use: "app" }, expiresAt: Date.now() + 2 * day });
    return () => tokens.find("hash") !== undefined;
  },
  async "an access token"() {
    let asked = 0;
    const source: TokenSource = {
      kind: "counting",
      provesUser: true,
      cacheScope: "",
      usesAssertion: false,
      cached: true,
      skip: () => undefined,
      acquire: async () => ({
        status: "token",
        token: { token: `t${(asked += 1)}`, expiresAt: Date.now() + hour, source: "counting" },
      }),
    };
    const access = userAccess(resource, [source]);
    const ada = testUserContext();
    await access.token(ada);
    return async () => (await access.token(ada)).token === "t1";
  },
  async "what is remembered for seconds"() {
    const memory = expiringMap<true>(5_000, 10, clocksOf(systemClock).age);
    memory.set("key", true);
    return () => memory.get("key");
  },
  async "a refusal of a fresh token"() {
    const refusals = challengeBudget(clocksOf(systemClock).age);
    refusals.note("Ada", "token", "401");
    return () => refusals.has("Ada", "token", "401");
  },
  async "the budget of challenges"() {
    const refusals = challengeBudget(clocksOf(systemClock).age);
    for (let n = 0; n < 8; n += 1) refusals.mayAsk("Ada", `token ${n}`, "401");
    return () => !refusals.mayAsk("Ada", "one more", "401");
  },
  async "a person's wait"() {
    const waits = backOff(clocksOf(systemClock).age, undefined);
    const asking = { clientId: "app", tenantId: tenant, principal: "Ada", exchange: undefined };
    await waits.run(asking, () => Promise.reject(busy)).catch(() => undefined);
    return () =>
      waits
        .run(asking, async () => false)
        .catch((error: unknown) => error instanceof HostedAgentIdentityError);
  },
  async "the budget of an exchange"() {
    const budgets = equalExchanges(clocksOf(systemClock).age, undefined);
    for (let n = 0; n < 30; n += 1) budgets.spend("same");
    return () => {
      try {
        budgets.spend("same");
        return false;
      } catch {
        return true;
      }
    };
  },
  async "a client assertion"() {
    let made = 0;
    const request = { tokenEndpoint: "https://login.example.com", refused: 0 } as CredentialRequest;
    const authenticate = async (): Promise<{ assertion: string; expiresAt: number }> => {
      made += 1;
      return { assertion: "a", expiresAt: Date.now() + 600_000 };
    };
    const assertions = clientAssertions({ authenticate }, clocksOf(systemClock));
    await assertions.authenticate(request);
    return async () => {
      await assertions.authenticate(request);
      return made === 1;
    };
  },
  async "the agent's own token"() {
    const credential = counting();
    const token = agentToken({
      credential,
      hosted: true,
      scope: "https://ai.azure.com/.default",
      serverLabel: "toolbox",
      timeoutMs: 5_000,
      clocks: clocksOf(systemClock),
      onEvent: undefined,
    });
    await token.get({});
    return () => token.cachedToken() !== undefined;
  },
  async "the developer's token"() {
    const credential = counting();
    const access = userAccess(resource, [
      developer(credential, { environment: { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" } }),
    ]);
    const ask = (): Promise<unknown> => access.token(contextWithoutToken());
    await ask();
    return async () => {
      await ask();
      return credential.asked === 1;
    };
  },
  async "the token for the sign-in service"() {
    const credential = counting();
    const signIn = remoteSignIn({
      url: "https://sign-in.example.com",
      credential,
      scope: "api://service/.default",
      fetch: async () => Response.json({ status: "signed_out" }),
    });
    const ada = testUserContext();
    await signIn.signOut(ada);
    return async () => {
      await signIn.signOut(ada);
      return credential.asked === 1;
    };
  },
  async "the pause after a store that failed"() {
    let asked = 0;
    const calls = storeCalls({
      store: {
        get: async () => {
          asked += 1;
          throw new Error("down");
        },
        set: async () => true,
        delete: async () => true,
      },
      timeoutMs: 1_000,
      serverLabel: "contacts",
      age: clocksOf(systemClock).age,
      onEvent: undefined,
    });
    await calls.read(["key"]);
    return async () => {
      await calls.read(["key"]);
      return asked === 1;
    };
  },
  async "an operation that waits for a sign-in"() {
    const operations = waitingOperations();
    const ada = testUserContext();
    const request = { body: {}, input: "prompt", previousResponseId: "r1" };
    operations.interrupted(ada, "r1", request, { id: "op" });
    return () => operations.resumedBy(ada, request) !== undefined;
  },
  async "refusals that are about one token"() {
    let dropped = 0;
    const ada = testUserContext();
    const access = {
      token: async () => ({ token: "t", expiresAt: Date.now() + hour, source: "test" }),
      forget: () => (dropped += 1),
    };
    const tokens = currentTokens(access as never);
    await runWithUserContext(ada, () => tokens.give());
    runWithUserContext(ada, () => tokens.drop());
    return () => {
      runWithUserContext(ada, () => tokens.drop());
      return dropped === 1;
    };
  },
  async "the rate of an agent that names people"() {
    const named = namedUsers(1, clocksOf(systemClock).age);
    named.name("Ada");
    return () => {
      try {
        named.name("Bob");
        return false;
      } catch {
        return true;
      }
    };
  },
  async "a record of a store in this process"() {
    const store = memoryStore({ quiet: true });
    await store.setIfAbsent("code", "sealed", 600_000);
    return async () => (await store.get("code")) !== undefined;
  },
};

describe.each(Object.entries(caches))("%s", (_what, keep) => {
  it("is kept while both clocks say half a second", async () => {
    const isKept = await keep();
    vi.advanceTimersByTime(500);
    expect(await isKept()).toBe(true);
  });

  it.each(steps)("is not kept any longer when %s", async (_step, change) => {
    const isKept = await keep();
    change();
    expect(await isKept()).toBeFalsy();
  });
});

describe("a client that nobody uses", () => {
  it.each(steps)("is closed after its time, although %s", async (_step, change) => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 29) });
    const close = vi.fn(async () => undefined);
    const pool = mcpClientPool({ open: async () => ({}), close, idleMs: 60_000 });
    await runWithUserContext(testUserContext(), () => pool.use(async () => undefined));
    change();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("tokens of a principal that were all refused", () => {
  it("are refused by their dates, and after the clock was put back only those that are dated ahead of it", () => {
    const refused = refusedTokens(systemClock);
    const before = Date.now();
    vi.advanceTimersByTime(1_000);
    refused.add("Ada", undefined);
    const has = (obtainedAt: number): boolean => refused.has("Ada", "token", obtainedAt);
    vi.advanceTimersByTime(1_000);
    expect([has(before), has(Date.now())]).toEqual([true, false]);
    vi.setSystemTime(before - day);
    expect([has(before), has(Date.now())]).toEqual([true, false]);
  });
});

describe("the source", () => {
  /** Where a clock is read without the other one, and why that is right. */
  const alone: Readonly<Record<string, string>> = {
    "async/clocks.ts": "joins the two",
    "events/steps.ts": "how long a step took, for a trace",
    "turn/run-pieces.ts": "the time limit of a turn, which is a timer",
    "mcp/lease-client.ts": "the time limit of a wait, which is a timer",
    "sign-in/stores/redis-calls.ts": "how long a connection has been silent while calls wait for it",
    "sign-in/admin/list.ts": "the time limit of one page, which is one call",
    "sign-in/stores/postgres.ts": "when this process deletes expired rows again",
    "sign-in/stores/redis.ts": "the time limit of a search for keys, which is one call",
    "sign-in/stores/sqlite.ts": "how long this process has run, before it trusts its wall clock to delete",
    "sign-in/pages/code-script.ts": "the countdown of a page, in the browser",
    "access/user-access.ts": "a date for the Azure SDK",
    "context/test-context.ts": "dates of a test token",
    "cli/inspect/token-findings.ts": "dates of a token",
    "turn/with-consent.ts": "the date of a response",
  };
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("testing"),
  );
  const where = (pattern: RegExp): string[] =>
    files.filter((file) =>
      pattern.test(readFileSync(join("src", file), "utf8").replaceAll(/^ *(\/\/|\*|\/\*\*).*$/gm, "")),
    );

  it("reads the system's clocks in one place, and where only one of them is meant", () => {
    expect(where(/performance\.now|Date\.now/).toSorted()).toEqual(Object.keys(alone).toSorted());
  });

  it("measures no age by the wall clock", () => {
    expect(where(/(?<!performance\.)\bnow\(\) - /).filter((file) => file !== "async/clocks.ts")).toEqual([]);
  });
});
