import { createClient, createClientPool } from "redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type RedisClient,
  redisStore,
  type RedisStoreOptions,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";
import { script, scriptName } from "../../../src/sign-in/stores/redis-steps.js";
import { redisOperator } from "../../support/redis-operator.js";
import { startRedis, type RedisServer } from "../../support/redis-server.js";
import { answering, coded, hour, pagesOf } from "../../support/redis-stores.js";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.js";

const opened: { close?(): Promise<unknown> }[] = [];
let server: RedisServer;

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close?.();
  await server.remove();
});

/** Reconnects at once, so that a test waits for the server only. */
const clientOf = (url: string, settings = {}) =>
  createClient({ url, socket: { reconnectStrategy: 20, ...settings } });

function storeOf(client: RedisClient, options?: RedisStoreOptions): SignInStore {
  const store = redisStore(client, options);
  opened.push(store);
  return store;
}

async function open(options?: RedisStoreOptions, url = server.url): Promise<SignInStore> {
  const store = storeOf(clientOf(url), options);
  await store.start?.();
  return store;
}

/** A direct line to the server, for what an operator does. */
async function operator() {
  const client = await redisOperator(server.url);
  opened.push({ close: async () => client.destroy() });
  return client;
}

/** Every method, as a caller would use it. None may answer while the store is down. */
const everyMethod: Record<string, (store: SignInStore) => Promise<unknown>> = {
  get: (store) => store.get("grant"),
  setIfAbsent: (store) => store.setIfAbsent("grant", "other", hour),
  increment: (store) => store.increment("count", hour),
  compareAndSet: (store) => store.compareAndSet("grant", "sealed", "other", hour),
  take: (store) => store.take("grant"),
  delete: (store) => store.delete("grant"),
};

async function expectEachRefused(store: SignInStore, message = ""): Promise<void> {
  const all = await Promise.allSettled(Object.values(everyMethod).map((method) => method(store)));
  expect(all).toEqual(
    all.map(() => ({ status: "rejected", reason: coded("store_unavailable", message) as object })),
  );
}

describe("restart and fail-over", () => {
  it("a server that keeps its log and is killed has everything again", async () => {
    server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    const store = await open({ timeoutMs: 500 });
    await store.setIfAbsent("grant", "sealed", hour);
    await store.increment("count", hour);
    await server.stop();
    await expectEachRefused(store);

    await server.start();
    await answering(store);
    expect(await store.increment("count", hour)).toBe(2);
    expect(await store.compareAndSet("grant", "sealed", "newer", hour)).toBe(true);
    expect(await store.take("grant")).toBe("newer");
  });

  it("an empty server in its place has nothing, and every method works on it", async () => {
    server = await startRedis();
    const store = await open({ timeoutMs: 500 });
    await store.setIfAbsent("grant", "sealed", hour);
    await store.increment("count", hour);
    await server.stop();
    await server.start({ empty: true });
    await answering(store);
    expect(await store.compareAndSet("grant", "sealed", "newer", hour)).toBe(false);
    expect(await store.get("grant")).toBeUndefined();
    expect(await store.take("grant")).toBeUndefined();
    expect(await store.increment("count", hour)).toBe(1);
    expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
  });

  it("a server that was not there at the start is used when it comes", async () => {
    server = await startRedis();
    await server.stop();
    const store = storeOf(clientOf(server.url), { timeoutMs: 100 });
    await expect(store.start?.()).rejects.toThrow(coded("store_unavailable", "within 100 ms"));
    await expectEachRefused(store);
    await server.start();
    await answering(store);
    await store.start?.();
    expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
  });

  it("a client that does not try again says at once that it is closed", async () => {
    server = await startRedis();
    await server.stop();
    const store = storeOf(clientOf(server.url, { reconnectStrategy: false }), { timeoutMs: 5_000 });
    await expect(store.start?.()).rejects.toThrow(coded("store_unavailable", "Redis could not be asked"));
  });
});

