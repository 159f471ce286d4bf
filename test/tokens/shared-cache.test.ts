import { randomBytes } from "node:crypto";
import { Keyv } from "keyv";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import {
  clientSecret,
  entraApp,
  type IdentityEvent,
  onBehalfOf,
  passthrough,
  protectedResource,
  type ProtectedResource,
  type SharedCacheOptions,
  type SharedTokenStore,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { agentApp, contextFor, leaks, mcpApp, tenant } from "../support/people.js";
import { scriptedTokenStore, type ScriptedTokenStore } from "../support/shared-token-stores.js";
import { goodBody, json, tokenEndpoint, unsigned, type TokenEndpoint } from "../support/token-endpoint.js";

const key = new Uint8Array(randomBytes(32));
const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/access_as_user`],
  audiences: [mcpApp, `api://${mcpApp}`],
});
const scope = resource.scopes[0] ?? "";

let entra: TokenEndpoint;
let time: number;
let store: ScriptedTokenStore;
let events: IdentityEvent[];
const now = (): number => time;
const posts = (): number => entra.forms.length;

beforeEach(async () => {
  entra = await tokenEndpoint();
  time = Date.now();
  store = scriptedTokenStore();
  events = [];
});
afterEach(() => entra.close());

function obo(clientId: string = agentApp): TokenSource {
  const credential = clientSecret("not-a-real-secret");
  return onBehalfOf(
    entraApp({ tenantId: tenant, clientId, credential, cloud: { loginEndpoint: entra.origin }, now }),
  );
}

/** A process of its own, as far as anything in memory goes. */
function replica(
  shared: Partial<SharedCacheOptions> = {},
  sources: readonly TokenSource[] = [obo()],
  options: UserAccessOptions = {},
  server: ProtectedResource = resource,
): UserAccess {
  const sharedCache = { store, encryptionKeys: [key], agentName: "contacts", ...shared };
  return userAccess(server, sources, {
    random: (length) => new Uint8Array(length),
    now,
    onEvent: (event) => void events.push(event),
    sharedCache,
    ...options,
  });
}

/** Gets a token and waits until the store has it. */
async function shares(access: UserAccess, context: UserContext): Promise<string> {
  const { token } = await access.token(context);
  await access.close();
  return token;
}

const typesOf = (...types: IdentityEvent["type"][]): IdentityEvent[] =>
  events.filter(({ type }) => types.includes(type));

