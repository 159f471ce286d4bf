import { createServer } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import type { Server } from "node:http";
import {
  responses,
  type ResponsesOptions,
  type ResponsesRun,
  userContext,
  type UserContextOptions,
} from "hosted-agent-identity";
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
import { listening, type RunningHost } from "./listening.js";

/** Whoever brings a token is refused: these tests are about turns, not about users. */
export const nobodyKnown: UserContextOptions = {
  verify: () => Promise.reject(new Error("no token was expected")),
  environment: { hosted: false },
};

export type StartHost = (
  run: ResponsesRun,
  options?: ResponsesOptions,
  users?: UserContextOptions,
) => Promise<RunningHost>;

/** Every way to host a turn, each on a real socket: `POST /responses`. */
export const responsesHosts: Readonly<Record<string, StartHost>> = {
  async express(run, options, users = nobodyKnown) {
    const app = express();
    app.use(expressUserContext(users));
    app.all("/responses", expressResponses(run, options));
    return listening(createServer(app));
  },
  async "express with express.json()"(run, options, users = nobodyKnown) {
    const app = express();
    app.use(expressUserContext(users));
    app.all("/responses", express.json(), expressResponses(run, options));
    return listening(createServer(app));
  },
  async fastify(run, options, users = nobodyKnown) {
    const app = fastify();
    await app.register(fastifyUserContext(users));
    app.post("/responses", fastifyResponses(run, options));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listening(app.server);
  },
  async hono(run, options, users = nobodyKnown) {
    const app = new Hono();
    app.use(honoUserContext(users));
    app.all("/responses", honoResponses(run, options));
    return listening(serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server);
  },
  async "node:http"(run, options, users = nobodyKnown) {
    const asUser = nodeUserContext(users);
    const handle = nodeResponses(run, options);
    return listening(createServer((req, res) => asUser(req, res, () => void handle(req, res))));
  },
  async "a web-standard host"(run, options, users = nobodyKnown) {
    const asUser = userContext(users);
    const handle = responses(run, options);
    return listening(
      serve({
        fetch: (request) => asUser(request, (next) => handle(next)),
        port: 0,
        hostname: "127.0.0.1",
      }) as Server,
    );
  },
};
