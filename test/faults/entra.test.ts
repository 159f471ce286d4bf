import { afterEach, describe, expect, it, vi } from "vitest";
import { goodBody, json, refusal, unsigned, type Answer } from "../support/token-endpoint.js";
import { agentApp, tenant } from "../support/people.js";
import { others, threePeople, type ThreePeople } from "./three-people.js";

/** One way of Entra to fail Ada, and everything that may come of it. */
interface EntraFault {
  readonly fault: string;
  readonly answer: Answer;
  /** What her caller sees. */
  readonly code: string;
  readonly category: string;
  /** POSTs of her first call: 1, or 3 where trying again may help. */
  readonly posts: 1 | 3;
  /** What she sees when she asks again at once, which makes no POST. Default `backing_off`. */
  readonly next?: string;
  /** After so long she is asked for again, by herself: nobody has to do anything. */
  readonly waitMs: number;
  readonly timeoutMs?: number;
}

const busy = refusal("temporarily_unavailable", 90055);
const down = refusal("temporarily_unavailable", 90033);
const refuse =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (_form, response) =>
    json(response, status, body, headers);
const write =
  (status: number, type: string, text: string): Answer =>
  (_form, response) =>
    void response.writeHead(status, { "content-type": type }).end(text);
/** A wait as a date, by a clock of Entra's that differs from ours. */
const dated =
  (skewMs: number): Answer =>
  (_form, response) => {
    const at = Math.floor((Date.now() + skewMs) / 1000) * 1000;
    const date = (ms: number): string => new Date(ms).toUTCString();
    json(response, 429, busy, { date: date(at), "retry-after": date(at + 20_000) });
  };

const throttled = { code: "token_exchange_failed", category: "throttle", posts: 1 } as const;
const failing = { code: "token_exchange_failed", category: "retry", posts: 3, waitMs: 1_000 } as const;
const unreadable = { code: "entra_bad_response", category: "retry", posts: 3, waitMs: 1_000 } as const;
const unreachable = { code: "entra_unreachable", category: "retry", posts: 3, waitMs: 1_000 } as const;
const silent = { code: "entra_timeout", category: "retry", posts: 1, waitMs: 1_000, timeoutMs: 700 } as const;

const faults: readonly EntraFault[] = [
  {
    fault: "429 with Retry-After",
    answer: refuse(429, busy, { "retry-after": "30" }),
    ...throttled,
    waitMs: 30_000,
  },
  { fault: "429 without Retry-After", answer: refuse(429, busy), ...throttled, waitMs: 1_000 },
  {
    fault: "429 with Retry-After: 0",
    answer: refuse(429, busy, { "retry-after": "0" }),
    ...throttled,
    waitMs: 1_000,
  },
  {
    fault: "429 that asks for eleven days",
    answer: refuse(429, busy, { "retry-after": "999999" }),
    ...throttled,
    waitMs: 300_000,
  },
  {
    fault: "429 with a Retry-After that is no time",
    answer: refuse(429, busy, { "retry-after": "soon" }),
    ...throttled,
    waitMs: 1_000,
  },
  {
    fault: "429 with a date, our clock ten minutes ahead",
    answer: dated(-600_000),
    ...throttled,
    waitMs: 20_000,
  },
  {
    fault: "429 with a date, our clock ten minutes behind",
    answer: dated(600_000),
    ...throttled,
    waitMs: 20_000,
  },
  { fault: "503", answer: refuse(503, down), ...failing },
  {
    fault: "503 with Retry-After",
    answer: refuse(503, down, { "retry-after": "7" }),
    ...failing,
    posts: 1,
    waitMs: 7_000,
  },
  { fault: "500 without a body", answer: write(500, "text/plain", ""), ...failing },
  { fault: "a proxy's 502 page", answer: write(502, "text/html", "<h1>Bad gateway</h1>"), ...failing },
  { fault: "a page of HTML with 200", answer: write(200, "text/html", "<h1>Hotel</h1>"), ...unreadable },
  { fault: "truncated JSON", answer: write(200, "application/json", '{"access_token":"ey'), ...unreadable },
  { fault: "a file", answer: write(200, "application/octet-stream", "\u0000\u0001"), ...unreadable },
  { fault: "JSON that is no token", answer: write(200, "application/json", '{"ok":true}'), ...unreadable },
  { fault: "a reset", answer: (_form, response) => void response.destroy(), ...unreachable },
  {
    fault: "a reset in the middle of the answer",
    answer: (_form, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "4000" });
      response.write('{"access_token":"', () => response.destroy());
    },
    ...unreachable,
  },
  { fault: "silence", answer: () => {}, ...silent },
  {
    fault: "a body that comes too slowly",
    answer: (_form, response) =>
      void response.writeHead(200, { "content-type": "application/json" }).write('{"access'),
    ...silent,
  },
  {
    fault: "another person's answer",
    answer: (form, response) => {
      const id_token = unsigned({ oid: "somebody-else", tid: tenant, aud: agentApp });
      json(response, 200, goodBody(form, { id_token }));
    },
    code: "wrong_user",
    category: "blocked",
    posts: 1,
    next: "wrong_user",
    waitMs: 5_000,
  },
];

