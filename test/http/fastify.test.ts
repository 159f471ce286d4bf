import { randomUUID } from "node:crypto";
import fastify from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tryGetUserContext, type UserContextOptions, userTokenVerifier } from "hosted-agent-identity";
import { userContext } from "hosted-agent-identity/fastify";
import { outside } from "../support/adapter-hosts.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
let options: UserContextOptions;
beforeAll(async () => {
  cloud = await startTestCloud();
  options = { verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } };
});
afterAll(() => cloud.close());

test("holds for the routes of the instance it is registered in, and for no others", async () => {
  const app = fastify();
  const who = async () => ({ oid: tryGetUserContext()?.user?.oid ?? null });
  app.get("/public", who);
  await app.register(async (agent) => {
    await agent.register(userContext(options));
    agent.get("/agent", who);
  });
  const oid = randomUUID();
  const headers = { "x-client-user-token": await cloud.token({ oid }) };
  expect((await app.inject({ url: "/agent", headers })).json()).toEqual({ oid });
  expect((await app.inject({ url: "/public", headers })).json()).toEqual({ oid: null });
  await app.close();
});

test("finds the person again behind a hook that loses the async context", async () => {
  const app = fastify();
  await app.register(userContext(options));
  app.addHook("preParsing", (_request, _reply, payload, done) => {
    outside(() => setImmediate(() => done(null, payload)));
  });
  app.post("/", async (request) => ({ oid: tryGetUserContext()?.user?.oid ?? null, body: request.body }));
  const oid = randomUUID();
  const headers = { "x-client-user-token": await cloud.token({ oid }) };
  const response = await app.inject({ method: "POST", url: "/", headers, payload: { input: 1 } });
  expect(response.json()).toEqual({ oid, body: { input: 1 } });
  await app.close();
});

test("an error that is not about the token is answered 500, and nothing of it is told", async () => {
  const app = fastify();
  await app.register(
    userContext({ ...options, verify: () => Promise.reject(new Error("the verifier broke")) }),
  );
  app.get("/", async () => "not reached");
  const response = await app.inject({ url: "/", headers: { "x-client-user-token": await cloud.token() } });
  expect(response.statusCode).toBe(500);
  expect(response.json()).toMatchObject({ error: { code: "server_error" } });
  expect(response.body).not.toContain("the verifier broke");
  await app.close();
});
