import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterEach, describe, expect, it } from "vitest";
import { responses as webResponses, userContext as webUserContext } from "hosted-agent-identity";
import {
  responses as expressResponses,
  userContext as expressUserContext,
} from "hosted-agent-identity/express";
import {
  responses as fastifyResponses,
  userContext as fastifyUserContext,
} from "hosted-agent-identity/fastify";
import { responses as honoResponses, userContext as honoUserContext } from "hosted-agent-identity/hono";
import { responses as nodeResponses, userContext as nodeUserContext } from "hosted-agent-identity/node";

/** A middleware or handler as somebody uses it who has mistaken the entry. */
type Middleware = (...given: never[]) => unknown;

const options = { verify: "none" } as const;
const middlewares: Readonly<Record<string, () => Middleware>> = {
  "hosted-agent-identity": () => webUserContext(options),
  "hosted-agent-identity/express": () => expressUserContext(options) as Middleware,
  "hosted-agent-identity/fastify": () => fastifyUserContext(options) as Middleware,
  "hosted-agent-identity/hono": () => honoUserContext(options) as Middleware,
  "hosted-agent-identity/node": () => nodeUserContext(options) as Middleware,
};

const run = async function* (): AsyncGenerator<string> {
  yield "on";
};
const handlers: Readonly<Record<string, () => Middleware>> = {
  "hosted-agent-identity": () => webResponses(run) as Middleware,
  "hosted-agent-identity/express": () => expressResponses(run) as Middleware,
  "hosted-agent-identity/fastify": () => fastifyResponses(run) as Middleware,
  "hosted-agent-identity/hono": () => honoResponses(run) as Middleware,
  "hosted-agent-identity/node": () => nodeResponses(run) as Middleware,
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Lets a server take one request. */
async function asked(listener: RequestListener): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  closing.push(() => server.close());
  await once(server, "listening");
  await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
}

/** What a middleware throws or rejects with; `undefined` where it goes on. */
async function thrownBy(middleware: Middleware, given: readonly unknown[]): Promise<unknown> {
  try {
    await middleware(...(given as never[]));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Calls a middleware with what each host really gives, and returns what it throws. */
const hosts: Readonly<Record<string, (middleware: Middleware) => Promise<unknown>>> = {
  "hosted-agent-identity": (middleware) =>
    thrownBy(middleware, [new Request("https://agent.example/"), () => new Response("on")]),
  async "hosted-agent-identity/express"(middleware) {
    let thrown: unknown;
    const app = express();
    app.use((request, response, next) => {
      void thrownBy(middleware, [request, response, () => next()]).then((error) => {
        thrown = error;
        response.end();
      });
    });
    await asked(app);
    return thrown;
  },
  async "hosted-agent-identity/fastify"(middleware) {
    let thrown: unknown;
    const app = fastify();
    app.register((instance, given, ready) => {
      void thrownBy(middleware, [instance, given, () => {}]).then((error) => {
        thrown = error;
        ready();
      });
    });
    closing.push(() => app.close());
    await app.ready();
    return thrown;
  },
  async "hosted-agent-identity/hono"(middleware) {
    let thrown: unknown;
    const app = new Hono();
    app.use(async (c, next) => {
      thrown = await thrownBy(middleware, [c, next]);
      return thrown === undefined ? undefined : c.text("refused");
    });
    app.get("/", (c) => c.text("on"));
    await app.request("/");
    return thrown;
  },
  async "hosted-agent-identity/node"(middleware) {
    let thrown: unknown;
    await asked((request, response) => {
      void thrownBy(middleware, [request, response, () => {}]).then((error) => {
        thrown = error;
        response.end();
      });
    });
    return thrown;
  },
};

/** The same hosts where they take a handler. */
const routes: typeof hosts = {
  ...hosts,
  async "hosted-agent-identity/fastify"(handler) {
    let thrown: unknown;
    const app = fastify();
    app.get("/", async (request, reply) => {
      thrown = await thrownBy(handler, [request, reply]);
      return thrown === undefined ? reply : "refused";
    });
    closing.push(() => app.close());
    await app.inject("/");
    return thrown;
  },
  async "hosted-agent-identity/hono"(handler) {
    let thrown: unknown;
    const app = new Hono();
    app.get("/", async (c) => {
      thrown = await thrownBy(handler, [c]);
      return c.text("done");
    });
    await app.request("/");
    return thrown;
  },
};

/** Express gives the requests of `node:http`, so either middleware works on both. */
const sameRequests = new Set(["hosted-agent-identity/express", "hosted-agent-identity/node"]);

const pairs = Object.keys(middlewares).flatMap((imported) =>
  Object.keys(hosts).map((host) => ({
    imported,
    host,
    works: imported === host || (sameRequests.has(imported) && sameRequests.has(host)),
  })),
);

describe("userContext", () => {
  it.each(pairs.filter(({ works }) => works))(
    "of $imported works where $host belongs",
    async ({ imported, host }) => {
      expect(await hosts[host]?.(middlewares[imported]?.() as Middleware)).toBeUndefined();
    },
  );

  it.each(pairs.filter(({ works }) => !works))(
    "of $imported says which entry to import where $host belongs",
    async ({ imported, host }) => {
      const thrown = await hosts[host]?.(middlewares[imported]?.() as Middleware);
      expect(thrown).toMatchObject({ code: "invalid_option" });
      const { message } = thrown as Error;
      expect(message).toContain(`userContext() of ${imported} was called by`);
      expect(message).toContain(`Import it from "${host}"`);
    },
  );

  it.each(Object.keys(middlewares))(
    "of %s says how Fastify takes it where it was given as a hook",
    async (imported) => {
      let thrown: unknown;
      const app = fastify();
      app.addHook("onRequest", async (request, reply) => {
        thrown = await thrownBy(middlewares[imported]?.() as Middleware, [request, reply, () => {}]);
      });
      app.get("/", async () => "on");
      closing.push(() => app.close());
      await app.inject("/");
      expect(thrown).toMatchObject({
        code: "invalid_option",
        message: expect.stringContaining("give it to app.register()"),
      });
    },
  );

  it("throws at once where a host would not wait for a promise", () => {
    const request = Object.assign(new EventTarget(), { rawHeaders: [], headers: {} });
    expect(() => webUserContext(options)(request as never, () => new Response())).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});

describe("responses", () => {
  it.each(pairs.filter(({ works }) => works))(
    "of $imported works where $host belongs",
    async ({ imported, host }) => {
      expect(await routes[host]?.(handlers[imported]?.() as Middleware)).toBeUndefined();
    },
  );

  it.each(pairs.filter(({ works }) => !works))(
    "of $imported says which entry to import where $host belongs",
    async ({ imported, host }) => {
      const thrown = await routes[host]?.(handlers[imported]?.() as Middleware);
      expect(thrown).toMatchObject({ code: "invalid_option" });
      const { message } = thrown as Error;
      expect(message).toContain(`responses() of ${imported} was called by`);
      expect(message).toContain(`Import it from "${host}".`);
    },
  );

  it.each(Object.keys(handlers))(
    "of %s says where Fastify takes it where it was registered",
    async (imported) => {
      expect(
        await hosts["hosted-agent-identity/fastify"]?.(handlers[imported]?.() as Middleware),
      ).toMatchObject({
        code: "invalid_option",
        message: expect.stringContaining("give it to a route, such as app.post()"),
      });
    },
  );

  it("throws at once where a host would not wait for a promise", () => {
    const request = Object.assign(new EventTarget(), { rawHeaders: [], headers: {} });
    expect(() => webResponses(run)(request as never)).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});
