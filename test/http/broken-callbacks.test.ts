import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { userContext, type UserContextOptions } from "hosted-agent-identity";
import { userContext as nodeUserContext, webHandler } from "hosted-agent-identity/node";
import { adapterHosts, type AdapterHost } from "../support/adapter-hosts.js";
import { listening, type RunningHost } from "../support/listening.js";
import { responsesHosts } from "../support/responses-hosts.js";

let host: RunningHost | undefined;
const unheard: unknown[] = [];
const onUnheard = (reason: unknown): void => void unheard.push(reason);
let warned: MockInstance<typeof process.emitWarning>;

beforeEach(() => {
  warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
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

/** The one without a framework: what it rejects with would be seen as 599. */
const webHost: AdapterHost = {
  name: "web",
  async start(options, probe) {
    const asUser = userContext(options);
    const serve = webHandler((request) =>
      asUser(request, (own) => Response.json(probe.who([own], []))).catch(
        () => new Response(null, { status: 599 }),
      ),
    );
    return listening(createServer((req, res) => void serve(req, res)));
  },
};

const secret = "token-of-ada";
const broken = (): never => {
  throw new TypeError(`"Bearer ${secret}" is an invalid header value.`);
};

/** How a callback of the host's own fails. */
const failures: Readonly<Record<string, () => never>> = {
  "throws an error": broken,
  "throws what is no error": () => {
    throw secret as unknown;
  },
  rejects: (() => Promise.reject(new TypeError(secret))) as unknown as () => never,
  "rejects in another realm": (() =>
    runInNewContext(
      `Promise.reject(new TypeError("${secret}"))`,
    ) as Promise<never>) as unknown as () => never,
  "throws undefined": () => {
    throw undefined as unknown;
  },
};

// No host here answers anything but 200: what is answered otherwise is the adapter's own answer.
describe.each([...adapterHosts, webHost])("userContext() on $name", ({ start }) => {
  it.each(Object.entries(failures))("lets nothing pass when verify %s", async (_how, verify) => {
    const who = vi.fn(() => ({ reached: true }));
    const options: UserContextOptions = { verify, environment: { hosted: false } };
    host = await start(options, { who, hang() {}, async *stream() {} });
    const answer = await fetch(`${host.url}/who`, { headers: { "x-client-user-token": secret } });
    const text = await answer.text();
    expect([answer.status, who.mock.calls.length]).toEqual([500, 0]);
    expect(JSON.parse(text)).toEqual({
      error: {
        code: "server_error",
        type: "server_error",
        param: null,
        message: "The agent could not answer this request.",
      },
    });
    expect(answer.headers.get("x-platform-error-source")).toBe("upstream");
    expect(warned).toHaveBeenCalledOnce();
    expect(String(warned.mock.calls[0]?.[0])).toMatch(/^userContext\(\) failed: /);
    expect(text + String(warned.mock.calls)).not.toContain(secret);
  });
});

describe("userContext() of node:http", () => {
  it.each([
    ["throws", broken],
    ["rejects", () => Promise.reject(new Error(secret))],
  ])("answers 500 for a handler behind it that %s", async (_how, handler) => {
    const asUser = nodeUserContext({ verify: "none", environment: { hosted: false } });
    host = await listening(createServer((req, res) => asUser(req, res, () => handler())));
    const answer = await fetch(host.url);
    expect(answer.status).toBe(500);
    expect((await answer.text()) + String(warned.mock.calls)).not.toContain(secret);
  });
});

describe.each(Object.entries(responsesHosts))("responses() on %s", (_, start) => {
  it.each(Object.entries(failures))("answers as ever when onEvent %s", async (_how, onEvent) => {
    host = await start(
      async function* () {
        yield "Hello";
      },
      { onEvent },
    );
    const answer = await fetch(`${host.url}/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input: "x" }),
    });
    expect(await answer.json()).toMatchObject({ status: "completed" });
  });

  it.each(Object.entries(failures))(
    "says nothing of a run's error when onError %s",
    async (_how, onError) => {
      host = await start(broken, { onError });
      const answer = await fetch(`${host.url}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input: "x" }),
      });
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({ status: "failed", error: { code: "server_error" } });
      expect(text).not.toContain(secret);
    },
  );
});
