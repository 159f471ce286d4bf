import { createServer } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { afterEach, describe, expect, it } from "vitest";
import {
  invocations,
  TokenExchangeError,
  type InvocationResult,
  type InvocationRun,
  type InvocationsOptions,
  type TurnSignIn,
  type UserAccess,
} from "hosted-agent-identity";
import * as onExpress from "hosted-agent-identity/express";
import * as onFastify from "hosted-agent-identity/fastify";
import * as onHono from "hosted-agent-identity/hono";
import * as onNode from "hosted-agent-identity/node";
import { accessThat, linkFor } from "../support/consenting-access.js";
import { listening, type RunningHost } from "../support/listening.js";
import { contextOf } from "../support/test-users.js";

type Start = (run: InvocationRun, options: InvocationsOptions) => Promise<RunningHost>;

const anybody = { verify: "none", environment: { hosted: false } } as const;

const hosts: Readonly<Record<string, Start>> = {
  async express(run, options) {
    const app = express().use(onExpress.userContext(anybody));
    app.post("/invocations", onExpress.invocations(run, options));
    return listening(createServer(app));
  },
  async fastify(run, options) {
    const app = fastify();
    await app.register(onFastify.userContext(anybody));
    app.post("/invocations", onFastify.invocations(run, options));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listening(app.server);
  },
  async hono(run, options) {
    const app = new Hono()
      .use(onHono.userContext(anybody))
      .post("/invocations", onHono.invocations(run, options));
    return listening(
      serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as ReturnType<typeof createServer>,
    );
  },
  async "node:http"(run, options) {
    const context = onNode.userContext(anybody);
    const handler = onNode.invocations(run, options);
    return listening(createServer((req, res) => void context(req, res, () => handler(req, res))));
  },
};

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

const asks = { method: "POST", headers: { "content-type": "application/json" }, body: '{"question":"who?"}' };
const post = (headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${host?.url}/invocations`, { ...asks, headers: { ...asks.headers, ...headers } });
const streamed = { accept: "application/json;q=0.5, text/event-stream" };
const events = async (answer: Response): Promise<Record<string, unknown>[]> =>
  (await answer.text()).split("\n\n").flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    return data === undefined ? [] : [JSON.parse(data) as Record<string, unknown>];
  });

const runOf = (access: UserAccess): InvocationRun =>
  async function* ({ body }) {
    yield "As ";
    await access.token();
    yield `Ada: ${JSON.stringify(body)}`;
  };
const signIn = new TokenExchangeError("sign_in_required", "again", {}, { category: "signin" });
const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const stepUp = new TokenExchangeError("step_up_required", "again", { claims }, { category: "stepup" });
const unconnected = accessThat("contacts");
const connected = accessThat("contacts", { refusal: "none" });
const signedOut = accessThat("contacts", { refusal: signIn });

describe.each(Object.entries(hosts))("invocations() on %s", (_name, start) => {
  it("answers, as JSON and as events", async () => {
    host = await start(runOf(connected), {});
    const answer = await post();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      id: expect.stringMatching(/^caresp_/) as string,
      status: "completed",
      output_text: 'As Ada: {"question":"who?"}',
    });
    const told = await post(streamed);
    expect(told.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const all = await events(told);
    expect(all.map(({ type }) => type)).toEqual(["started", "text", "text", "ended"]);
    expect(all.at(-1)).toMatchObject({ result: { id: all[0]?.["id"], status: "completed" } });
  });

  it("asks for consent, as JSON and as events", async () => {
    host = await start(runOf(unconnected), {});
    const item = {
      type: "oauth_consent_request",
      consent_link: linkFor("contacts"),
      server_label: "contacts",
    };
    const result = (await (await post()).json()) as InvocationResult;
    expect(result).toMatchObject({ status: "consent_required", output_text: "As ", consent: [item] });
    const all = await events(await post(streamed));
    expect(all.map(({ type }) => type)).toEqual(["started", "text", "consent_required", "ended"]);
    expect(all[2]).toMatchObject({ consent: item });
    expect(all[3]).toMatchObject({ result: { status: "consent_required", consent: [item] } });
  });

  it("challenges a caller whose user has to sign in again, in the header and in the body", async () => {
    host = await start(runOf(signedOut), { prepare: [signedOut] });
    for (const headers of [{}, streamed]) {
      const answer = await post(headers);
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        expect.stringMatching(/^Bearer /),
      ]);
      expect(await answer.json()).toMatchObject({ error: { code: "sign_in_required" } });
    }
  });

  it("challenges with the claims that Entra asks for, in the body as well", async () => {
    const demanding = accessThat("contacts", { refusal: stepUp });
    for (const prepare of [[demanding], []]) {
      host = await start(runOf(demanding), { prepare });
      const answer = await post();
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        expect.stringContaining(`claims="${Buffer.from(claims).toString("base64")}"`),
      ]);
      expect(await answer.json()).toMatchObject({
        error: { code: "step_up_required", additionalInfo: { claims } },
      });
      await host.close();
      host = undefined;
    }
  });

  it("says in the stream what it can no longer say in the status", async () => {
    host = await start(runOf(signedOut), {});
    expect((await events(await post(streamed))).at(-1)).toMatchObject({
      type: "ended",
      result: { status: "failed", error: { code: "sign_in_required" } },
    });
  });

  it("refuses what is no JSON", async () => {
    host = await start(runOf(connected), {});
    const answer = await fetch(`${host.url}/invocations`, { ...asks, body: "{" });
    expect(answer.status).toBe(400);
  });
});

describe("what the person wrote", () => {
  const heard: string[] = [];
  const kept: string[] = [];
  const chat: TurnSignIn = {
    async redeem(_context, text) {
      heard.push(text);
      if (text !== "yes") return { status: "not_a_code" };
      return { status: "bound", say: "Connected.", ...(kept[0] === undefined ? {} : { prompt: kept[0] }) };
    },
    async keepPrompt(_context, prompt) {
      kept.push(prompt);
    },
    async settle() {},
  };
  const ask = (handler: ReturnType<typeof invocations>, body: unknown): Promise<Response> =>
    handler(
      new Request("http://agent/invocations", { ...asks, body: JSON.stringify(body) }),
      contextOf({ principal: { kind: "platform", project: "p", agent: "a", id: "u" } } as never),
    );
  const message = (body: unknown): string | undefined => (Object(body) as { say?: string }).say;

  it("is given to sign-in, and the interrupted request runs after the yes with its whole body", async () => {
    const ran: unknown[] = [];
    let access: UserAccess = unconnected;
    const handler = invocations(
      async function* ({ body, input }) {
        ran.push([body, input]);
        await access.token();
        yield "done";
      },
      { message, signIn: chat },
    );
    expect(await (await ask(handler, { say: "list", page: 2 })).json()).toMatchObject({
      status: "consent_required",
    });
    access = connected;
    expect(await (await ask(handler, { say: "yes" })).json()).toMatchObject({
      output_text: "Connected.\n\ndone",
    });
    expect(heard).toEqual(["list", "yes"]);
    expect(ran).toEqual([
      [{ say: "list", page: 2 }, "list"],
      [{ say: "list", page: 2 }, "list"],
    ]);
  });

  it("is needed by sign-in", () => {
    expect(() => invocations(async function* () {}, { signIn: chat })).toThrow(/signIn: needs `message`/);
  });
});
