import { createServer, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, fetch as undiciFetch, getGlobalDispatcher, setGlobalDispatcher } from "undici";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type FetchLike, runWithUserContext, type UserAccessOptions } from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { internalsOf } from "../../src/context/user-context.js";
import { impatient } from "../../src/access/silence.js";
import { accessTo } from "../support/eliciting-server.js";
import { listening, type RunningHost } from "../support/listening.js";

let host: RunningHost;
let answer: (response: ServerResponse) => void;
beforeEach(async () => {
  host = await listening(createServer((_request, response) => answer(response)));
});
afterEach(() => host.close());

/** A call of a tool, with a limit that a slow machine meets only where nothing comes at all. */
async function call(
  options: Pick<UserAccessOptions, "silenceMs" | "fetch" | "standaloneStream"> = { silenceMs: 1500 },
  method = "tools/call",
): Promise<{ outcome: string; troubles: unknown[] }> {
  const access = accessTo(`${host.url}/mcp`, undefined, options);
  const context = testUserContext();
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { name: "t" } });
  const headers = { "content-type": "application/json", "mcp-method": method };
  const outcome = await runWithUserContext(context, () =>
    access.fetch(access.url, { method: "POST", headers, body }),
  ).then(
    (response) => response.text(),
    (error: Error) => error.name,
  );
  await access.close();
  return { outcome, troubles: [...internalsOf(context).serverTroubles.values()].map(({ kind }) => kind) };
}

it("ends a call whose answer does not begin", async () => {
  answer = () => {};
  expect(await call()).toEqual({ outcome: "TimeoutError", troubles: ["unreachable"] });
});

it("ends a call whose stream falls silent", async () => {
  answer = (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": working\n\n");
  };
  const { outcome, troubles } = await call();
  expect(outcome).toContain("broke off");
  expect(troubles).toEqual(["unreachable"]);
});

it("leaves a subscription alone, on which the server has nothing to say for a while", async () => {
  const said = `data: ${JSON.stringify({ jsonrpc: "2.0", id: 1, result: {} })}\n\n`;
  answer = async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n");
    await sleep(900);
    response.end(said);
  };
  const options = { silenceMs: 300, standaloneStream: "allow" } as const;
  expect(await call(options, "subscriptions/listen")).toEqual({ outcome: `: open\n\n${said}`, troubles: [] });
  expect((await call(options)).outcome).toContain("broke off");
});

it("leaves a call alone that answers", async () => {
  answer = (response) => void response.setHeader("content-type", "application/json").end("{}");
  expect(await call()).toEqual({ outcome: "{}", troubles: [] });
});

it.each(["its headers", "its stream"])(
  "a fetch of undici waits for %s longer than Node's own, as docs/guides/hosts.md shows",
  async (what) => {
    const result = { jsonrpc: "2.0", id: 1, result: {} };
    answer = async (response) => {
      if (what === "its headers") await sleep(3500);
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      if (what === "its stream") await sleep(3500);
      response.end(`data: ${JSON.stringify(result)}\n\n`);
    };
    // Node's limits are 300 s: what its fetch uses by default can be set.
    const usual = getGlobalDispatcher();
    const [short, dispatcher] = [500, 900_000].map(
      (limit) => new Agent({ headersTimeout: limit, bodyTimeout: limit }),
    ) as [Agent, Agent];
    setGlobalDispatcher(short);
    try {
      const patient = ((url: string, init?: object) =>
        undiciFetch(url, { ...init, dispatcher })) as unknown as FetchLike;
      expect((await call({})).troubles).toEqual(["unreachable"]);
      expect(await call({ fetch: patient })).toEqual({
        outcome: expect.stringContaining(JSON.stringify(result)),
        troubles: [],
      });
    } finally {
      setGlobalDispatcher(usual);
      await Promise.all([short.destroy(), dispatcher.destroy()]);
    }
  },
);

it("cancels an answer that begins too late", async () => {
  vi.useFakeTimers();
  try {
    const cancel = vi.fn();
    const late = impatient(
      () =>
        new Promise((resolve) =>
          setTimeout(() => resolve(new Response(new ReadableStream({ cancel }))), 2000),
        ),
      1000,
    )("http://127.0.0.1:9/");
    const failed = late.catch((error: Error) => error.name);
    await vi.advanceTimersByTimeAsync(3000);
    expect(await failed).toBe("TimeoutError");
    expect(cancel).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});