describe("a slow server", () => {
  let proxy: TcpProxy;
  beforeEach(async () => {
    server = await startRedis();
    proxy = await startTcpProxy(server.port);
  });
  afterEach(() => proxy.close());

  it("that pauses gives errors within the deadline, and the right answers afterwards", async () => {
    const patient = await open();
    await patient.setIfAbsent("grant", "sealed", hour);
    await patient.setIfAbsent("other grant", "sealed too", hour);
    const store = await open({ timeoutMs: 200 });
    await (await operator()).sendCommand(["CLIENT", "PAUSE", "500", "ALL"]);
    await expectEachRefused(store, "within 200 ms");
    await answering(store);
    expect(await store.get("other grant")).toBe("sealed too");
    // A write that was refused for its time may have been done or not, and only as it was asked for.
    expect([undefined, "sealed", "other"]).toContain(await store.get("grant"));
    expect([1, 2]).toContain(await store.increment("count", hour));
  });

  it("whose answers come late never gives one call's answer to another", async () => {
    const names = Array.from({ length: 60 }, (_, n) => `n${n}`);
    const patient = await open();
    for (const name of names) await patient.setIfAbsent(name, `value of ${name}`, hour);
    const store = await open({ timeoutMs: 80 }, proxy.url);
    let answered = 0;
    for (const [round, name] of names.entries()) {
      proxy.delay(round % 2 === 0 ? 0 : 60 + (round % 5) * 10);
      const [got] = await Promise.allSettled([store.get(name)]);
      if (got.status === "rejected") {
        expect(got.reason).toEqual(coded("store_unavailable"));
        continue;
      }
      answered += 1;
      expect(got.value).toBe(`value of ${name}`);
    }
    // Neither all nor none: the test has seen both.
    expect(answered).toBeGreaterThan(5);
    expect(answered).toBeLessThan(60);
  });

  it("whose connection carries nothing any more gets a new one, also when nobody stops asking", async () => {
    await (await open()).setIfAbsent("grant", "sealed", hour);
    const store = await open({ timeoutMs: 250 }, proxy.url);
    proxy.hang();
    await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable"));
    await answering(store);
    expect(await store.get("grant")).toBe("sealed");
  });

  it("that never answers does not gather commands without end", async () => {
    const never = new Promise<never>(() => undefined);
    const commands = {
      get: () => never,
      set: () => never,
      del: () => never,
      eval: () => never,
      evalSha: () => never,
      info: () => never,
      scan: () => never,
      wait: () => never,
    };
    const hanging: RedisClient = {
      isOpen: true,
      connect: () => never,
      close: () => never,
      destroy: () => undefined,
      on: () => undefined,
      withCommandOptions: () => commands,
    };
    const store = redisStore(hanging, { timeoutMs: 1 });
    await Promise.allSettled(Array.from({ length: 10_000 }, () => store.get("grant")));
    await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable", "thousands"));
  });

  it("is not waited for when the store is closed", async () => {
    const store = await open({ timeoutMs: 100 }, proxy.url);
    proxy.hang();
    const [asked] = await Promise.allSettled([store.get("grant"), store.close?.()]);
    expect(asked).toEqual({ status: "rejected", reason: coded("store_unavailable") as object });
    await expect(store.get("grant")).rejects.toThrow(coded("closed"));
  });
});

