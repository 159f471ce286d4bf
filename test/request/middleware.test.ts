import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  getUserContext,
  tryGetUserContext,
  userContext,
  type UserContext,
  type UserContextMiddleware,
  userTokenVerifier,
} from "hosted-agent-identity";
import { outside } from "../support/adapter-hosts.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";
import { leaks } from "../support/people.js";

let cloud: TestCloud;
let asUser: UserContextMiddleware;
let context: UserContext | undefined;
beforeAll(async () => {
  cloud = await startTestCloud();
  asUser = userContext({ verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } });
});
beforeEach(() => void (context = undefined));
afterAll(() => cloud.close());

async function requestOf(claims: Record<string, unknown> = {}, init: RequestInit = {}): Promise<Request> {
  const headers = { "x-client-user-token": await cloud.token(claims), "x-client-locale": "de" };
  return new Request("http://agent/responses?a=1", { ...init, headers });
}

function remember(): void {
  context = getUserContext();
}

/** Each chunk is made when somebody reads, in the reader's own async context unless something helps. */
function ticks(count = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> {
  let n = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        await sleep(1);
        if (n++ >= count) controller.close();
        else controller.enqueue(new TextEncoder().encode(`${tryGetUserContext()?.user?.oid} `));
      },
    },
    { highWaterMark: 0 },
  );
}

describe("what runs behind the middleware", () => {
  test("gets the request without its token, and everything else of it", async () => {
    const request = await requestOf({}, { method: "POST", body: "hello" });
    const token = request.headers.get("x-client-user-token") ?? "";
    const response = await asUser(request, async (inner) => {
      expect(leaks(JSON.stringify([...inner.headers]), token)).toBe(false);
      return Response.json([
        inner.url,
        inner.method,
        inner.headers.get("x-client-locale"),
        await inner.text(),
      ]);
    });
    expect(await response.json()).toEqual(["http://agent/responses?a=1", "POST", "de", "hello"]);
  });

  test("finds the context by either request object, also outside of the async context", async () => {
    const oid = randomUUID();
    const request = await requestOf({ oid });
    await asUser(request, (inner) => {
      expect(outside(() => getUserContext(request).user?.oid)).toBe(oid);
      expect(outside(() => getUserContext(inner).user?.oid)).toBe(oid);
      return new Response();
    });
  });

  test("gets a request whose body was read already", async () => {
    const request = await requestOf({}, { method: "POST", body: "hello" });
    await request.text();
    expect((await asUser(request, () => new Response("fine"))).status).toBe(200);
  });

  test("is not run for a token that is refused", async () => {
    const request = await requestOf({ aud: "api://other" });
    const response = await asUser(request, () => {
      throw new Error("must not run");
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "user_token_audience" } });
  });
});

describe("the turn is over", () => {
  const respondWith = (body: BodyInit | null | (() => BodyInit)) => () => {
    remember();
    return new Response(typeof body === "function" ? body() : body, {
      status: 200,
      headers: { "x-answer": "yes" },
    });
  };

  test("when the body has been read to its end, and not before", async () => {
    const oid = randomUUID();
    const response = await asUser(
      await requestOf({ oid }),
      respondWith(() => ticks(3)),
    );
    expect(response.headers.get("x-answer")).toBe("yes");
    expect(context?.ended).toBe(false);
    const text = await outside(() => response.text());
    expect(text.trim().split(" ")).toEqual([oid, oid, oid]);
    expect(context?.ended).toBe(true);
  });

  test("when the body is cancelled, and the handler's stream hears of it", async () => {
    let cancelled: unknown;
    const stream = new ReadableStream({ cancel: (reason) => void (cancelled = reason) });
    const response = await asUser(await requestOf(), respondWith(stream));
    await response.body?.cancel("enough");
    expect(cancelled).toBe("enough");
    expect(context?.ended).toBe(true);
  });

  test("when the body fails, and the reader gets the error", async () => {
    const stream = new ReadableStream({ pull: () => Promise.reject(new Error("the model broke")) });
    const response = await asUser(await requestOf(), respondWith(stream));
    await expect(response.text()).rejects.toThrow("the model broke");
    expect(context?.ended).toBe(true);
  });

  test("at once when there is no body", async () => {
    await asUser(await requestOf(), respondWith(null));
    expect(context?.ended).toBe(true);
  });

  test("when the request is aborted while its answer is streamed", async () => {
    const client = new AbortController();
    await asUser(
      await requestOf({}, { signal: client.signal }),
      respondWith(() => ticks()),
    );
    expect(context?.ended).toBe(false);
    client.abort();
    expect(context?.ended).toBe(true);
  });

  test("when the handler throws, and the host gets the error", async () => {
    const failing = asUser(await requestOf(), () => {
      remember();
      throw new Error("the handler broke");
    });
    await expect(failing).rejects.toThrow("the handler broke");
    expect(context?.ended).toBe(true);
  });
});

test("nothing of the answer is pulled before somebody reads", async () => {
  let pulled = 0;
  const stream = new ReadableStream({ pull: () => void (pulled += 1) }, { highWaterMark: 0 });
  await asUser(await requestOf(), () => new Response(stream));
  await sleep(5);
  expect(pulled).toBe(0);
});

test("an option that cannot work is refused when the middleware is made", () => {
  expect(() => userContext({ verify: userTokenVerifier({ app: cloud.app }), tokenHeader: "cookie" })).toThrow(
    /tokenHeader/,
  );
});
