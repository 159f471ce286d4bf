import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runWithUserContext, type ResponsesOptions, type ResponsesRun } from "hosted-agent-identity";
import { responses as expressResponses } from "hosted-agent-identity/express";
import { responses as nodeResponses, userContext as nodeUserContext } from "hosted-agent-identity/node";
import { gate } from "../support/consenting-access.js";
import { listening, type RunningHost } from "../support/listening.js";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import { contextOf } from "../support/test-users.js";

let host: RunningHost | undefined;
const unheard: unknown[] = [];
const onUnheard = (reason: unknown): void => void unheard.push(reason);

beforeEach(() => {
  unheard.length = 0;
  process.on("unhandledRejection", onUnheard);
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  await sleep(1);
  process.off("unhandledRejection", onUnheard);
  if (unheard.length > 0) throw new AggregateError(unheard, "A promise was rejected, and nobody heard it.");
});

const echo: ResponsesRun = async function* ({ input }) {
  yield `You said ${input}`;
};

function post(body: object): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

const broken = (): never => {
  throw new Error("password=hunter2");
};

/** What can go wrong outside of the run, before its first event. */
const faults: Readonly<Record<string, ResponsesOptions>> = {
  "a source of random bytes that throws": { random: broken },
  "a clock that throws": { now: broken },
  "a clock that throws, and a listener that throws": { now: broken, onError: broken },
  "a clock that throws, and a listener that rejects": {
    now: broken,
    onError: (async () => broken()) as unknown as (error: unknown) => void,
  },
};

describe.each(Object.entries(responsesHosts))("on %s", (_, start: StartHost) => {
  const cases = Object.entries(faults).flatMap(([name, options]) =>
    [true, false].map((stream) => ({ name, options, stream })),
  );

  it.each(cases)("$name is answered 500 in the envelope, streamed: $stream", async ({ options, stream }) => {
    const onError = vi.fn(options.onError);
    host = await start(echo, { ...options, onError });
    const answer = await post({ input: "x", stream });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({
      error: {
        code: "server_error",
        type: "server_error",
        param: null,
        message: "The agent could not answer this request.",
      },
    });
    expect(answer.headers.get("x-platform-error-source")).toBe("upstream");
    expect(onError).toHaveBeenCalled();
  });

  it("the next request is answered after one that broke", async () => {
    let calls = 0;
    host = await start(echo, {
      now: () => {
        calls += 1;
        return calls === 1 ? broken() : Date.now();
      },
      onError: () => {},
    });
    expect((await post({ input: "x" })).status).toBe(500);
    expect(await (await post({ input: "x" })).json()).toMatchObject({ status: "completed" });
  });

  it("a stream that breaks in the middle is cut, and the run is ended", async () => {
    const onError = vi.fn();
    const ended = gate();
    let calls = 0;
    host = await start(
      async function* () {
        try {
          yield "first";
          await sleep(5);
          yield { type: "response.output_item.done", item: { type: "message" } };
          await sleep(5);
          yield "more";
        } finally {
          ended.open();
        }
      },
      {
        onError,
        // The id of the item that the run gives without one.
        random: (length) => {
          calls += 1;
          return calls > 5 ? broken() : new Uint8Array(length).fill(1);
        },
      },
    );
    const answer = await post({ input: "x", stream: true });
    await answer.text().catch(() => "");
    await ended.promise;
    await vi.waitFor(() => expect(onError).toHaveBeenCalled());
  });
});

describe.each(Object.entries(responsesHosts))("on %s, an answer that is complete", (_, start: StartHost) => {
  it.each([true, false])("does not tell its run that the client has gone, streamed: %s", async (stream) => {
    const gone = vi.fn();
    const onAbort = vi
      .spyOn(AbortController.prototype, "abort")
      .mockImplementation((reason) => void (reason === undefined && gone()));
    host = await start(echo, {});
    const answer = await fetch(`${host.url}/responses`, {
      method: "POST",
      headers: { "content-type": "application/json", connection: "close" },
      body: JSON.stringify({ input: "x", stream }),
    });
    expect(await answer.text()).toContain("You said x");
    await host.close();
    host = undefined;
    onAbort.mockRestore();
    expect(gone).not.toHaveBeenCalled();
  });
});

