import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, isTokenExchangeError } from "hosted-agent-identity";
import { memoryStore, type SignInStore } from "hosted-agent-identity/sign-in";
import type { ClaimTimes } from "../../../src/sign-in/grants/grants-state.js";
import type { GrantIssuer } from "../../../src/sign-in/grants/issuer.js";
import { wrappedStore } from "../../../src/sign-in/stores/wrapped-store.js";
import {
  digestOf,
  startAuthorizationServer,
  type AuthorizationServer,
} from "../../support/authorization-server.js";
import { leaks } from "../../support/people.js";
import { platformUser } from "../support/replica.js";
import { refresher, rotatingIssuer, type Refresher } from "../support/rotating.js";

const times = { claimMs: 2_500, sendMs: 500, requestMs: 1_200, graceMs: 400, closeMs: 700 };
const hour = 3_600_000;
const person = platformUser("somebody");

const servers: AuthorizationServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

// Its first request takes much longer than the others.
beforeAll(async () => {
  const s = await scene();
  const a = s.started();
  await s.signedIn(a);
  await a.token(person).catch(() => undefined);
});

/** An agent of several processes, its store, and a server of its own. */
interface Scene {
  readonly server: AuthorizationServer;
  readonly key: Uint8Array;
  readonly store: SignInStore;
  /** How far the clock of the agent is ahead, in milliseconds. */
  readonly clock: { ahead: number };
  /** Called with the kind of the record before each step of the store: fails it, or makes it wait. */
  before(kind: string): Promise<void> | void;
  readonly now: () => number;
  /** A process of the agent, as far as the store and the server can tell. */
  started(issuer?: GrantIssuer, store?: SignInStore, its?: ClaimTimes): Refresher;
  issuer(more?: Parameters<typeof rotatingIssuer>[1]): GrantIssuer;
  /** Signs the person in. Returns the refresh token. */
  signedIn(process: Refresher): Promise<string>;
  /** The statuses of the refreshes with this token. */
  uses(refreshToken: string): readonly number[];
  revoked(): readonly string[];
}

async function scene({ rotates = true } = {}): Promise<Scene> {
  const server = await startAuthorizationServer({ rotates });
  servers.push(server);
  const key = new Uint8Array(randomBytes(32));
  const clock = { ahead: 0 };
  const now = (): number => Date.now() + clock.ahead;
  const made: Scene = {
    server,
    key,
    store: memoryStore({ quiet: true, now }),
    clock,
    before: () => undefined,
    now,
    started(issuer = made.issuer(), store = made.store, its = times) {
      const proxy = wrappedStore(store, async (name, step) => {
        await made.before(name.slice(0, name.indexOf(":")));
        return step(name);
      });
      return refresher(proxy, issuer, { times: its, key, now });
    },
    issuer: (more) => rotatingIssuer(server, { now, ...more }),
    async signedIn(process) {
      const refreshToken = await server.grant(person);
      await process.connect(person, refreshToken);
      return refreshToken;
    },
    uses: (refreshToken) =>
      server.requests
        .filter(({ what, token }) => what === "refresh" && token === digestOf(refreshToken))
        .map(({ status }) => status),
    revoked: () => server.requests.filter(({ what }) => what === "revocation").map(({ token }) => token),
  };
  return made;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `gave ${typeof value}`,
    (cause: unknown) => (isHostedAgentIdentityError(cause) ? cause.code : String(cause)),
  );

/** Keeps the server's answers, once it has decided, until the returned function is called. */
function holdAnswers({ server }: Scene): () => void {
  const { opened, open } = gate();
  server.pause({ decided: () => opened });
  return () => {
    server.pause({});
    open();
  };
}