let world: ThreePeople;
afterEach(() => world.close());

describe("Entra fails one person", () => {
  it.each(faults)(
    "with $fault: $posts POST(s), $code, and nobody else notices",
    async ({ answer, code, category, posts, next = "backing_off", waitMs, timeoutMs }) => {
      world = await threePeople(timeoutMs === undefined ? {} : { timeoutMs });
      world.entraTroubles(answer);

      const [ada, ...beside] = await Promise.all([
        world.turn("Ada"),
        ...others.map((one) => world.turn(one)),
      ]);
      expect(ada).toMatchObject({ sees: { code, category }, posts, requests: 0 });
      expect(beside.map(({ sees, body, posts: own }) => [sees, body, own])).toEqual([
        [200, "hello Bob", 1],
        [200, "hello Cy", 1],
      ]);

      // She asks again at once: no POST. The others still get new tokens: nobody waits for her sake.
      const again = await world.turn("Ada");
      expect([again.error?.code, again.posts]).toEqual([next, 0]);
      if (next === "backing_off") expect(again.error?.retryAfterMs).toBe(waitMs);
      for (const one of others)
        expect(await world.turn(one, "new sign-in")).toMatchObject({ sees: 200, posts: 1 });

      world.entraTroubles(undefined);
      world.pass(waitMs);
      expect(await world.turn("Ada")).toMatchObject({ sees: 200, body: "hello Ada", posts: 1, requests: 1 });
    },
  );

  it("for long: the waits double up to a minute, and the first answer ends them", async () => {
    world = await threePeople();
    world.entraTroubles(refuse(429, busy));
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      await world.turn("Ada");
      const { error, posts } = await world.turn("Ada");
      expect(posts).toBe(0);
      waits.push((error?.retryAfterMs ?? 0) / 1000);
      world.pass(error?.retryAfterMs ?? 0);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    world.entraTroubles(undefined);
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 });
    world.entraTroubles(refuse(429, busy));
    await world.turn("Ada", "new sign-in");
    expect((await world.turn("Ada", "new sign-in")).error?.retryAfterMs).toBe(1_000);
  });

  it("with an hour to wait, and our clock is put back meanwhile: the wait is over, not longer", async () => {
    world = await threePeople();
    world.entraTroubles(refuse(429, busy, { "retry-after": "3600" }));
    await world.turn("Ada");
    world.entraTroubles(undefined);
    expect(await world.turn("Ada")).toMatchObject({ sees: { code: "backing_off" }, posts: 0 });
    world.pass(-600_000);
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 });
  });

  it("with a passing 503: the second try serves her, at the cost of one POST", async () => {
    world = await threePeople();
    let tries = 0;
    world.entraTroubles((form, response) =>
      (tries += 1) === 1 ? json(response, 503, down) : json(response, 200, goodBody(form)),
    );
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 2 });
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 0 });
  });

  it("with a wrong content type around a good answer: she is served", async () => {
    world = await threePeople();
    world.entraTroubles((form, response) =>
      write(200, "text/plain", JSON.stringify(goodBody(form)))(form, response, response.req),
    );
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 });
  });

  it("while her old token is good: she is served with it, and one POST asks for the next", async () => {
    world = await threePeople();
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 });
    world.entraTroubles(refuse(429, busy));
    world.pass(50 * 60_000);
    for (let n = 0; n < 5; n += 1) expect(await world.turn("Ada")).toMatchObject({ sees: 200 });
    await vi.waitFor(() => expect(world.forms).toHaveLength(2));
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 0 });
    expect(await world.turn("Bob")).toMatchObject({ sees: 200, posts: 1 });
    world.entraTroubles(undefined);
    world.pass(30_000);
    expect(await world.turn("Ada")).toMatchObject({ sees: 200 });
    await vi.waitFor(() => expect(world.forms).toHaveLength(4));
  });
});