describe("a response of node:http that somebody else writes to", () => {
  const hosts = {
    express: (run: ResponsesRun, options: ResponsesOptions, before: express.RequestHandler) => {
      const app = express();
      app.post("/responses", before, (req, res) =>
        runWithUserContext(contextOf("person"), () => expressResponses(run, options)(req, res)),
      );
      return listening(createServer(app));
    },
  };

  it.each([true, false])("is left as it is when it was answered already, streamed: %s", async (stream) => {
    const settled: Promise<void>[] = [];
    const handle = nodeResponses(echo, { onError: () => {} });
    host = await listening(
      createServer((req, res) => {
        res.writeHead(418).end("teapot");
        settled.push(runWithUserContext(contextOf("person"), () => handle(req, res)));
      }),
    );
    const answer = await post({ input: "x", stream });
    expect([answer.status, await answer.text()]).toEqual([418, "teapot"]);
    await Promise.all(settled);
  });

  it("is left as it is when somebody ends it in the middle, and the turn ends", async () => {
    const aborted = gate();
    const go = gate();
    host = await hosts.express(
      async function* ({ signal }) {
        signal.addEventListener("abort", () => aborted.open());
        for (;;) {
          yield "tick ";
          go.open();
          await sleep(2);
        }
      },
      {},
      (_req, res, next) => {
        void go.promise.then(() => res.end());
        next();
      },
    );
    const answer = await post({ input: "x", stream: true });
    expect(await answer.text()).not.toContain("response.completed");
    await aborted.promise;
  });

  it("is left as it is when somebody ends it while the run is silent, and the turn ends", async () => {
    const aborted = gate();
    const go = gate();
    host = await hosts.express(
      async function* ({ signal }) {
        yield "a word, and then nothing ";
        go.open();
        await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
        aborted.open();
      },
      {},
      (_req, res, next) => {
        void go.promise.then(() => res.end());
        next();
      },
    );
    const answer = await post({ input: "x", stream: true });
    expect(await answer.text()).not.toContain("response.completed");
    await aborted.promise;
  });

  it("is closed when its headers cannot be written", async () => {
    const onError = vi.fn();
    host = await hosts.express(echo, { onError }, (_req, res, next) => {
      res.writeHead = broken;
      next();
    });
    await expect(post({ input: "x" })).rejects.toThrow("fetch failed");
    expect(onError).toHaveBeenCalledOnce();
  });
});

describe("userContext() of node:http", () => {
  const ask = (): Promise<Response> =>
    fetch(`${host?.url}/`, { headers: { "x-client-user-token": "token-of-ada" } });

  it("answers 500 for a verifier that throws anything else, and goes on with nobody", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const next = vi.fn();
    const asUser = nodeUserContext({
      verify: () => Promise.reject(new TypeError("token-of-ada is no token")),
      environment: { hosted: false },
    });
    host = await listening(createServer((req, res) => asUser(req, res, next)));
    const answer = await ask();
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error: { code: "server_error" } });
    expect(next).not.toHaveBeenCalled();
    expect(warned).toHaveBeenCalledOnce();
    expect(String(warned.mock.calls[0]?.[0])).toMatch(/^userContext\(\) failed: TypeError/);
    expect(String(warned.mock.calls[0]?.[0])).not.toContain("token-of-ada");
    warned.mockRestore();
  });

  it("answers 500 for what runs behind it and throws", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const asUser = nodeUserContext({ verify: "none", environment: { hosted: false } });
    host = await listening(createServer((req, res) => asUser(req, res, broken)));
    const answer = await ask();
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("hunter2");
    warned.mockRestore();
  });
});