describe("a store that replicas share", () => {
  it("gives a second replica, and a process that was started again, the token without a POST", async () => {
    const context = contextFor();
    const token = await shares(replica(), context);
    for (let started = 0; started < 2; started += 1) {
      const other = replica();
      expect((await other.token(context)).token).toBe(token);
      expect(other.explain(context).sources[0]?.applies).toBe(true);
    }
    expect(posts()).toBe(1);
    const acquired = typesOf("token_acquired").map((event) => "shared" in event && event.shared);
    expect(acquired).toEqual([false, true, true]);
  });

  it("gives it with everything that was known about it", async () => {
    const context = contextFor({ exp: Math.floor(time / 1000) + 90_000 });
    const first = replica();
    const token = await first.token(context);
    await first.close();
    expect(await replica().token(context)).toEqual({ ...token, shared: true });
  });

  it("is asked once for a thousand concurrent first calls of one user", async () => {
    const context = contextFor();
    await shares(replica(), context);
    store.calls.length = 0;
    const second = replica();
    await Promise.all(Array.from({ length: 1_000 }, () => second.token(context)));
    expect(posts()).toBe(1);
    expect(store.calls).toHaveLength(2);
  });

  it("keeps people, their user tokens, agents, apps and resources apart", async () => {
    const oid = "dddddddd-0000-4000-8000-000000000004";
    const [tab, phone, grace] = [
      contextFor({ oid, uti: "tab" }),
      contextFor({ oid, uti: "phone" }),
      contextFor(),
    ];
    const narrower = { ...resource, scopes: [`api://${mcpApp}/read`] };
    const elsewhere = { ...resource, audiences: [agentApp] };
    const ownSource = { ...obo() };
    const another = { ...resource, url: "https://mcp.example.com/other" };
    const others: readonly [UserAccess, UserContext][] = [
      [replica(), phone],
      [replica(), grace],
      [replica({ agentName: "calendar" }), tab],
      [replica({}, [{ ...obo(), cacheScope: "another app" }]), tab],
      [replica({}, [{ ...obo(), kind: "another way" }]), tab],
      [replica({}, [obo()], {}, elsewhere), tab],
      [replica({}, [obo()], {}, narrower), tab],
      [replica({}, [ownSource]), tab],
      [replica({}, [ownSource], {}, another), tab],
    ];
    const tokens = [await shares(replica(), tab)];
    for (const [access, context] of others) tokens.push(await shares(access, context));
    expect(new Set(tokens).size).toBe(10);
    expect(posts()).toBe(10);
  });

  it("holds nothing that can be read", async () => {
    const context = contextFor({ oid: "dddddddd-0000-4000-8000-000000000004" });
    const token = await shares(replica(), context);
    const dump = JSON.stringify([...store.values]);
    const decoded = Buffer.from(String([...store.values.values()]), "base64url").toString("latin1");
    for (const secret of [token, unsigned({}), scope, `${tenant} dddddddd-0000-4000-8000-000000000004`])
      expect(leaks(dump + decoded, secret)).toBe(false);
    expect(dump).not.toContain("dddddddd");
    expect([...store.values.keys()]).toEqual([
      expect.stringMatching(/^hosted-agent-identity:shared-token:[\w-]{43}$/),
    ]);
  });

  it("is asked once for both records, where it can read several", async () => {
    const many: string[][] = [];
    const reading: SharedTokenStore = {
      ...store,
      async getMany(names) {
        many.push(names);
        return names.map((name) => store.values.get(name));
      },
    };
    const context = contextFor();
    const token = await shares(replica({ store: reading }), context);
    store.calls.length = many.length = 0;
    expect((await replica({ store: reading }).token(context)).token).toBe(token);
    expect([many.length, many[0]?.length, store.calls.length]).toEqual([1, 2, 0]);
    const forgetting = replica({ store: reading });
    forgetting.forget(context);
    await forgetting.close();
    expect((await replica({ store: reading }).token(context)).token).not.toBe(token);
    const short = { ...reading, getMany: async () => [] };
    await replica({ store: short }).token(context);
    expect(typesOf("shared_cache_failed")).toHaveLength(1);
  });

  it("gives nothing while nobody can say whether the user was forgotten, though a Keyv would", async () => {
    const values = new Map<string, unknown>();
    let unreadable = "";
    const adapter = {
      opts: {},
      get: async (name: string) => {
        if (name === unreadable) throw new Error("down");
        return values.get(name);
      },
      set: async (name: string, value: unknown) => values.set(name, value),
      delete: async (name: string) => values.delete(name),
      clear: async () => values.clear(),
      on: () => adapter,
    };
    const keyv = new Keyv({ store: adapter as never, throwOnErrors: true });
    keyv.on("error", () => undefined);
    const context = contextFor();
    const token = await shares(replica({ store: keyv }), context);
    expect((await replica({ store: keyv }).token(context)).token).toBe(token);
    const [record = "", sealed] = [...values].at(0) ?? [];
    const forgetting = replica({ store: keyv });
    forgetting.forget(context);
    await forgetting.close();
    unreadable = [...values.keys()].find((name) => name !== record) ?? "";
    values.set(record, sealed);
    expect((await replica({ store: keyv }).token(context)).token).not.toBe(token);
  });

  it("fits a Keyv instance as it is", () => {
    expectTypeOf<Keyv>().toExtend<SharedTokenStore>();
    expectTypeOf<Map<string, string>>().not.toExtend<SharedTokenStore>();
    expect(() => replica({ timeoutMs: 0 })).toThrow(expect.objectContaining({ code: "invalid_option" }));
    expect(() => replica({ encryptionKeys: [] })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});

describe("what is not shared", () => {
  const given = (more: Partial<TokenSource>): TokenSource => ({
    kind: "other",
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: true,
    skip: () => undefined,
    acquire: async () => ({
      status: "token",
      token: { token: "token-of-another-source", expiresAt: time + 3_600_000, source: "other" },
    }),
    ...more,
  });

  it.each<[string, Partial<TokenSource>]>([
    ["a sign-in gave", { usesAssertion: false }],
    ["nobody has proven to be the user's own", { provesUser: false }],
    ["may not be cached", { cached: false }],
  ])("a token that %s", async (_, more) => {
    await shares(replica({}, [given(more)]), contextFor());
    expect(store.calls).toEqual([]);
    await shares(replica({}, [given({})]), contextFor());
    expect(store.values.size).toBe(1);
  });

  it("anything for somebody whose own token is for the resource", async () => {
    const own = contextFor({}, "resource");
    await shares(replica({}, [passthrough()]), own);
    await shares(replica({}, [given({})]), own);
    expect(store.calls).toEqual([]);
  });
});

describe("a store in trouble", () => {
  const boom = (): never => {
    throw new Error("down");
  };

  it.each<[string, "timeout" | "error", () => unknown]>([
    ["is down", "error", boom],
    ["hangs", "timeout", () => new Promise(() => undefined)],
  ])("that %s costs no token", async (_, reason, hook) => {
    store.before(hook);
    const access = replica({ timeoutMs: 10 });
    expect((await access.token(contextFor())).token).toMatch(/^ey/);
    expect(typesOf("shared_cache_failed")).toEqual([
      { type: "shared_cache_failed", serverLabel: "contacts", call: "get", reason, pausedForMs: 1_000 },
    ]);
    await access.close();
  });

  it("that throws instead of rejecting costs no token", async () => {
    const broken: SharedTokenStore = { get: boom, set: boom, delete: boom };
    expect((await replica({ store: broken }).token(contextFor())).token).toMatch(/^ey/);
  });

  it("is left alone for a while, longer each time, and then tried with one call", async () => {
    store.before(boom);
    const access = replica();
    for (let user = 0; user < 20; user += 1) await access.token(contextFor());
    expect(store.calls).toHaveLength(2);
    for (const pause of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]) {
      time += pause - 1;
      store.calls.length = 0;
      await access.token(contextFor());
      expect(store.calls).toEqual([]);
      time += 1;
      await Promise.all([access.token(contextFor()), access.token(contextFor())]);
      expect(store.calls).toHaveLength(2);
    }
    store.before(undefined);
    time += 30_000;
    await access.token(contextFor());
    await access.token(contextFor());
    await access.close();
    expect(typesOf("shared_cache_recovered")).toEqual([
      { type: "shared_cache_recovered", serverLabel: "contacts", call: "get" },
    ]);
    expect(store.values.size).toBe(2);
  });

  it("is tried again when the clock has been put back", async () => {
    store.before(boom);
    const access = replica();
    await access.token(contextFor());
    store.calls.length = 0;
    time -= 3_600_000;
    await access.token(contextFor());
    expect(store.calls).toHaveLength(2);
  });

  it.each<[string, (name: string) => void]>([
    ["refuses", (call) => call === "set" && boom()],
    ["says that it did not keep it", () => undefined],
  ])("that %s when it is full can still be read", async (_, hook) => {
    const context = contextFor();
    await shares(replica(), context);
    store.before(hook);
    const set = store.set;
    store.set = async (...args) => (await set(...args), false);
    const full = replica();
    await full.token(contextFor());
    await full.token(contextFor());
    await full.close();
    expect((await replica().token(context)).token).toMatch(/^ey/);
    expect(typesOf("shared_cache_failed")).toEqual([
      {
        type: "shared_cache_failed",
        serverLabel: "contacts",
        call: "set",
        reason: "error",
        pausedForMs: 1_000,
      },
    ]);
    expect(posts()).toBe(3);
  });

  it.each<[string, (sealed: string) => unknown]>([
    ["cut", (sealed) => sealed.slice(0, -5)],
    ["changed", (sealed) => sealed.slice(0, 200) + (sealed[200] === "A" ? "B" : "A") + sealed.slice(201)],
    ["empty", () => ""],
    ["no text", () => ({ token: "planted" })],
    [
      "plain JSON",
      () => JSON.stringify({ token: "planted", expiresAt: 1e15, until: 1e15, scopes: [], generation: 0 }),
    ],
    ["far too long", (sealed) => sealed.padEnd(70_000, "A")],
  ])("whose value is %s costs one POST and an event, and is put right", async (_, spoil) => {
    const context = contextFor();
    await shares(replica(), context);
    const [name = "", sealed] = [...store.values].at(0) ?? [];
    store.values.set(name, spoil(String(sealed)));
    const repaired = await shares(replica(), context);
    expect(typesOf("shared_cache_unreadable")).toHaveLength(1);
    expect(posts()).toBe(2);
    expect((await replica().token(context)).token).toBe(repaired);
    expect(posts()).toBe(2);
  });

  it("with another key is of no use, and with both keys it is", async () => {
    const context = contextFor();
    const newer = new Uint8Array(randomBytes(32));
    const token = await shares(replica(), context);
    expect((await replica({ encryptionKeys: [newer, key] }).token(context)).token).toBe(token);
    expect(posts()).toBe(1);
    expect((await replica({ encryptionKeys: [newer] }).token(context)).token).not.toBe(token);
    expect(posts()).toBe(2);
  });

  it("is told of forget() by replicas with an older, a newer or both keys while keys are replaced", async () => {
    const newer = new Uint8Array(randomBytes(32));
    const steps = [[key], [key, newer], [newer, key], [key], [newer, key], [newer]];
    for (const [told, tells] of [steps, steps.toReversed()].flatMap((order) =>
      order.slice(1).map((keys, n) => [order[n] ?? [], keys] as const),
    )) {
      const context = contextFor();
      await shares(replica({ encryptionKeys: told }), context);
      const before = posts();
      const forgets = replica({ encryptionKeys: tells });
      forgets.forget(context);
      await forgets.close();
      await replica({ encryptionKeys: told }).token(context);
      expect(posts()).toBe(before + 1);
    }
  });

  it("in which somebody has copied a record opens it for nobody else", async () => {
    const [ada, grace] = [contextFor(), contextFor()];
    const adas = await shares(replica(), ada);
    const graces = await shares(replica(), grace);
    const [[first = "", one], [second = "", two]] = [...store.values] as [
      [string, unknown],
      [string, unknown],
    ];
    store.values.set(first, two).set(second, one);
    expect([adas, graces]).not.toContain((await replica().token(ada)).token);
    expect([adas, graces]).not.toContain((await replica().token(grace)).token);
    expect(posts()).toBe(4);
  });
});

describe("a record that does not hold any more", () => {
  it("is not given near its end, though the store still has it", async () => {
    const context = contextFor({ exp: Math.floor(time / 1000) + 90_000 });
    await shares(replica(), context);
    time += 3_569_000;
    await replica().token(context);
    expect(posts()).toBe(1);
    time += 2_000;
    await replica().token(context);
    expect(posts()).toBe(2);
  });

  it("is kept by the store no longer than the token may be used", async () => {
    const lifetimes: number[] = [];
    const keeping: SharedTokenStore = { ...store, set: async (...[, , ttlMs]) => lifetimes.push(ttlMs) };
    await shares(replica({ store: keeping }), contextFor());
    entra.answer((form, response) => json(response, 200, goodBody(form, { expires_in: 200_000 })));
    await shares(replica({ store: keeping }), contextFor());
    expect(lifetimes).toEqual([3_570_000, 86_400_000]);
  });

  it("is not given after forget(), here or elsewhere, even where its writing was late", async () => {
    const context = contextFor();
    let arrives = (): void => {};
    const late = new Promise<void>((resolve) => (arrives = resolve));
    store.before((call) => (call === "set" ? late : undefined));
    const access = replica({ timeoutMs: 20 });
    const forgotten = (await access.token(context)).token;
    await access.close();
    const [write] = store.calls.filter((call) => call.startsWith("set"));
    store.before((call, name) => (call === "set" && `set ${name}` === write ? late : undefined));

    time += 60_000;
    const other = replica({ timeoutMs: 20 });
    other.forget(context);
    await other.close();
    store.before(undefined);
    arrives();
    await new Promise((done) => setImmediate(done));
    expect(store.values.size).toBe(2);
    expect((await replica().token(context)).token).not.toBe(forgotten);
    expect(posts()).toBe(2);
  });

  it("is given again to those who came after forget()", async () => {
    const context = contextFor();
    const access = replica();
    await access.token(context);
    access.forget(context);
    const second = await shares(access, context);
    expect((await replica().token(context)).token).toBe(second);
    expect(posts()).toBe(2);
  });

  it("is not given after a forget() by a replica whose clock is behind", async () => {
    const context = contextFor();
    const first = replica();
    first.forget(context);
    await shares(first, context);
    time -= 120_000;
    const second = replica();
    second.forget(context);
    await second.close();
    await replica().token(context);
    expect(posts()).toBe(2);
  });

  it("is not given after forget() in this process, though the store did not take it", async () => {
    const context = contextFor();
    const access = replica();
    const forgotten = (await access.token(context)).token;
    store.before((call) => {
      if (call === "set") throw new Error("full");
    });
    access.forget(context);
    expect((await access.token(context)).token).not.toBe(forgotten);
  });

  it("is not given to somebody when the record of what they forgot cannot be read", async () => {
    const context = contextFor();
    const access = replica();
    access.forget(context);
    await shares(access, context);
    const [generation = ""] = store.values.keys();
    store.values.set(generation, "x".repeat(100));
    await replica().token(context);
    expect(posts()).toBe(2);
    expect(typesOf("shared_cache_unreadable")).toHaveLength(1);
  });
});

describe("a token that the resource refuses", () => {
  let refusedTokens: Set<string>;
  let challenge: string;
  const network = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const token = new Headers(init?.headers).get("authorization")?.slice(7) ?? "";
    return refusedTokens.has(token)
      ? new Response("", { status: 401, headers: { "www-authenticate": challenge } })
      : new Response("ok");
  };
  const serving = (): UserAccess => replica({}, [obo()], { fetch: network });
  const calls = async (access: UserAccess, context: UserContext): Promise<number> =>
    (await access.as(context).fetch(resource.url, { method: "POST", body: "{}" })).status;

  beforeEach(() => {
    refusedTokens = new Set();
    challenge = 'Bearer error="invalid_token"';
  });

  it("goes out of the store, and no other one does", async () => {
    const [ada, grace] = [contextFor(), contextFor()];
    refusedTokens.add(await shares(replica(), ada));
    await shares(replica(), grace);
    const before = new Map(store.values);
    const access = serving();
    expect(await calls(access, ada)).toBe(200);
    await access.close();
    expect(posts()).toBe(3);
    const changed = [...before].filter(([name, sealed]) => store.values.get(name) !== sealed);
    expect(changed).toHaveLength(1);
    expect(await calls(serving(), ada)).toBe(200);
    expect(await calls(serving(), grace)).toBe(200);
    expect(posts()).toBe(3);
  });

  it("goes out where nothing is sent again", async () => {
    const context = contextFor();
    refusedTokens.add(await shares(replica(), context));
    const access = serving();
    const body = new ReadableStream({ start: (stream) => stream.close() });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    expect((await access.as(context).fetch(resource.url, init)).status).toBe(401);
    await access.close();
    expect(store.values.size).toBe(0);
  });

  it("leaves a newer one that another replica has put there", async () => {
    const context = contextFor();
    refusedTokens.add(await shares(replica(), context));
    const [behind, ahead] = [serving(), serving()];
    await behind.token(context);
    expect(await calls(ahead, context)).toBe(200);
    await ahead.close();
    const newer = new Map(store.values);
    const body = new ReadableStream({ start: (stream) => stream.close() });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    expect((await behind.as(context).fetch(resource.url, init)).status).toBe(401);
    await behind.close();
    expect(store.values).toEqual(newer);
    expect(posts()).toBe(2);
  });

  it("is not answered with another one that may be as old, but with an exchange", async () => {
    const context = contextFor();
    const behind = serving();
    refusedTokens.add((await behind.token(context)).token);
    await until(() => store.values.size === 1);
    store.values.clear();
    refusedTokens.add(await shares(replica(), context));
    expect(await calls(behind, context)).toBe(200);
    await behind.close();
    expect(await calls(serving(), context)).toBe(200);
    expect(posts()).toBe(3);
  });

  it("is not taken again, though the store does not let go of it", async () => {
    const context = contextFor();
    refusedTokens.add(await shares(replica(), context));
    store.before((call) => {
      if (call !== "get") throw new Error("read-only");
    });
    const access = replica({}, [obo()], { fetch: network, cache: { maxEntries: 1 } });
    expect(await calls(access, context)).toBe(200);
    expect(posts()).toBe(2);
    await access.token(contextFor());
    expect(refusedTokens).not.toContain((await access.token(context)).token);
    await access.close();
  });

  it("is not what a claims challenge gets, and what it gets is shared", async () => {
    const context = contextFor();
    refusedTokens.add(await shares(replica(), context));
    challenge = `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`;
    const [ahead, behind] = [serving(), serving()];
    await behind.token(context);
    expect(await calls(ahead, context)).toBe(200);
    await ahead.close();
    expect(entra.forms.at(-1)?.get("claims")).toContain("acrs");
    expect(await calls(behind, context)).toBe(200);
    expect(await calls(serving(), context)).toBe(200);
    expect(posts()).toBe(2);
  });

  it.each([
    ["claims", 401, `error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`],
    ["scopes", 403, 'error="insufficient_scope", scope="write"'],
  ])("for its %s is not answered with one that has no more", async (_, status, asks) => {
    const context = contextFor();
    const weak = new Set<string>();
    const demanding = async (__: unknown, init?: RequestInit): Promise<Response> => {
      const token = new Headers(init?.headers).get("authorization")?.slice(7) ?? "";
      const headers = { "www-authenticate": `Bearer ${asks}` };
      return weak.has(token) ? new Response("", { status, headers }) : new Response("ok");
    };
    const behind = replica({}, [obo()], { fetch: demanding });
    weak.add((await behind.token(context)).token);
    store.values.clear();
    weak.add(await shares(replica(), context));
    expect(await calls(behind, context)).toBe(200);
    expect(posts()).toBe(3);
    await behind.close();
    const fresh = replica({}, [obo()], { fetch: demanding });
    expect(await calls(fresh, context)).toBe(200);
    expect(weak).not.toContain((await fresh.token(context)).token);
    expect(posts()).toBe(3);
  });

  it("for its claims is not answered with the token it was, or with one for other claims", async () => {
    const context = contextFor();
    const access = replica();
    const credential = access.tokenCredential(context);
    const first = await credential.getToken(scope);
    const strong = await credential.getToken(scope, { claims });
    expect(strong.token).not.toBe(first.token);
    const other = claims.replace("c1", "c2");
    expect((await credential.getToken(scope, { claims: other })).token).not.toBe(strong.token);
    expect((await credential.getToken(scope, { claims: other })).token).not.toBe(strong.token);
    await access.close();
    expect(posts()).toBe(4);
  });
});

describe("a background refresh", () => {
  it("asks Entra although the store has the old token, and spares the other replicas that", async () => {
    const context = contextFor({ exp: Math.floor(time / 1000) + 90_000 });
    const [first, second] = [replica(), replica()];
    const old = await first.token(context);
    await until(() => store.values.size === 1);
    expect((await second.token(context)).token).toBe(old.token);
    const before = [...store.values.values()][0];
    time = (old.refreshAt ?? 0) + 1;
    expect((await first.token(context)).token).toBe(old.token);
    await until(() => [...store.values.values()][0] !== before);
    const fresh = (await first.token(context)).token;
    expect(fresh).not.toBe(old.token);
    expect((await second.token(context)).token).toBe(old.token);
    await until(() => typesOf("token_acquired").length === 4);
    expect((await second.token(context)).token).toBe(fresh);
    expect(posts()).toBe(2);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 2));
}