describe("a server that refuses", () => {
  it("when it is full: writes are refused, nothing that is kept goes away, room helps", async () => {
    server = await startRedis();
    const store = await open();
    await store.setIfAbsent("grant", "sealed", hour);
    await store.increment("count", hour);
    const control = await operator();
    await control.sendCommand(["CONFIG", "SET", "maxmemory", "64kb"]);
    const full = expect.objectContaining({
      code: "store_unavailable",
      message: expect.stringContaining("OOM"),
      help: expect.stringContaining("maxmemory"),
    });
    const large = "x".repeat(1024 * 1024);
    await expect(store.setIfAbsent("new", large, hour)).rejects.toThrow(full);
    await expect(store.compareAndSet("grant", "sealed", large, hour)).rejects.toThrow(full);
    await expect(store.increment("count", hour)).rejects.toThrow(full);
    expect(await store.get("new")).toBeUndefined();
    expect(await store.get("count")).toBe("1");
    expect(await store.take("grant")).toBe("sealed");
    await store.delete("count");

    await control.sendCommand(["CONFIG", "SET", "maxmemory", "0"]);
    expect(await store.setIfAbsent("new", large, hour)).toBe(true);
  });

  it.each([
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
  ])("is refused at the start when its policy is %s, whatever was declared", async (policy) => {
    server = await startRedis(["--maxmemory-policy", policy]);
    for (const options of [{}, { maxmemoryPolicy: "noeviction" as const }]) {
      await expect(open(options)).rejects.toThrow(
        expect.objectContaining({
          code: "store_unsuitable",
          category: "config",
          message: expect.stringContaining(policy),
          help: expect.stringContaining("maxmemory-policy to noeviction"),
        }),
      );
    }
  });

  it("is refused at the start when it does not tell its policy, unless the developer knows it", async () => {
    server = await startRedis(["--rename-command", "INFO", ""]);
    await expect(open()).rejects.toThrow(coded("store_unsuitable", "does not tell"));
    const store = await open({ maxmemoryPolicy: "noeviction" });
    expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
  });

  it("when it has fewer replicas than it wants: writes are refused, reads go on, one more helps", async () => {
    server = await startRedis();
    const store = await open();
    await store.setIfAbsent("grant", "sealed", hour);
    const control = await operator();
    await control.sendCommand(["CONFIG", "SET", "min-replicas-to-write", "1"]);
    for (const [name, method] of Object.entries(everyMethod)) {
      if (name === "get") continue;
      await expect(method(store)).rejects.toThrow(
        expect.objectContaining({
          code: "store_unavailable",
          category: "retry",
          message: expect.stringContaining("NOREPLICAS"),
          help: expect.stringContaining("min-replicas-to-write"),
        }),
      );
    }
    expect(await store.get("grant")).toBe("sealed");
    const settings = ["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", String(server.port)];
    const replica = await startRedis(settings);
    opened.push({ close: () => replica.remove() });
    await control.sendCommand(["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    await expect.poll(() => store.take("grant").catch(() => "refused"), { timeout: 20_000 }).toBe("sealed");
  });

  it("without the password, or without a right, is a matter of configuration", async () => {
    server = await startRedis();
    const store = await open();
    await (await operator()).sendCommand(["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    await expect(store.take("grant")).rejects.toThrow(
      expect.objectContaining({
        code: "store_unavailable",
        category: "config",
        message: expect.stringContaining("NOPERM"),
      }),
    );
    await (await operator()).sendCommand(["CONFIG", "SET", "requirepass", "secret"]);
    const unnamed = storeOf(clientOf(server.url), { timeoutMs: 500 });
    await expect(unnamed.start?.()).rejects.toThrow(coded("store_unavailable"));
  });

  it("repeats nothing of what was stored in the error", async () => {
    server = await startRedis(["--rename-command", "EVAL", ""]);
    await expect(open()).rejects.toThrow(coded("store_unavailable", "unknown command"));
    const theirs = await clientOf(server.url).connect();
    opened.push(theirs);
    const error = await storeOf(theirs)
      .compareAndSet("ticket:1", "sealed", "newer", hour)
      .catch((reason: unknown) => reason);
    expect(error).toEqual(coded("store_unavailable", "unknown command"));
    expect(`${JSON.stringify(error)} ${(error as Error).message}`).not.toMatch(/sealed|ticket:1|redis\.call/);
    expect((error as Error).cause).toBeUndefined();
  });
});

describe("steps that begin together", () => {
  beforeEach(async () => void (server = await startRedis()));

  /** How many commands clients have sent, but for those that a script ran and those of this line. */
  async function sent(): Promise<number> {
    const stats = String(await (await operator()).sendCommand(["INFO", "commandstats"]));
    return [...stats.matchAll(/^cmdstat_(?:evalsha|eval|get|set|del):calls=(\d+)/gm)]
      .filter(([line]) => /evalsha|eval/.test(line))
      .reduce((sum, [, calls]) => sum + Number(calls), 0);
  }

  it("go as one command, and each has its own answer", async () => {
    const store = await open();
    await store.setIfAbsent("grant", "sealed", hour);
    await store.setIfAbsent("taken", "prompt", hour);
    await store.setIfAbsent("gone", "old", hour);
    const before = await sent();
    expect(
      await Promise.all([
        store.get("grant"),
        store.get("nothing"),
        store.compareAndSet("grant", "sealed", "newer", hour),
        store.compareAndSet("grant", "sealed", "newest", hour),
        store.setIfAbsent("grant", "other", hour),
        store.setIfAbsent("new", "value", hour),
        store.increment("count", hour),
        store.increment("count", hour),
        store.take("taken"),
        store.take("taken"),
        store.delete("gone"),
        store.get("gone"),
      ]),
    ).toEqual([
      "sealed",
      undefined,
      true,
      false,
      false,
      true,
      1,
      2,
      "prompt",
      undefined,
      undefined,
      undefined,
    ]);
    expect((await sent()) - before).toBe(1);
    expect(await store.get("grant")).toBe("newer");
  });

  it("are refused one by one: what fits is written, what does not is an error", async () => {
    const store = await open();
    await store.setIfAbsent("grant", "sealed", hour);
    await (await operator()).sendCommand(["RPUSH", "hosted-agent-identity:list", "of another program"]);
    const all = await Promise.allSettled([
      store.get("list"),
      store.compareAndSet("list", "sealed", "newer", hour),
      store.increment("list", hour),
      store.take("list"),
      store.compareAndSet("grant", "sealed", "newer", hour),
    ]);
    const refusedAs = (word: string): object => ({
      status: "rejected",
      reason: coded("store_unavailable", word) as object,
    });
    expect(all).toEqual([
      ...Array.from({ length: 4 }, () => refusedAs("WRONGTYPE")),
      { status: "fulfilled", value: true },
    ]);
    expect(await store.get("grant")).toBe("newer");
    expect(await (await operator()).sendCommand(["LLEN", "hosted-agent-identity:list"])).toBe(1);
  });

  it("go on at a server that has forgotten the script", async () => {
    const store = await open();
    await store.setIfAbsent("grant", "sealed", hour);
    await (await operator()).sendCommand(["SCRIPT", "FLUSH"]);
    expect(await store.compareAndSet("grant", "sealed", "newer", hour)).toBe(true);
    await (await operator()).sendCommand(["SCRIPT", "FLUSH"]);
    expect(await Promise.all([store.get("grant"), store.increment("count", hour)])).toEqual(["newer", 1]);
  });

  it("call the script by the name that Redis gives it", async () => {
    const store = await open();
    await store.increment("count", hour);
    expect(await (await operator()).scriptLoad(script)).toBe(scriptName);
  });

  it("compare all of a value, be it a counter, empty, or like the stored form of another", async () => {
    const store = await open();
    for (const [n, value] of [
      "",
      "7",
      "007",
      "12345678901234567",
      "#",
      "#7",
      "sealed",
      "ä".repeat(30),
    ].entries()) {
      const like = [`#${value}`, ` ${value}`, `${value} `, `0${value}`];
      await store.setIfAbsent(`key:${n}`, value, hour);
      expect(await store.get(`key:${n}`)).toBe(value);
      const stored = String(await (await operator()).get(`hosted-agent-identity:key:${n}`));
      for (const other of [...like, stored].filter((one) => one !== value))
        expect(await store.compareAndSet(`key:${n}`, other, "wrong", hour)).toBe(false);
      expect(await store.compareAndSet(`key:${n}`, value, value, hour)).toBe(true);
      expect(await store.take(`key:${n}`)).toBe(value);
    }
  });

  it.each(["", "a text without a mark", `#${"x".repeat(22)}a text whose mark is another's`, "#short"])(
    "replace what somebody else has put there: %j",
    async (damaged) => {
      const store = await open();
      await (await operator()).set("hosted-agent-identity:grant", damaged);
      const found = await store.get("grant");
      expect(await store.compareAndSet("grant", `${found}.`, "newer", hour)).toBe(false);
      expect(await store.compareAndSet("grant", found, "newer", hour)).toBe(true);
      expect(await store.get("grant")).toBe("newer");
    },
  );

  it("go in commands of at most 64, so that the server is not held up", async () => {
    const store = await open();
    const before = await sent();
    const all = Array.from({ length: 200 }, (_, n) => store.increment(`count:${n}`, hour));
    expect(await Promise.all(all)).toEqual(all.map(() => 1));
    expect((await sent()) - before).toBe(4);
  });

  it("send a mark of what a compare expects, however long that is", async () => {
    const store = await open();
    const long = "x".repeat(50_000);
    await store.setIfAbsent("grant", long, hour);
    const bytes = async () =>
      Number(
        /total_net_input_bytes:(\d+)/.exec(
          String(await (await operator()).sendCommand(["INFO", "stats"])),
        )?.[1],
      );
    const before = await bytes();
    expect(await store.compareAndSet("grant", `${long}y`, "newer", hour)).toBe(false);
    expect(await store.compareAndSet("grant", long, "newer", hour)).toBe(true);
    expect((await bytes()) - before).toBeLessThan(2_000);
  });
});

describe("the caller's client", () => {
  beforeEach(async () => void (server = await startRedis()));

  it("stays open when it was open before, and closes when the store has opened it", async () => {
    const theirs = await clientOf(server.url).connect();
    opened.push(theirs);
    const store = redisStore(theirs);
    await store.start?.();
    await store.close?.();
    expect(await theirs.ping()).toBe("PONG");

    const ours = clientOf(server.url);
    const second = redisStore(ours);
    await second.start?.();
    await second.close?.();
    expect(ours.isOpen).toBe(false);
  });

  it("keeps its other keys: two prefixes are two stores", async () => {
    const [first, second] = [await open(), await open({ keyPrefix: "other:" })];
    await first.setIfAbsent("grant", "1", hour);
    await second.setIfAbsent("grant", "2", hour);
    expect(await first.take("grant")).toBe("1");
    expect(await second.get("grant")).toBe("2");
    expect(await (await operator()).keys("*")).toEqual(["other:grant"]);
  });

  it("may give bytes for texts elsewhere; the store reads texts", async () => {
    const client = createClient({ url: server.url, commandOptions: { typeMapping: { 36: Buffer } } });
    const store = storeOf(client);
    await store.start?.();
    await store.setIfAbsent("grant", "sealed", hour);
    expect(await store.get("grant")).toBe("sealed");
    expect(await store.take("grant")).toBe("sealed");
  });

  it.each([0, -1, Number.NaN, 2 ** 31])("is not asked with a deadline of %d ms", (timeoutMs) => {
    expect(() => redisStore(clientOf(server.url), { timeoutMs })).toThrow(coded("invalid_option"));
  });
});

it("a pool keeps the promises too", async () => {
  server = await startRedis();
  const connect = () => redisStore(createClientPool({ url: server.url }));
  const checks = signInStoreSuite({ name: "redis", open: async () => [connect(), connect()], races: 50 });
  for (const { run } of checks) await expect(run()).resolves.toBeUndefined();
});

describe("records, page by page", () => {
  beforeEach(async () => void (server = await startRedis()));

  it("are those of the prefix alone, each once, on pages no longer than asked for", async () => {
    const [store, other] = [await open(), await open({ keyPrefix: "other*:" })];
    const control = await operator();
    await control.mSet(Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`theirs:${n}`, "x"])));
    const names = Array.from({ length: 120 }, (_, n) => `grant:${n}`);
    for (const name of names) await store.setIfAbsent(name, `value of ${name}`, hour);
    await store.setIfAbsent("prompt:1", "no grant", hour);
    await other.setIfAbsent("grant:1", "of another service", hour);

    const pages = await pagesOf(store, "grant:", 50);
    expect(pages.every(({ length }) => length <= 50)).toBe(true);
    // Few pages, although most keys are no grants.
    expect(pages.length).toBeLessThan(20);
    const records = pages.flat();
    expect(records.toSorted()).toEqual(names.map((name) => [name, `value of ${name}`]).toSorted());
    expect((await pagesOf(other, "grant:", 1)).flat()).toEqual([["grant:1", "of another service"]]);
    expect((await pagesOf(store, "ticket:", 10)).flat()).toEqual([]);
  });

  it("are found under a prefix of the client's own", async () => {
    const store = storeOf(createClient({ url: server.url, keyPrefix: "app:" }));
    await store.start?.();
    await store.setIfAbsent("grant:1", "sealed", hour);
    expect((await pagesOf(store, "grant:", 10)).flat()).toEqual([["grant:1", "sealed"]]);
  });

  it("are not listed from a place that was never given, or by no number", async () => {
    const store = await open();
    for (const cursor of ["17", "", Buffer.from('["a",0]').toString("base64url")])
      await expect(store.scan?.("grant:", cursor, 10)).rejects.toThrow(coded("invalid_option", "cursor"));
    for (const limit of [0, 1.5, Number.NaN])
      await expect(store.scan?.("grant:", undefined, limit)).rejects.toThrow(
        coded("invalid_option", "limit"),
      );
  });
});