/** Until somebody has waited for a claim and looked again, or has asked the server all the same. */
async function waitedForClaim(s: Scene, refreshToken: string): Promise<void> {
  let looks = 0;
  s.before = (kind) => {
    if (kind === "claim") looks += 1;
  };
  await expect.poll(() => looks > 2 || s.uses(refreshToken).length > 1, { timeout: 10_000 }).toBe(true);
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe.concurrent("a server that replaces refresh tokens, and ends a grant whose token is used twice", () => {
  it("gets one request from many callers in four processes, time after time", async () => {
    const s = await scene();
    const processes = Array.from({ length: 4 }, () => s.started());
    const [first] = processes as [Refresher];
    await s.signedIn(first);
    for (let round = 1; round <= 3; round += 1) {
      const refreshToken = (await first.stored(person)) ?? "";
      const given = await Promise.all(
        processes.flatMap((one) => Array.from({ length: 5 }, () => one.token(person))),
      );
      expect(new Set(given)).toHaveLength(1);
      expect(given[0]).toBeTypeOf("string");
      expect(s.uses(refreshToken)).toEqual([200]);
      s.clock.ahead = round * 2 * hour;
    }
  });

  it("is not waited for by those who have a token that lives, while one process renews it", async () => {
    const s = await scene();
    const [a, b] = [s.started(), s.started()];
    await s.signedIn(a);
    const first = await a.token(person);
    s.clock.ahead = 0.9 * hour;
    const { opened, open } = gate();
    s.server.pause({ arrived: () => opened });
    const refreshToken = (await a.stored(person)) ?? "";
    expect([await a.token(person), await b.token(person)]).toEqual([first, first]);
    open();
    await expect.poll(async () => (await b.token(person)) !== first).toBe(true);
    expect(s.uses(refreshToken)).toEqual([200]);
  });

  it("is not asked by anybody else for as long as one process waits for its answer", async () => {
    const s = await scene();
    const patient = { ...times, claimMs: 60_000, requestMs: 60_000 };
    const [a, b] = [s.started(s.issuer(), s.store, patient), s.started(s.issuer(), s.store, patient)];
    const refreshToken = await s.signedIn(a);
    const answer = holdAnswers(s);
    const first = codeOf(a.token(person));
    await expect.poll(() => s.uses(refreshToken)).toEqual([200]);
    const second = codeOf(b.token(person));
    await waitedForClaim(s, refreshToken);
    expect(s.uses(refreshToken)).toEqual([200]);
    answer();
    expect([await first, await second]).toEqual(["gave string", "gave string"]);
    expect(await b.token(person)).toBe(await a.token(person));
    expect(s.uses(refreshToken)).toEqual([200]);
  });

  it("is not asked again after a deadline, while it may be at work, before the claim is over", async () => {
    const s = await scene();
    const patient = { ...times, claimMs: 60_000, sendMs: 60_000 };
    const [a, b] = [s.started(s.issuer(), s.store, patient), s.started(s.issuer(), s.store, patient)];
    const refreshToken = await s.signedIn(a);
    const answer = holdAnswers(s);
    expect(await codeOf(a.token(person))).toBe("entra_timeout");
    const second = codeOf(b.token(person));
    await waitedForClaim(s, refreshToken);
    expect(s.uses(refreshToken)).toEqual([200]);
    answer();
    s.clock.ahead = patient.claimMs;
    expect(await second).toBe("refresh_lost");
  });

  it("gets one request as well while it still returns the same refresh token", async () => {
    const s = await scene({ rotates: false });
    const processes = Array.from({ length: 3 }, () => s.started());
    const [first] = processes as [Refresher];
    const refreshToken = await s.signedIn(first);
    const given = await Promise.all(processes.map((one) => one.token(person)));
    expect(new Set(given)).toHaveLength(1);
    expect(s.uses(refreshToken)).toEqual([200]);
    expect(await first.stored(person)).toBe(refreshToken);
  });

  it("is asked again at once after a refusal that leaves the refresh token as it was", async () => {
    const s = await scene();
    const odd = s.started(rotatingIssuer({ ...s.server, clientSecret: "wrong" }));
    const a = s.started();
    await s.signedIn(a);
    expect(await codeOf(odd.token(person))).toBe("token_exchange_failed");
    const begun = performance.now();
    expect(await a.token(person)).toBeTypeOf("string");
    expect(performance.now() - begun).toBeLessThan(times.claimMs);
  });

  it("ends the grant with a refusal of the refresh token, and the person is asked to sign in", async () => {
    const s = await scene();
    const a = s.started();
    await a.connect(person, "unknown to the server");
    expect(await a.token(person)).toBeUndefined();
    expect(await a.stored(person)).toBeUndefined();
    expect(a.events.at(-1)).toMatchObject({ type: "grant_ended", reason: "revoked" });
  });
});

describe.concurrent("a process that ends", () => {
  /** A process whose request, or whose answer, goes nowhere. */
  const dying = (s: Scene, what: "request" | "answer"): Refresher =>
    s.started(
      s.issuer({
        async fetch(input, init) {
          if (what === "answer") await fetch(input, { ...init, signal: null });
          return new Promise(() => undefined);
        },
      }),
    );

  it("before its request has left is followed by another, with no question to anybody", async () => {
    const s = await scene();
    const [a, b, c] = [dying(s, "request"), s.started(), s.started()];
    const refreshToken = await s.signedIn(a);
    const dead = codeOf(a.token(person));
    await delay(100);
    const begun = performance.now();
    const given = await Promise.all([b.token(person), c.token(person)]);
    // Nobody could know that its request was not under way.
    expect(performance.now() - begun).toBeGreaterThan(times.claimMs - 200);
    expect([typeof given[0], given[1]]).toEqual(["string", given[0]]);
    expect(s.uses(refreshToken)).toEqual([200]);
    expect(await dead).toBe("entra_timeout");
  });

  it("after the server has replaced the refresh token costs that one grant, once and with its own code", async () => {
    const s = await scene();
    const [a, b, c] = [dying(s, "answer"), s.started(), s.started()];
    const refreshToken = await s.signedIn(a);
    const dead = codeOf(a.token(person));
    await delay(100);
    expect(await a.stored(person)).toBe(refreshToken);
    const work = [b.token(person), c.token(person)];
    const codes = await Promise.all(work.map(codeOf));
    // What the token source of a sign-in answers with a link.
    const failures = (await Promise.allSettled(work)).flatMap((one) =>
      one.status === "rejected" ? [one.reason] : [],
    );
    expect(failures.map((one) => [isTokenExchangeError(one), one.category])).toEqual([[true, "signin"]]);
    expect(codes.toSorted()).toEqual(["gave undefined", "refresh_lost"]);
    expect(s.uses(refreshToken)).toEqual([200, 400]);
    const [first, second] = s.server.requests;
    expect((second?.arrivedAt ?? 0) - (first?.arrivedAt ?? 0)).toBeGreaterThan(times.claimMs - 200);
    expect(await dead).toBe("entra_timeout");
    expect(await codeOf(b.token(person))).toBe("gave undefined");
    const ends = [...b.events, ...c.events].filter(({ type }) => type === "grant_ended");
    expect(ends).toMatchObject([{ reason: "refresh_lost" }]);
  });

  it("twice, while the server is down, loses nothing: each claim tries the refresh token again", async () => {
    const s = await scene();
    const down = { ...s.server, issuer: "http://127.0.0.1:9" };
    // The same records: only the request goes elsewhere.
    const lost = (): Refresher => s.started({ ...rotatingIssuer(down), issuer: s.server.issuer });
    const [a, b, c] = [lost(), lost(), s.started()];
    const refreshToken = await s.signedIn(a);
    expect(await codeOf(a.token(person))).toMatch(/TypeError/);
    expect(await codeOf(b.token(person))).toMatch(/TypeError/);
    expect(await c.token(person)).toBeTypeOf("string");
    expect(s.uses(refreshToken)).toEqual([200]);
  }, 15_000);
});

describe.concurrent("a process that is slow", () => {
  it("sends nothing with a claim of more than a moment ago, but claims again", async () => {
    const s = await scene();
    let waits = 0;
    const slow = s.issuer({
      beforeSend: async () => {
        waits += 1;
        if (waits === 1) await delay(times.sendMs + 50);
      },
    });
    const a = s.started(slow);
    const refreshToken = await s.signedIn(a);
    expect(await a.token(person)).toBeTypeOf("string");
    expect([waits, s.uses(refreshToken)]).toEqual([2, [200]]);
  });

  it("sends nothing after its deadline, and gives the claim back", async () => {
    const s = await scene();
    let waits = 0;
    const slow = s.issuer({
      beforeSend: async () => {
        waits += 1;
        if (waits === 1) await delay(times.requestMs + 100);
      },
    });
    const a = s.started(slow);
    const refreshToken = await s.signedIn(a);
    expect(await codeOf(a.token(person))).toBe("entra_timeout");
    expect(await a.token(person)).toBeTypeOf("string");
    expect(s.uses(refreshToken)).toEqual([200]);
  });

  it("and comes back after another has taken over writes nothing, and ends nothing of what that got", async () => {
    const s = await scene({ rotates: false });
    const { opened, open } = gate();
    // It stands still, so its deadline has no effect either.
    const stopped: GrantIssuer = {
      ...s.issuer(),
      async refresh(request) {
        request.beforeSend();
        await opened;
        return { token: "late", refreshToken: "late", expiresAt: s.now() + hour, refreshAt: s.now() + hour };
      },
    };
    const a = refresher(s.store, stopped, { times: { ...times, requestMs: 60_000 }, key: s.key, now: s.now });
    const b = s.started();
    await s.signedIn(a);
    const late = a.token(person);
    await delay(50);
    const given = await b.token(person);
    const stored = await b.stored(person);
    open();
    expect(await late).toBe(given);
    expect(await b.stored(person)).toBe(stored);
    expect(s.revoked()).toEqual([]);
  });
});

describe.concurrent("somebody who", () => {
  /** Changes the sign-in in another process, between the server's decision and its answer. */
  async function during(s: Scene, change: (process: Refresher) => Promise<unknown>): Promise<Refresher> {
    const [a, b] = [s.started(), s.started()];
    await s.signedIn(a);
    const [arrived, decided] = [gate(), gate()];
    s.server.pause({
      decided: async () => {
        arrived.open();
        await decided.opened;
      },
    });
    const token = a.token(person);
    await arrived.opened;
    s.server.pause({});
    await change(b);
    decided.open();
    await token;
    return b;
  }

  it("signs out during a refresh leaves no refresh token behind: the new one is revoked", async () => {
    const s = await scene();
    const b = await during(s, (process) => process.grants.remove(person));
    expect(await b.token(person)).toBeUndefined();
    expect(s.revoked()).toHaveLength(1);
  });

  it("signs in again during a refresh keeps the newer grant, which no revocation takes away", async () => {
    const s = await scene();
    const again = await s.server.grant(person);
    const b = await during(s, (process) => process.connect(person, again));
    expect(await b.token(person)).toBeTypeOf("string");
    expect(s.uses(again)).toEqual([200]);
    expect(s.revoked()).toEqual([]);
  });
});

describe.concurrent("a store that fails", () => {
  it("before the claim is written leaves the refresh token unused", async () => {
    const s = await scene();
    const a = s.started();
    const refreshToken = await s.signedIn(a);
    for (const failing of ["claim", "grant"]) {
      s.before = (kind) => {
        if (kind === failing) throw new Error("down");
      };
      expect(await codeOf(a.token(person))).toBe("store_unavailable");
    }
    s.before = () => undefined;
    expect(s.uses(refreshToken)).toEqual([]);
    expect(await a.token(person)).toBeTypeOf("string");
  });

  /** A refresh whose result cannot be written until the store is up again. */
  async function atRisk(): Promise<{ s: Scene; a: Refresher; b: Refresher; first: string; up(): void }> {
    const s = await scene();
    const [a, b] = [s.started(), s.started()];
    const first = await s.signedIn(a);
    const down = async (): Promise<void> => {
      s.before = () => {
        throw new Error("down");
      };
    };
    s.server.pause({ decided: down });
    expect(await codeOf(a.token(person))).toBe("store_unavailable");
    s.server.pause({});
    expect(a.events.at(-1)).toMatchObject({ type: "grant_at_risk" });
    return { s, a, b, first, up: () => void (s.before = () => undefined) };
  }

  it("after the server has replaced the refresh token does not lose it, nor does anybody ask again", async () => {
    const { s, a, b, first, up } = await atRisk();
    await delay(200);
    up();
    const given = await b.token(person);
    expect(given).toBeTypeOf("string");
    expect(s.uses(first)).toEqual([200]);
    expect(await a.token(person)).toBe(given);
    s.clock.ahead = 2 * hour;
    expect(await b.token(person)).toBeTypeOf("string");
  });

  it("for longer than a claim lives: whoever has the new refresh token writes first", async () => {
    const { s, b, first, up } = await atRisk();
    await delay(times.claimMs);
    up();
    expect(await b.token(person)).toBeTypeOf("string");
    expect(s.uses(first)).toEqual([200]);
  });

  it("is waited for by close()", async () => {
    const { a, b, first, up } = await atRisk();
    const closed = a.grants.close();
    await delay(150);
    up();
    await closed;
    expect(await b.stored(person)).not.toBe(first);
  });

  it("for the whole of close() is given up then", async () => {
    const { a, first, up, b } = await atRisk();
    const begun = performance.now();
    await a.grants.close();
    expect(performance.now() - begun).toBeGreaterThan(times.closeMs - 50);
    up();
    await delay(times.graceMs);
    expect(await b.stored(person)).toBe(first);
  });

  it("and has written all the same is believed", async () => {
    const s = await scene();
    const a = s.started();
    const first = await s.signedIn(a);
    let failed = 0;
    const lossy = wrappedStore(s.store, async (name, step) => {
      const value = await step(name);
      if (failed > 0 || s.uses(first).length === 0 || !name.startsWith("grant:")) return value;
      failed += 1;
      throw new Error("the answer was lost");
    });
    const b = s.started(s.issuer(), lossy);
    expect(await codeOf(b.token(person))).toBe("store_unavailable");
    await b.grants.close();
    expect([failed, s.revoked()]).toEqual([1, []]);
    s.clock.ahead = 2 * hour;
    expect(await a.token(person)).toBeTypeOf("string");
  });
});

describe("a process that closes", () => {
  it("waits for the refresh that is under way, and begins no other", async () => {
    const s = await scene();
    const [a, b] = [s.started(), s.started()];
    const first = await s.signedIn(a);
    const [arrived, decided] = [gate(), gate()];
    s.server.pause({
      decided: async () => {
        arrived.open();
        await decided.opened;
      },
    });
    const token = a.token(person);
    await arrived.opened;
    let isClosed = false;
    const closed = a.grants.close().then(() => (isClosed = true));
    await delay(50);
    expect(isClosed).toBe(false);
    decided.open();
    await Promise.all([token, closed]);
    expect(await b.stored(person)).not.toBe(first);
    s.server.pause({});
    s.clock.ahead = 2 * hour;
    expect(await codeOf(a.token(person))).toBe("closed");
    expect(await b.token(person)).toBeTypeOf("string");
  });
});

it("a record that a scan finds says whose it is and what for, with no token, to whoever has the key", async () => {
  const s = await scene();
  let text = "";
  const noting = wrappedStore(s.store, async (name, step) => {
    const value = await step(name);
    if (name.startsWith("grant:") && typeof value === "string") text = value;
    return value;
  });
  const a = s.started(s.issuer(), noting);
  const refreshToken = await s.signedIn(a);
  const token = (await a.token(person)) ?? "";
  const stored = (await a.stored(person)) ?? "";
  const live = text;
  const found = a.grants.found(live);
  expect(found).toMatchObject({
    status: "live",
    address: { kind: "oauth", issuer: s.server.issuer, clientId: "agent", principalKey: person },
    resources: ["https://tracker.example.com/mcp"],
  });
  for (const secret of [refreshToken, token, stored])
    expect(leaks(JSON.stringify(found), secret)).toBe(false);

  const stranger = refresher(s.store, s.issuer(), { key: new Uint8Array(randomBytes(32)) });
  expect(stranger.grants.found(live)).toEqual({ status: "unreadable" });
  const elsewhere = s.started({ ...s.issuer(), issuer: "https://other.example.com" });
  expect(elsewhere.grants.found(live)).toMatchObject({ status: "another" });
  const [grant, address, tokens] = live.split(".");
  a.grants.forget(person);
  await delay(5);
  await a.token(person);
  await a.stored(person);
  expect(a.grants.found(`${text.split(".")[0]}.${address}`)).toEqual({ status: "unreadable" });
  expect(a.grants.found(`${grant}.${tokens}.${tokens}`)).toEqual({ status: "unreadable" });
  await a.connect(platformUser("another"), "refresh token");
  await a.stored(platformUser("another"));
  expect(a.grants.found(`${text.split(".")[0]}.${address}`)).toEqual({ status: "unreadable" });

  await a.grants.remove(person);
  await a.stored(person);
  expect(a.grants.found(text)).toMatchObject({ status: "ended", address: { principalKey: person } });
});
