import { afterEach, describe, expect, test, vi } from "vitest";
import {
  ConsentRequest,
  type IdentityEvent,
  mcpClientPool,
  type McpClientPool,
  type McpClientPoolOptions,
  runWithUserContext,
  tryGetUserContext,
  type UserContext,
} from "hosted-agent-identity";
import { recordConsent } from "../../src/context/internals.js";
import { gate } from "../support/consenting-access.js";
import { contextOf, contextOfNobody } from "../support/test-users.js";

/** A client that remembers whose it is. */
interface FakeClient {
  owner: string;
  serial: number;
  transport: { sessionId: string | undefined };
}

interface Harness {
  pool: McpClientPool<FakeClient>;
  opened: FakeClient[];
  closed: FakeClient[];
  events: IdentityEvent[];
}

const oid = (context: UserContext | undefined): string =>
  context?.principal?.kind === "entra" ? context.principal.oid : "nobody";

function harness(options: Partial<McpClientPoolOptions<FakeClient>> = {}): Harness {
  const opened: FakeClient[] = [];
  const closed: FakeClient[] = [];
  const events: IdentityEvent[] = [];
  const pool = mcpClientPool<FakeClient>({
    async open({ context }) {
      await Promise.resolve();
      const client = { owner: oid(context), serial: opened.length, transport: { sessionId: "s" } };
      opened.push(client);
      return client;
    },
    async close(client) {
      closed.push(client);
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { pool, opened, closed, events };
}

const as = <T>(user: string | UserContext, run: () => Promise<T>): Promise<T> =>
  runWithUserContext(typeof user === "string" ? contextOf(user) : user, run);

const ownerSeenBy = (pool: McpClientPool<FakeClient>, user: string): Promise<string> =>
  as(user, () => pool.use(({ owner }) => owner));

/** Listens for a failure that comes later, so that it is never unhandled. */
const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "it went through",
    (error: unknown) => error,
  );

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

/** An error as SDK v1 and SDK v2 throw it when a session is gone. */
const gone: Record<string, () => Error> = {
  "SDK v1": () => Object.assign(new Error("Streamable HTTP error"), { code: 404 }),
  "SDK v2": () =>
    Object.assign(new Error("x"), {
      name: "SdkHttpError",
      code: "CLIENT_HTTP_NOT_IMPLEMENTED",
      data: { status: 404 },
    }),
  "AI SDK": () => Object.assign(new Error("x"), { name: "MCPClientError", statusCode: 404 }),
  "a framework, as a cause": () => new Error("tool failed", { cause: gone["SDK v2"]?.() }),
};

afterEach(() => void vi.useRealTimers());

describe("whose client it is", () => {
  test("each user gets a client of their own, and the same one in their next turn", async () => {
    const { pool, opened } = harness();
    expect(await ownerSeenBy(pool, "ana")).toBe("ana");
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
    expect(await ownerSeenBy(pool, "ana")).toBe("ana");
    expect(opened.map(({ owner }) => owner)).toEqual(["ana", "ben"]);
    expect(pool.size).toBe(2);
  });

  test("open runs in the context of its user and is told the principal", async () => {
    const seen: unknown[] = [];
    const { pool } = harness({
      async open({ principalKey, context }) {
        await Promise.resolve();
        seen.push(principalKey, context === tryGetUserContext());
        return { owner: oid(context), serial: 0, transport: { sessionId: undefined } };
      },
    });
    const ana = contextOf("ana");
    await as(ana, () => pool.use(() => {}));
    expect(seen).toEqual([ana.principalKey, true]);
  });

  test("without a user nothing is opened", async () => {
    const { pool, opened } = harness();
    await expect(pool.use(() => {})).rejects.toEqual(code("no_user_context"));
    await expect(pool.lease()).rejects.toEqual(code("no_user_context"));
    await expect(as(contextOfNobody(), () => pool.use(() => {}))).rejects.toEqual(code("no_user_context"));
    expect(opened).toEqual([]);
  });

  test("after the turn nothing is handed out", async () => {
    const { pool, opened } = harness();
    const ana = contextOf("ana");
    await as(ana, async () => {
      ana.end();
      await expect(pool.use(() => {})).rejects.toEqual(code("context_ended"));
      await expect(pool.lease()).rejects.toEqual(code("context_ended"));
    });
    expect(opened).toEqual([]);
  });
});

describe("opening", () => {
  test("a hundred concurrent first calls of a user, in two turns, share one open", async () => {
    const { pool, opened } = harness();
    const [turn, otherTurn] = [contextOf("ana"), contextOf("ana")];
    const owners = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        as(i % 2 === 0 ? turn : otherTurn, () => pool.use(({ owner }) => owner)),
      ),
    );
    expect(new Set(owners)).toEqual(new Set(["ana"]));
    expect(opened).toHaveLength(1);
  });

  test("a failed open leaves nothing behind and is tried again by the next call", async () => {
    let failing = true;
    const { pool, opened } = harness({
      async open({ context }) {
        if (failing) throw new Error("connect failed");
        return { owner: oid(context), serial: 0, transport: { sessionId: undefined } };
      },
    });
    await expect(ownerSeenBy(pool, "ana")).rejects.toThrow("connect failed");
    expect(pool.size).toBe(0);
    failing = false;
    expect(await ownerSeenBy(pool, "ana")).toBe("ana");
    expect(opened).toEqual([]);
  });

  /** `open` hangs for the first call. Returns what lets it end after all. */
  function hangingOnce(options: Partial<McpClientPoolOptions<FakeClient>> = {}) {
    const first = gate<FakeClient>();
    const client = (serial: number): FakeClient => ({
      owner: "ana",
      serial,
      transport: { sessionId: undefined },
    });
    let opens = 0;
    const made = harness({
      async open() {
        opens += 1;
        return opens === 1 ? first.promise : client(opens);
      },
      ...options,
    });
    return { ...made, comesAfterAll: () => first.open(client(1)), opens: () => opens };
  }

  test("a turn that ends takes its opening with it: the next turn has its own, and the late client is closed", async () => {
    const { pool, closed, events, comesAfterAll } = hangingOnce();
    const leaving = contextOf("ana");
    const first = failureOf(as(leaving, () => pool.use(() => {})));
    leaving.end();
    expect(await first).toEqual(code("context_ended"));
    expect(pool.size).toBe(0);
    expect(await as("ana", () => pool.use(({ serial }) => serial))).toBe(2);
    comesAfterAll();
    await vi.waitFor(() => expect(closed.map(({ serial }) => serial)).toEqual([1]));
    expect(events).toEqual([{ type: "mcp_client_closed", reason: "too_late" }]);
    expect(await as("ana", () => pool.use(({ serial }) => serial))).toBe(2);
  });

  test("openMs ends an opening that gets no answer, and the next call opens another client", async () => {
    vi.useFakeTimers();
    const { pool, opens } = hangingOnce({ openMs: 5000 });
    const first = failureOf(as("ana", () => pool.use(() => {})));
    await vi.advanceTimersByTimeAsync(4999);
    expect([pool.size, opens()]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toEqual(code("mcp_open_timeout"));
    expect(await as("ana", () => pool.use(({ serial }) => serial))).toBe(2);
  });

  test("openMs is 30 seconds by default", async () => {
    vi.useFakeTimers();
    const { pool } = hangingOnce();
    const first = failureOf(as("ana", () => pool.use(() => {})));
    await vi.advanceTimersByTimeAsync(29_999);
    expect(pool.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toEqual(code("mcp_open_timeout"));
  });

  test("another conversation of the user opens its own client where the first one's hangs", async () => {
    vi.useFakeTimers();
    const { pool, closed, comesAfterAll } = hangingOnce();
    const first = as("ana", () => pool.use(({ serial }) => serial));
    const second = as("ana", () => pool.use(({ serial }) => serial));
    await vi.advanceTimersByTimeAsync(2000);
    expect(await second).toBe(2);
    comesAfterAll();
    expect(await first).toBe(1);
    await vi.waitFor(() => expect(closed.map(({ serial }) => serial)).toEqual([1]));
    expect(pool.size).toBe(1);
  });

  test("a conversation that ends while it waits for another one's client is let go at once", async () => {
    const { pool, opens } = hangingOnce();
    const [opener, waiting] = [contextOf("ana"), contextOf("ana")];
    const first = failureOf(as(opener, () => pool.use(() => {})));
    const second = failureOf(as(waiting, () => pool.use(() => {})));
    waiting.end();
    expect(await second).toEqual(code("context_ended"));
    expect(opens()).toBe(1);
    opener.end();
    expect(await first).toEqual(code("context_ended"));
  });

  test("a turn that ends while it opens does not fail the user's other turn", async () => {
    const { pool, opened } = harness({
      async open({ context }) {
        await new Promise((resolve) => setImmediate(resolve));
        if (context.ended) throw new Error("its turn is over");
        const client = { owner: oid(context), serial: 0, transport: { sessionId: undefined } };
        opened.push(client);
        return client;
      },
    });
    const [leaving, staying] = [contextOf("ana"), contextOf("ana")];
    const first = as(leaving, () => pool.use(({ owner }) => owner));
    const second = as(staying, () => pool.use(({ owner }) => owner));
    leaving.end();
    await expect(first).rejects.toEqual(code("context_ended"));
    expect(await second).toBe("ana");
    expect(opened).toHaveLength(1);
  });

  test("where one turn was asked for consent, the user's other turn opens for itself and is asked as well", async () => {
    const asked: UserContext[] = [];
    const { pool } = harness({
      async open({ context }) {
        await Promise.resolve();
        asked.push(context);
        recordConsent(context, [
          new ConsentRequest({
            link: "https://login.example.com/consent",
            serverLabel: "people",
            reason: "consent",
          }),
        ]);
        throw new Error("consent needed");
      },
    });
    const turns = [contextOf("ana"), contextOf("ana")];
    await Promise.allSettled(turns.map((turn) => as(turn, () => pool.use(() => {}))));
    expect(asked).toEqual(turns);
  });
});

describe("room", () => {
  test("the longest idle client makes room, and a leased one never does", async () => {
    const { pool, closed, events } = harness({ max: 2 });
    const ana = await as("ana", () => pool.lease());
    await ownerSeenBy(pool, "ben");
    await ownerSeenBy(pool, "cleo");
    expect(closed.map(({ owner }) => owner)).toEqual(["ben"]);
    ana.release();
    await ownerSeenBy(pool, "cleo");
    await ownerSeenBy(pool, "dan");
    expect(closed.map(({ owner }) => owner)).toEqual(["ben", "ana"]);
    expect(pool.size).toBe(2);
    expect(events).toContainEqual({ type: "mcp_client_closed", reason: "no_room" });
  });

  test("closing to make room happens with no user context", async () => {
    const contexts: unknown[] = [];
    const { pool } = harness({ max: 1, close: async () => void contexts.push(tryGetUserContext()) });
    await ownerSeenBy(pool, "ana");
    await ownerSeenBy(pool, "ben");
    expect(contexts).toEqual([undefined]);
  });

  test("while all are leased a call waits its turn, first come first served", async () => {
    const { pool } = harness({ max: 1 });
    const order: string[] = [];
    const ana = await as("ana", () => pool.lease());
    const waiting = ["ben", "cleo", "dan"].map((user) =>
      as(user, () => pool.use(({ owner }) => void order.push(owner))),
    );
    await Promise.resolve();
    expect(order).toEqual([]);
    ana.release();
    await Promise.all(waiting);
    expect(order).toEqual(["ben", "cleo", "dan"]);
  });

  test("whoever comes later does not overtake those who wait", async () => {
    const { pool } = harness({ max: 1 });
    const order: string[] = [];
    const visit = (user: string): Promise<void> =>
      as(user, () => pool.use(({ owner }) => void order.push(owner)));
    const ana = await as("ana", () => pool.lease());
    const waiting = [visit("ben"), visit("cleo")];
    await Promise.resolve();
    ana.release();
    await Promise.all([...waiting, visit("dan")]);
    expect(order).toEqual(["ben", "cleo", "dan"]);
  });

  test("room that a waiting call does not need goes to the next one", async () => {
    const { pool } = harness({ max: 2, leaseWaitMs: 1000 });
    const held = await Promise.all(["ana", "ben"].map((user) => as(user, () => pool.lease())));
    const waiting = ["cleo", "cleo", "dan"].map((user) => as(user, () => pool.lease()));
    await Promise.resolve();
    for (const lease of held) lease.release(gone["SDK v1"]?.());
    const leases = await Promise.all(waiting);
    expect(leases.map(({ client }) => client.owner)).toEqual(["cleo", "cleo", "dan"]);
  });

  test("a call of a user who has a client never waits", async () => {
    const { pool } = harness({ max: 1, leaseWaitMs: 0 });
    const lease = await as("ana", () => pool.lease());
    expect(await ownerSeenBy(pool, "ana")).toBe("ana");
    lease.release();
  });

  test("waiting ends with pool_busy after leaseWaitMs", async () => {
    vi.useFakeTimers();
    const { pool } = harness({ max: 1, leaseWaitMs: 500 });
    const lease = await as("ana", () => pool.lease());
    const busy = failureOf(ownerSeenBy(pool, "ben"));
    await vi.advanceTimersByTimeAsync(500);
    expect(await busy).toEqual(code("pool_busy"));
    lease.release();
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
  });

  test("waiting ends with the turn", async () => {
    const { pool } = harness({ max: 1 });
    const lease = await as("ana", () => pool.lease());
    const ben = contextOf("ben");
    const waiting = as(ben, () => pool.use(() => {}));
    await Promise.resolve();
    ben.end();
    await expect(waiting).rejects.toEqual(code("context_ended"));
    lease.release();
  });

  test("a failed open lets the next one in line try", async () => {
    const { pool } = harness({
      max: 1,
      async open({ context }) {
        await Promise.resolve();
        if (oid(context) === "ben") throw new Error("connect failed");
        return { owner: oid(context), serial: 0, transport: { sessionId: undefined } };
      },
    });
    const lease = await as("ana", () => pool.lease());
    const failing = failureOf(ownerSeenBy(pool, "ben"));
    const next = ownerSeenBy(pool, "cleo");
    lease.release();
    expect(await failing).toEqual(new Error("connect failed"));
    expect(await next).toBe("cleo");
  });
});

describe("leases", () => {
  test("a client in use is closed by nobody until its lease is released, and is then idle", async () => {
    vi.useFakeTimers();
    const { pool, closed } = harness({ idleMs: 1000 });
    const lease = await as("ana", () => pool.lease());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(closed).toEqual([]);
    lease.release();
    await vi.advanceTimersByTimeAsync(999);
    expect(closed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(closed.map(({ owner }) => owner)).toEqual(["ana"]);
  });

  test("releasing twice gives back once", async () => {
    const { pool, closed } = harness({ max: 1, leaseWaitMs: 0 });
    const [first, second] = await as("ana", () => Promise.all([pool.lease(), pool.lease()]));
    first.release();
    first.release();
    await expect(ownerSeenBy(pool, "ben")).rejects.toEqual(code("pool_busy"));
    await second[Symbol.asyncDispose]();
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
    expect(closed.map(({ owner }) => owner)).toEqual(["ana"]);
  });

  test("a turn that ends as its client arrives leaves no lease behind", async () => {
    const ana = contextOf("ana");
    let arrived = (): void => {};
    const { pool } = harness({
      max: 1,
      leaseWaitMs: 0,
      async open({ context }) {
        if (oid(context) === "ana") await new Promise<void>((resolve) => (arrived = resolve));
        return { owner: oid(context), serial: 0, transport: { sessionId: undefined } };
      },
    });
    const lease = as(ana, () => pool.lease());
    await Promise.resolve();
    arrived();
    // A few turns of the microtask queue: one of them is between the client's arrival and the lease.
    for (let i = 0; i < 4; i += 1) await Promise.resolve();
    ana.end();
    await lease.catch(() => {});
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
  });

  test("the end of the turn releases a forgotten lease", async () => {
    const { pool } = harness({ max: 1, leaseWaitMs: 0 });
    const ana = contextOf("ana");
    await as(ana, () => pool.lease());
    await expect(ownerSeenBy(pool, "ben")).rejects.toEqual(code("pool_busy"));
    ana.end();
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
  });

  test("idle clients are closed one by one as their time comes, with no user context", async () => {
    vi.useFakeTimers();
    const seen: unknown[] = [];
    const { pool, events } = harness({
      idleMs: 1000,
      close: async (client) => void seen.push([client.owner, tryGetUserContext()]),
    });
    await ownerSeenBy(pool, "ana");
    await vi.advanceTimersByTimeAsync(600);
    await ownerSeenBy(pool, "ben");
    await vi.advanceTimersByTimeAsync(400);
    expect(seen).toEqual([["ana", undefined]]);
    await vi.advanceTimersByTimeAsync(600);
    expect(seen).toEqual([
      ["ana", undefined],
      ["ben", undefined],
    ]);
    expect(pool.size).toBe(0);
    expect(events).toEqual([
      { type: "mcp_client_closed", reason: "idle" },
      { type: "mcp_client_closed", reason: "idle" },
    ]);
  });

  test("the sweep itself runs with no user context", async () => {
    // On real timers: fake ones do not carry the async context.
    let handedBack = false;
    const seen: unknown[] = [];
    const { pool, closed } = harness({
      idleMs: 10,
      now() {
        if (handedBack) seen.push(tryGetUserContext());
        return Date.now();
      },
    });
    await ownerSeenBy(pool, "ana");
    handedBack = true;
    await vi.waitFor(() => expect(closed).toHaveLength(1));
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  test("a client that was used again is not idle", async () => {
    vi.useFakeTimers();
    const { pool, closed } = harness({ idleMs: 1000 });
    await ownerSeenBy(pool, "ana");
    await vi.advanceTimersByTimeAsync(900);
    await ownerSeenBy(pool, "ana");
    await vi.advanceTimersByTimeAsync(900);
    expect(closed).toEqual([]);
  });

  test("the sweep does not keep the process alive", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const { pool } = harness();
    await ownerSeenBy(pool, "ana");
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).toHaveLength(before);
    await pool.close();
  });
});

describe("a session that is gone", () => {
  test("is replaced for the next call where the client has put it down by itself, whatever became of the error", async () => {
    const { pool, opened, events } = harness();
    await as("ada", async () => {
      const lease = await pool.lease();
      // As the AI SDK does at a 404, which a framework then turns into the text of a tool.
      lease.client.transport.sessionId = undefined;
      lease.release();
      expect(await pool.use(({ serial }) => serial)).toBe(1);
    });
    expect(opened.length).toBe(2);
    expect(events).toEqual([{ type: "mcp_client_closed", reason: "session_gone" }]);
    await pool.close();
  });

  test("is noticed in a call that fails, where the client has put it down before", async () => {
    const { pool, opened } = harness();
    const answers = await as("ada", () =>
      pool.use((client) => {
        if (client.serial === 1) return "answered";
        client.transport.sessionId = undefined;
        throw gone["AI SDK"]?.();
      }),
    );
    expect([answers, opened.length]).toEqual(["answered", 2]);
    await pool.close();
  });

  for (const [sdk, error] of Object.entries(gone)) {
    test(`as ${sdk} reports it, the client is replaced and the call made once more`, async () => {
      const { pool, opened, closed, events } = harness();
      const answer = await as("ana", () =>
        pool.use((client) => {
          if (client.serial === 0) throw error();
          return client.serial;
        }),
      );
      expect(answer).toBe(1);
      expect(opened).toHaveLength(2);
      await Promise.resolve();
      expect(closed).toEqual([opened[0]]);
      expect(pool.size).toBe(1);
      expect(events).toEqual([{ type: "mcp_client_closed", reason: "session_gone" }]);
    });
  }

  test("a second 404 is thrown, and that client is dropped as well", async () => {
    const { pool, opened } = harness();
    const failure = gone["SDK v1"]?.();
    await expect(as("ana", () => pool.use(() => Promise.reject(failure)))).rejects.toBe(failure);
    expect(opened).toHaveLength(2);
    expect(pool.size).toBe(0);
  });

  test.each([
    ["a 404 on a client without a session", undefined, gone["SDK v1"]?.()],
    ["a 500", "s", Object.assign(new Error("x"), { code: 500 })],
    [
      "a JSON-RPC error whose code is 404",
      "s",
      Object.assign(new Error("x"), { name: "McpError", code: 404 }),
    ],
    ["a JSON-RPC error of SDK v2", "s", Object.assign(new Error("x"), { name: "ProtocolError", code: 404 })],
    [
      "another API's 404",
      "s",
      Object.assign(new Error("x"), { name: "AxiosError", status: 404, code: "ERR_BAD_REQUEST" }),
    ],
    ["something that is no error", "s", "404"],
  ])("%s is thrown as it is and the client stays", async (_name, sessionId, failure) => {
    let calls = 0;
    const { pool } = harness({ open: async () => ({ owner: "ana", serial: 0, transport: { sessionId } }) });
    const call = as("ana", () =>
      pool.use(() => {
        calls += 1;
        throw failure;
      }),
    );
    await expect(call).rejects.toBe(failure);
    expect(calls).toBe(1);
    expect(pool.size).toBe(1);
  });

  test("others who hold the client keep it until they are done, and nobody new gets it", async () => {
    const { pool, opened, closed } = harness();
    const lease = await as("ana", () => pool.lease());
    await as("ana", async () => (await pool.lease()).release(gone["SDK v2"]?.()));
    expect(closed).toEqual([]);
    expect(await as("ana", () => pool.use(({ serial }) => serial))).toBe(1);
    lease.release();
    expect(closed).toEqual([opened[0]]);
  });

  test("a lease released after any other failure keeps the client", async () => {
    const { pool, closed } = harness();
    await as("ana", async () => (await pool.lease()).release(new Error("the tool said no")));
    expect(await as("ana", () => pool.use(({ serial }) => serial))).toBe(0);
    expect(closed).toEqual([]);
  });
});

describe("closing the pool", () => {
  test("closes every client, those in use too, sends waiting calls away, and refuses new ones", async () => {
    const { pool, closed } = harness({ max: 2 });
    await ownerSeenBy(pool, "ana");
    const lease = await as("ben", () => pool.lease());
    const inUse = await as("ana", () => pool.lease());
    const waiting = failureOf(ownerSeenBy(pool, "cleo"));
    await Promise.resolve();
    await pool.close();
    expect(await waiting).toEqual(code("closed"));
    expect(closed.map(({ owner }) => owner).sort()).toEqual(["ana", "ben"]);
    await expect(ownerSeenBy(pool, "ana")).rejects.toEqual(code("closed"));
    lease.release();
    inUse.release();
    expect(closed).toHaveLength(2);
    expect(pool.size).toBe(0);
  });

  test("a client that finishes opening afterwards is closed and handed to nobody", async () => {
    const { pool, opened, closed } = harness();
    const opening = failureOf(ownerSeenBy(pool, "ana"));
    await pool.close();
    expect(await opening).toEqual(code("closed"));
    expect(closed).toEqual(opened);
    expect(opened).toHaveLength(1);
  });

  test("a client that cannot be closed, or never ends closing, does not hold the pool up", async () => {
    vi.useFakeTimers();
    const { pool, events } = harness({
      close: ({ owner }) => (owner === "ana" ? Promise.reject(new Error("no")) : new Promise(() => {})),
    });
    await ownerSeenBy(pool, "ana");
    await ownerSeenBy(pool, "ben");
    const closing = pool[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(5000);
    await closing;
    expect(events).toEqual([
      { type: "mcp_client_close_failed", reason: "pool_closed" },
      { type: "mcp_client_close_failed", reason: "pool_closed" },
    ]);
  });

  test("a listener that throws breaks nothing", async () => {
    const { pool } = harness({
      max: 1,
      onEvent() {
        throw new Error("listener");
      },
    });
    await ownerSeenBy(pool, "ana");
    expect(await ownerSeenBy(pool, "ben")).toBe("ben");
    await pool.close();
  });
});

test.each([{ max: 0 }, { max: Number.NaN }, { idleMs: -1 }, { leaseWaitMs: Number.POSITIVE_INFINITY }])(
  "limits that cannot work are refused: %j",
  (options) => {
    expect(() => harness(options)).toThrow(code("invalid_option") as Error);
  },
);
