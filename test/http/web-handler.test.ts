import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { webHandler as expressHandler, webHandler as nodeHandler } from "hosted-agent-identity/express";
import { webHandler as fastifyHandler } from "hosted-agent-identity/fastify";
import { createSignIn, memoryStore, type SignIn } from "hosted-agent-identity/sign-in";
import { listening, type RunningHost } from "../support/listening.js";
import { contextOf } from "../sign-in/support/contexts.js";
import { person, titleOf } from "../sign-in/support/person.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";

type Handler = (request: Request) => Promise<Response>;

/** Each host as its users mount the pages: under a path, behind the parsers they are likely to have. */
const hosts: Readonly<Record<string, (handler: Handler) => Promise<RunningHost>>> = {
  express: (handler) =>
    listening(createServer(express().use("/sign-in", expressHandler(handler)).use(lastResort))),
  "express behind body parsers": (handler) => {
    const app = express();
    app.use(express.json(), express.urlencoded({ extended: false }), express.text());
    return listening(createServer(app.use("/sign-in", expressHandler(handler)).use(lastResort)));
  },
  async fastify(handler) {
    const app = fastify({ bodyLimit: 1_000 });
    await app.register(fastifyHandler(handler), { prefix: "/sign-in" });
    app.post("/other", async ({ body }) => body);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listening(app.server);
  },
  async "fastify with a parser for forms"(handler) {
    const app = fastify();
    const type = "application/x-www-form-urlencoded";
    app.addContentTypeParser(type, { parseAs: "string" }, (_request, body, done) => done(null, { body }));
    await app.register(fastifyHandler(handler), { prefix: "/sign-in" });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listening(app.server);
  },
  hono(handler) {
    const app = new Hono();
    app.all("/sign-in/*", (c) => handler(c.req.raw));
    return listening(serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server);
  },
  "node:http"(handler) {
    const handle = nodeHandler(handler);
    return listening(createServer((request, response) => void handle(request, response)));
  },
};

/** What Express does by default prints the error. */
const lastResort: express.ErrorRequestHandler = (_error, _request, response, _next) => {
  response.status(500).end();
};

const opened: RunningHost[] = [];
afterEach(async () => {
  for (const host of opened.splice(0)) await host.close();
});
async function start(name: string, handler: Handler): Promise<RunningHost> {
  const host = await (hosts[name] ?? never)(handler);
  opened.push(host);
  return host;
}
const never = (): never => {
  throw new Error("no such host");
};

describe("the pages of sign-in", () => {
  let world: SignInWorld;
  beforeAll(async () => {
    world = await signInWorld();
  });
  afterAll(() => world?.entra.close());

  it.each(Object.keys(hosts))("lead a person from the link to the end, in %s", async (name) => {
    let signIn: SignIn | undefined;
    const host = await start(name, (request) => signIn?.handler(request) ?? never());
    const publicUrl = `${host.url}/sign-in`;
    world.entra.addRedirectUri("agent", `${publicUrl}/callback`);
    signIn = createSignIn({
      app: world.app(),
      publicUrl,
      resources: [world.contacts],
      store: memoryStore({ quiet: true }),
      encryptionKeys: [new Uint8Array(32).fill(5)],
    });
    const ada = person(world.entra, "Ada");
    const { link } = await signIn.link(await contextOf(world, "Ada"), world.contacts);
    expect(titleOf(await ada.open(link))).toMatch(/^Sign in for/);
    const done = await ada.signIn(link);
    expect([titleOf(done), done.status]).toEqual(["You are signed in", 200]);
    const connections = await ada.open(`${publicUrl}/connections`);
    const asked = await ada.press(connections, {}, "/connections/end");
    const left = await ada.press(asked, {}, "/connections/end");
    expect(left.html).toContain("Disconnected.");
    const head = await fetch(link, { method: "HEAD" });
    expect([head.status, head.headers.get("referrer-policy"), await head.text()]).toEqual([
      200,
      "no-referrer",
      "",
    ]);
  });
});

const echo: Handler = async (request) => {
  const headers = new Headers({ "x-path": new URL(request.url).pathname });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  return new Response(await request.text(), { headers });
};
/** Hosts that go through our own bridge from Node's request. */
const bridged = Object.keys(hosts).filter((name) => name !== "hono");

describe.each(bridged)("a web-standard handler in %s", (name) => {
  it("is given path and body as they came, and may set several cookies", async () => {
    const host = await start(name, echo);
    for (const [type, body] of [
      ["application/x-www-form-urlencoded", "a=1&b=x+y"],
      ["application/json", '{"a":[1]}'],
      ["text/plain", "words"],
    ] as const) {
      const response = await fetch(`${host.url}/sign-in/echo`, {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      expect([response.headers.get("x-path"), await response.text()]).toEqual(["/sign-in/echo", body]);
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    }
  });

  it("is given no body that is too large; the answer is kept nowhere and framed by nobody", async () => {
    const host = await start(name, echo);
    const response = await fetch(`${host.url}/sign-in/echo`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: "x".repeat(70_000),
    });
    expect(response.status).toBe(413);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    });
  });

  it("survives requests that no web-standard request can be, and clients that leave", async () => {
    const host = await start(name, echo);
    const refused = [
      "GET // HTTP/1.1",
      "GET //evil.example.com/sign-in HTTP/1.1",
      "OPTIONS * HTTP/1.1",
      "TRACE /sign-in/x HTTP/1.1",
      "GET http://[/ HTTP/1.1",
    ];
    for (const line of refused)
      expect(await rawStatus(host.url, `${line}\r\nhost: x\r\n\r\n`)).toMatch(/^[2-5]\d\d$/);
    const half =
      "POST /sign-in/x HTTP/1.1\r\nhost: x\r\ncontent-type: x/y\r\ncontent-length: 100\r\n\r\nhalf";
    await rawStatus(host.url, half, 30);
    expect((await fetch(`${host.url}/sign-in/still-there`)).headers.get("x-path")).toBe(
      "/sign-in/still-there",
    );
  });

  it("that throws is answered 500, and the next request as ever", async () => {
    let calls = 0;
    const host = await start(name, async (request) => {
      calls += 1;
      if (calls === 1) throw new Error("secret words");
      return echo(request);
    });
    const response = await fetch(`${host.url}/sign-in/x`);
    expect(response.status).toBe(500);
    if (!name.startsWith("fastify")) expect(await response.text()).not.toContain("secret");
    expect((await fetch(`${host.url}/sign-in/x`)).status).toBe(200);
  });
});

it("leaves the other routes of a Fastify server their parsers and limits", async () => {
  const host = await start("fastify", echo);
  const post = (body: string, type = "application/json") =>
    fetch(`${host.url}/other`, { method: "POST", headers: { "content-type": type }, body });
  expect(await (await post('{"a":1}')).json()).toEqual({ a: 1 });
  expect((await post("a=1", "application/x-www-form-urlencoded")).status).toBe(415);
  expect((await post(JSON.stringify("x".repeat(2_000)))).status).toBe(413);
});

/** The status of the answer to these bytes; with `leaveAfterMs` the client hangs up before there is one. */
function rawStatus(url: string, bytes: string, leaveAfterMs?: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (text.includes("\r\n")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text.split(" ")[1] ?? ""));
    socket.write(bytes);
    if (leaveAfterMs !== undefined) setTimeout(() => socket.destroy(), leaveAfterMs);
  });
}
