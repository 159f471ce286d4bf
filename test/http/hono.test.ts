import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  getUserContext,
  type UserContext,
  type UserContextOptions,
  userTokenVerifier,
} from "hosted-agent-identity";
import { userContext } from "hosted-agent-identity/hono";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
let options: UserContextOptions;
beforeAll(async () => {
  cloud = await startTestCloud();
  options = { verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } };
});
afterAll(() => cloud.close());

test("works on a platform without Node's request, also where request headers cannot be changed", async () => {
  const app = new Hono();
  app.use(userContext(options));
  app.post("/", async (c) => {
    const seen = { oid: getUserContext(c).user?.oid, token: c.req.header("x-client-user-token") ?? null };
    return c.json({ ...seen, body: await c.req.json() });
  });
  const oid = randomUUID();
  const init = {
    method: "POST",
    body: '{"input":1}',
    headers: { "x-client-user-token": await cloud.token({ oid }) },
  };
  const request = new Request("http://agent/", init);
  request.headers.delete = () => {
    throw new TypeError("immutable");
  };
  expect(await (await app.fetch(request)).json()).toEqual({ oid, token: null, body: { input: 1 } });
});

test("a body that earlier middleware has read is still there for the handler", async () => {
  const app = new Hono();
  app.use(async (c, next) => {
    await c.req.text();
    await next();
  });
  app.use(userContext(options));
  app.post("/", async (c) => c.json({ body: await c.req.json() }));
  const headers = { "x-client-user-token": await cloud.token() };
  const response = await app.request("/", { method: "POST", body: '{"input":1}', headers });
  expect(await response.json()).toEqual({ body: { input: 1 } });
});

test("keeps status, headers and cookies of a streamed answer, and ends with its last event", async () => {
  const contexts: UserContext[] = [];
  const app = new Hono();
  app.use(userContext(options));
  app.get("/", (c) => {
    contexts.push(getUserContext());
    c.status(202);
    c.header("x-answer", "yes");
    c.header("set-cookie", "a=1", { append: true });
    c.header("set-cookie", "b=2", { append: true });
    return streamSSE(c, async (stream) => {
      for (let n = 0; n < 3; n += 1) await stream.writeSSE({ data: `${getUserContext().user?.oid}` });
    });
  });
  const oid = randomUUID();
  const response = await app.request("/", { headers: { "x-client-user-token": await cloud.token({ oid }) } });
  expect(response.status).toBe(202);
  expect(response.headers.get("x-answer")).toBe("yes");
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(contexts[0]?.ended).toBe(false);
  expect((await response.text()).split(oid)).toHaveLength(4);
  expect(contexts[0]?.ended).toBe(true);
});

test("ends with an answer that has no body, and with a handler that throws", async () => {
  const contexts: UserContext[] = [];
  const app = new Hono();
  app.use(userContext(options));
  app.get("/empty", (c) => {
    contexts.push(getUserContext());
    return c.body(null, 204);
  });
  app.get("/throws", () => {
    contexts.push(getUserContext());
    throw new Error("the handler broke");
  });
  app.onError((_error, c) => c.body(null, 500));
  const headers = { "x-client-user-token": await cloud.token() };
  expect((await app.request("/empty", { headers })).status).toBe(204);
  expect((await app.request("/throws", { headers })).status).toBe(500);
  expect(contexts.map(({ ended }) => ended)).toEqual([true, true]);
});
