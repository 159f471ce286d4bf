import { AsyncResource } from "node:async_hooks";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { bindUserContext, type UserContextOptions } from "hosted-agent-identity";
import { userContext as expressUserContext } from "hosted-agent-identity/express";
import { userContext as fastifyUserContext } from "hosted-agent-identity/fastify";
import { userContext as honoUserContext } from "hosted-agent-identity/hono";
import { userContext as nodeUserContext } from "hosted-agent-identity/node";
import { listening, type RunningHost } from "./listening.js";

/** What a test does in each host. */
export interface Probe {
  /** `GET` or `POST /who`: the JSON to answer. `requests` are the host's objects for this request. */
  who(requests: readonly object[], headerPlaces: readonly unknown[]): unknown;
  /** `GET /hang`: never answers. */
  hang(): void;
  /** `GET /stream`: the chunks to answer, pulled after the handler has returned. */
  stream(): AsyncIterable<string>;
}

export interface AdapterHost {
  readonly name: string;
  start(options: UserContextOptions, probe: Probe): Promise<RunningHost>;
}

/** Runs something with no async context, as a framework's own machinery does. */
export const outside: <T>(run: () => T) => T = AsyncResource.bind(<T>(run: () => T): T => run());

const forever = new Promise<never>(() => {});

/** Room for a header of 100 kB, which Node refuses by default. */
const roomy = { maxHeaderSize: 256 * 1024 };

export const adapterHosts: readonly AdapterHost[] = [
  {
    name: "express",
    async start(options, probe) {
      const app = express();
      app.use(expressUserContext(options));
      app.use(express.json());
      app.all("/who", (req, res) => {
        res.json(
          probe.who(
            [req],
            [req.headers, req.headersDistinct, req.rawHeaders, req.get("x-client-user-token")],
          ),
        );
      });
      app.get("/hang", () => probe.hang());
      app.get("/stream", (_req, res) => pipeOutside(probe.stream(), res));
      return listening(createServer(roomy, app));
    },
  },
  {
    name: "fastify",
    async start(options, probe) {
      const app = fastify({ serverFactory: (handler) => createServer(roomy, handler) });
      await app.register(fastifyUserContext(options));
      app.route({
        method: ["GET", "POST"],
        url: "/who",
        handler: async (request) =>
          probe.who(
            [request, request.raw],
            [request.headers, request.raw.headers, request.raw.headersDistinct, request.raw.rawHeaders],
          ),
      });
      app.get("/hang", () => {
        probe.hang();
        return forever;
      });
      app.get("/stream", (_request, reply) => reply.send(Readable.from(bindUserContext(probe.stream()))));
      await app.listen({ port: 0, host: "127.0.0.1" });
      return listening(app.server);
    },
  },
  {
    name: "hono",
    async start(options, probe) {
      const app = new Hono<{ Bindings: { incoming: IncomingMessage } }>();
      app.use(honoUserContext(options));
      app.all("/who", async (c) => {
        if (c.req.method === "POST") await c.req.json();
        const { headers, headersDistinct, rawHeaders } = c.env.incoming;
        const places = [c.req.header(), [...c.req.raw.headers], headers, headersDistinct, rawHeaders];
        return c.json(probe.who([c, c.req.raw], places) as object);
      });
      app.get("/hang", () => {
        probe.hang();
        return forever;
      });
      app.get("/stream", () => new Response(bytes(probe.stream())));
      const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", serverOptions: roomy });
      return listening(server as Server);
    },
  },
  {
    name: "node:http",
    async start(options, probe) {
      const asUser = nodeUserContext(options);
      const server = createServer(roomy, (req, res) =>
        asUser(req, res, () => {
          if (req.url === "/hang") return probe.hang();
          if (req.url === "/stream") return pipeOutside(probe.stream(), res);
          const places = [req.headers, req.headersDistinct, req.rawHeaders];
          res.setHeader("content-type", "application/json");
          res.end(JSON.stringify(probe.who([req], places)));
        }),
      );
      return listening(server);
    },
  },
];

function pipeOutside(chunks: AsyncIterable<string>, response: ServerResponse): void {
  const bound = bindUserContext(chunks);
  outside(() => void pipeline(Readable.from(bound), response).catch(() => {}));
}

function bytes(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void (await iterator.return?.()),
  });
}
