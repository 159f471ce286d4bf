import { createServer, type Server } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as root from "hosted-agent-identity";
import * as onExpress from "hosted-agent-identity/express";
import * as onFastify from "hosted-agent-identity/fastify";
import * as onHono from "hosted-agent-identity/hono";
import * as onNode from "hosted-agent-identity/node";
import { listening, type RunningHost } from "../support/listening.js";

const anybody = { verify: "none", environment: { hosted: false } } as const;
let runs = 0;
async function* run(): AsyncGenerator<string> {
  runs += 1;
  yield "answered";
}

async function onTheFastify(parsesAll: boolean): Promise<RunningHost> {
  const app = fastify();
  if (parsesAll)
    app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  await app.register(onFastify.userContext(anybody));
  app.all("/responses", onFastify.responses(run));
  app.all("/invocations", onFastify.invocations(run));
  await app.listen({ port: 0, host: "127.0.0.1" });
  return listening(app.server);
}

async function onTheExpress(...parsers: readonly express.RequestHandler[]): Promise<RunningHost> {
  const app = express().use(onExpress.userContext(anybody), ...parsers);
  app.all("/responses", onExpress.responses(run)).all("/invocations", onExpress.invocations(run));
  return listening(createServer(app));
}

const served = (fetch: (request: Request) => Response | Promise<Response>): Promise<RunningHost> =>
  listening(serve({ fetch, port: 0, hostname: "127.0.0.1" }) as Server);

/** Every adapter, with what may have read the body before it. */
const hosts: Readonly<Record<string, () => Promise<RunningHost>>> = {
  express: () => onTheExpress(express.json()),
  "express with parsers for everything": () =>
    onTheExpress(express.json({ type: "*/json" }), express.urlencoded(), express.text({ type: "*/*" })),
  fastify: () => onTheFastify(false),
  "fastify with a parser for everything": () => onTheFastify(true),
  async hono() {
    const app = new Hono().use(onHono.userContext(anybody));
    app.all("/responses", onHono.responses(run)).all("/invocations", onHono.invocations(run));
    return served(app.fetch);
  },
  async "node:http"() {
    const asUser = onNode.userContext(anybody);
    const [responses, invocations] = [onNode.responses(run), onNode.invocations(run)];
    return listening(
      createServer((req, res) =>
        asUser(req, res, () => void (req.url === "/responses" ? responses : invocations)(req, res)),
      ),
    );
  },
  async "a web-standard host"() {
    const asUser = root.userContext(anybody);
    const [responses, invocations] = [root.responses(run), root.invocations(run)];
    return served((request) =>
      asUser(request, (next) => (next.url.endsWith("/responses") ? responses : invocations)(next)),
    );
  },
};

const json = '{"input":"hello"}';
/** What a page of another site can send without a preflight (Fetch, CORS-safelisted request headers), and no type. */
const simple: readonly (string | undefined)[] = [
  "text/plain",
  "text/plain; charset=utf-8",
  "text/plain;application/json",
  "TEXT/PLAIN",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  undefined,
];

const routes = ["/responses", "/invocations"] as const;

describe.each(Object.entries(hosts))("on %s", (_name, start) => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await start();
  });
  afterAll(() => host.close());
  beforeEach(() => {
    runs = 0;
  });

  const send = (route: string, type: string | undefined, method = "POST"): Promise<Response> =>
    fetch(`${host.url}${route}`, {
      method,
      // Without a type of its own, fetch names none for bytes.
      body: new TextEncoder().encode(json),
      headers: type === undefined ? {} : { "content-type": type },
    });

  describe.each(routes)("POST %s", (route) => {
    it.each(simple)("as %s is answered 415, and nothing runs", async (type) => {
      const answer = await send(route, type);
      expect(answer.status).toBe(415);
      expect(runs).toBe(0);
    });

    it("as text/plain says which type to send", async () => {
      const { error } = (await (await send(route, "text/plain")).json()) as { error: object };
      expect(error).toMatchObject({
        code: "unsupported_media_type",
        message: expect.stringContaining("application/json"),
      });
    });

    it.each(["application/json", "application/json; charset=utf-8"])("as %s runs", async (type) => {
      expect((await send(route, type)).status).toBe(200);
      expect(runs).toBe(1);
    });

    it("with another method is answered 405", async () => {
      const answer = await send(route, "application/json", "PUT");
      expect(answer.status).toBe(405);
      expect(runs).toBe(0);
    });
  });
});
