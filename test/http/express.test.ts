import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { json } from "node:stream/consumers";
import express, { type RequestHandler } from "express";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  getUserContext,
  tryGetUserContext,
  type UserContextOptions,
  userTokenVerifier,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { userContext } from "hosted-agent-identity/express";
import { listening, type RunningHost } from "../support/listening.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
let running: RunningHost;
let options: UserContextOptions & { verify: UserTokenVerifier };
beforeAll(async () => {
  cloud = await startTestCloud();
  options = { verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } };
});
afterEach(() => running.close());
afterAll(() => cloud.close());

async function host(set: (app: express.Express) => void): Promise<string> {
  const app = express();
  set(app);
  running = await listening(createServer(app));
  return running.url;
}

/** Reads the body by events, and goes on from there: the async context of the middleware is lost. */
const losesTheContext: RequestHandler = (req, res, next) => {
  res.writeEarlyHints({ link: "</reading>; rel=preload" });
  let text = "";
  req.setEncoding("utf8");
  req.on("data", (chunk: string) => (text += chunk));
  req.on("end", () => {
    req.body = JSON.parse(text);
    next();
  });
};

test("behind a body parser that loses the async context, the request object still names the person", async () => {
  const url = await host((app) => {
    app.use(userContext(options), losesTheContext);
    app.post("/", (req, res) => {
      res.json({
        ambient: tryGetUserContext()?.user ?? null,
        byRequest: getUserContext(req).user?.oid,
        body: req.body,
      });
    });
  });
  const oid = randomUUID();
  const headers = { "x-client-user-token": await cloud.token({ oid }), "content-type": "application/json" };
  expect(await postWhenAskedFor(url, headers, '{"input":"hi"}')).toEqual({
    ambient: null,
    byRequest: oid,
    body: { input: "hi" },
  });
});

test("a second middleware verifies the same person by its own rules, though the token is off the request", async () => {
  const strict = userTokenVerifier({ app: cloud.app, requiredScopes: ["admin"] });
  const url = await host((app) => {
    app.use(userContext(options));
    app.use("/again", userContext({ ...options, require: true }));
    app.use("/admin", userContext({ ...options, verify: strict }));
    app.use((req, res) => void res.json({ oid: getUserContext(req).user?.oid }));
  });
  const oid = randomUUID();
  const headers = { "x-client-user-token": await cloud.token({ oid }) };
  expect(await (await fetch(`${url}/again`, { headers })).json()).toEqual({ oid });
  const refused = await fetch(`${url}/admin`, { headers });
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ error: { code: "user_token_scope" } });
});

test("an error that is not about the token is answered 500, and nothing of it is told", async () => {
  const broken = () => Promise.reject(new Error("the verifier broke"));
  const url = await host((app) => {
    app.use(userContext({ ...options, verify: broken }));
    app.use((_req, res) => void res.json("reached"));
  });
  const response = await fetch(url, { headers: { "x-client-user-token": await cloud.token() } });
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ error: { code: "server_error" } });
  expect(text).not.toContain("the verifier broke");
});

test("a client that leaves while its token is verified leaves an ended context behind", async () => {
  const client = new AbortController();
  const gone = deferred<void>();
  const ended = deferred<boolean>();
  const slow: UserTokenVerifier = async (token) => {
    client.abort();
    await gone.promise;
    return options.verify(token);
  };
  const url = await host((app) => {
    app.use((_req, res, next) => {
      res.once("close", () => gone.resolve());
      next();
    });
    app.use(userContext({ ...options, verify: slow }));
    app.use(() => ended.resolve(getUserContext().ended));
  });
  const headers = { "x-client-user-token": await cloud.token() };
  await expect(fetch(url, { headers, signal: client.signal })).rejects.toThrow(/abort/);
  expect(await ended.promise).toBe(true);
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

/** Sends the body only once the server reads it, so that it arrives in an event of its own. */
async function postWhenAskedFor(
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<unknown> {
  const request = httpRequest(url, { method: "POST", headers, agent: false });
  const answer = once(request, "response");
  request.once("information", () => request.end(body));
  request.flushHeaders();
  const [response] = (await answer) as [IncomingMessage];
  return json(response);
}
