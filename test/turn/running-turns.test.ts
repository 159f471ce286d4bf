import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  responses,
  type ResponsesRun,
  runningTurns,
  type RunningTurns,
  UserContext,
} from "hosted-agent-identity";
import { beginTurn } from "../../src/turn/running-turns.js";
import { gate } from "../support/consenting-access.js";
import { nobodyKnown, responsesHosts, type StartHost } from "../support/responses-hosts.js";
import { contextOf, contextOfNobody } from "../support/test-users.js";
import type { RunningHost } from "../support/listening.js";

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

/** A run that says something and then goes on until it is let go, or cancelled. */
function waitingRun(): {
  readonly run: ResponsesRun;
  readonly begun: ReturnType<typeof gate<void>>;
  readonly go: ReturnType<typeof gate<void>>;
} {
  const begun = gate();
  const go = gate();
  return {
    begun,
    go,
    async *run() {
      yield "first";
      begun.open();
      await go.promise;
      yield ", second";
    },
  };
}

const platform = {
  ...nobodyKnown,
  platformUserId: "one-person",
  environment: { hosted: true, projectEndpoint: "https://x.example/projects/p", agentName: "a" },
} as const;

function platformPerson(id: string): UserContext {
  return new UserContext({
    principal: { kind: "platform", project: "https://x.example/projects/p", agent: "a", id },
    platform: { hosted: true, userId: id },
    clientHeaders: {},
    trace: {},
  });
}

function post(stream: boolean, user = "ada"): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-agent-user-id": user,
      "x-agent-foundry-call-id": "call-1",
      "x-agent-response-id": "resp-1",
    },
    body: JSON.stringify({ input: "x", stream }),
  });
}

const asked = (stream = false): Request =>
  new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream }),
  });

describe.each(Object.entries(responsesHosts))("on %s", (_, start: StartHost) => {
  it.each([true, false])("its user cancels a turn, streamed: %s", async (stream) => {
    const turns = runningTurns();
    const { run, begun } = waitingRun();
    host = await start(run, { turns, windDownMs: 20 }, platform);
    const answer = post(stream);
    await begun.promise;
    expect(turns.size).toBe(1);
    const cancelled = { id: "resp-1", status: "cancelled", output: [], error: null, completed_at: null };
    expect(await turns.cancel("resp-1", platformPerson("ada"))).toMatchObject(cancelled);
    const response = await answer;
    if (stream) {
      const last = (await response.text()).trimEnd().split("\n\n").at(-1) ?? "";
      expect(last).toMatch(/^event: response\.failed\n/);
      expect(JSON.parse(last.split("\ndata: ")[1] ?? "")).toMatchObject({ response: cancelled });
    } else expect(await response.json()).toMatchObject(cancelled);
    expect(turns.size).toBe(0);
    expect(await turns.cancel("resp-1", platformPerson("ada"))).toBeUndefined();
  });

  it.each([true, false])(
    "a drain takes no new turns and waits for the running ones, streamed: %s",
    async (stream) => {
      const turns = runningTurns();
      const { run, begun, go } = waitingRun();
      host = await start(run, { turns }, platform);
      const answer = post(stream);
      await begun.promise;
      let drained = false;
      const drain = turns.drain({ timeoutMs: 60_000 }).then(() => (drained = true));
      const refused = await post(stream, "bob");
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(refused.headers.get("x-platform-error-source")).toBe("platform");
      expect(await refused.json()).toMatchObject({ error: { code: "agent_stopping", type: "server_error" } });
      expect(drained).toBe(false);
      expect(turns.draining).toBe(true);
      go.open();
      await drain;
      expect(await (await answer).text()).toContain('"completed"');
      expect(turns.size).toBe(0);
    },
  );

  it.each([true, false])("a drain cancels what takes too long, streamed: %s", async (stream) => {
    const turns = runningTurns();
    const { run, begun } = waitingRun();
    host = await start(run, { turns, windDownMs: 20 }, platform);
    const answer = post(stream);
    await begun.promise;
    await turns.drain({ timeoutMs: 10 });
    expect(await (await answer).text()).toContain('"code":"turn_cancelled"');
    expect(turns.size).toBe(0);
  });
});

describe("a turn", () => {
  async function started(turns: RunningTurns, context: UserContext) {
    const waiting = waitingRun();
    const signals: AbortSignal[] = [];
    const handle = responses(
      (turn) => {
        signals.push(turn.signal);
        return waiting.run(turn);
      },
      { turns },
    );
    const response = await handle(asked(true), context);
    const reader = response.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    const { id } = (JSON.parse(first.split("\ndata: ")[1] ?? "") as { response: { id: string } }).response;
    for (let n = 0; n < 4; n += 1) await reader?.read();
    expect(signals[0]?.aborted).toBe(false);
    return { ...waiting, id, reader, signal: signals[0] as AbortSignal };
  }

  it("is cancelled by nobody but the person who started it", async () => {
    const turns = runningTurns();
    const { id, signal } = await started(turns, contextOf("ada"));
    expect(await turns.cancel(id, contextOf("bob"))).toBeUndefined();
    expect(await turns.cancel(id, contextOfNobody())).toBeUndefined();
    expect(await turns.cancel(`${id}x`, contextOf("ada"))).toBeUndefined();
    expect(signal.aborted).toBe(false);
    expect(turns.size).toBe(1);
    void turns.cancel(id, contextOf("ada"));
    expect(signal.aborted).toBe(true);
  });

  it("of nobody is cancelled by nobody", async () => {
    const turns = runningTurns();
    const { id, signal } = await started(turns, contextOfNobody());
    expect(await turns.cancel(id, contextOfNobody())).toBeUndefined();
    expect(signal.aborted).toBe(false);
  });

  it("with an id that another person's has too is cancelled alone", async () => {
    const turns = runningTurns();
    const signals = new Map<UserContext, AbortSignal>();
    const handle = responses(
      async function* ({ context, signal }) {
        signals.set(context, signal);
        await new Promise(() => {});
        yield "";
      },
      { turns, windDownMs: 20 },
    );
    const [ada, bob] = [platformPerson("ada"), platformPerson("bob")].map(
      (person) =>
        new UserContext({
          principal: person.principal,
          platform: { hosted: true, userId: "u", callId: "c", responseId: "resp-1" },
          clientHeaders: {},
          trace: {},
        }),
    ) as [UserContext, UserContext];
    void handle(asked(), ada);
    const answer = handle(asked(), bob);
    await vi.waitFor(() => expect(signals.size).toBe(2));
    expect(await turns.cancel("resp-1", bob)).toMatchObject({ status: "cancelled" });
    expect(await (await answer).json()).toMatchObject({ status: "cancelled" });
    expect(signals.get(ada)?.aborted).toBe(false);
  });

  it("whose tokens are still being prepared is cancelled too", async () => {
    const turns = runningTurns();
    const preparing = gate();
    const run = vi.fn();
    const access = {
      token: (_: UserContext, { signal }: { signal: AbortSignal }) =>
        new Promise<never>((_resolve, failed) => {
          signal.addEventListener("abort", () => failed(signal.reason as Error));
          preparing.open();
        }),
    };
    const context = new UserContext({
      principal: contextOf("ada").principal,
      platform: { hosted: false, responseId: "resp-1" },
      clientHeaders: {},
      trace: {},
    });
    const answer = responses(run, { turns, prepare: [access] })(asked(), context);
    await preparing.promise;
    expect(await turns.cancel("resp-1", context)).toMatchObject({ status: "cancelled" });
    expect(await (await answer).json()).toMatchObject({ status: "cancelled", output: [] });
    expect(run).not.toHaveBeenCalled();
  });

  it("is off the list when it was refused, failed, or its client has gone", async () => {
    const turns = runningTurns();
    const failing = responses(
      // oxlint-disable-next-line require-yield
      async function* () {
        throw new Error("no");
      },
      { turns },
    );
    expect(await (await failing(asked(), contextOf("ada"))).json()).toMatchObject({ status: "failed" });
    expect(turns.size).toBe(0);
    const ended = contextOf("ada");
    ended.end();
    expect((await failing(asked(), ended)).status).toBe(500);
    expect(turns.size).toBe(0);
    const client = new AbortController();
    const { run, begun } = waitingRun();
    const handle = responses(run, { turns, windDownMs: 20 });
    void handle(new Request(asked(), { signal: client.signal }), contextOf("ada"));
    await begun.promise;
    expect(turns.size).toBe(1);
    client.abort();
    // The run hangs: the turn is given up after its wind-down.
    expect(turns.size).toBe(1);
    await vi.waitFor(() => expect(turns.size).toBe(0));
  });

  it("whose client reads no more does not hold up a drain for ever", async () => {
    const turns = runningTurns();
    await started(turns, contextOf("ada"));
    vi.useFakeTimers();
    try {
      const drain = turns.drain({ timeoutMs: 1_000 });
      await vi.advanceTimersByTimeAsync(3_250);
      await drain;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

it("a turn leaves nothing on a signal that outlives it, and is over when its run is", async () => {
  const outer = new AbortController();
  const turns = runningTurns();
  const turn = { responseId: "resp-1", context: contextOf("ada"), signal: outer.signal, windDownMs: 0 };
  const [first, second] = [1, 2].map(() => beginTurn(turns, turn));
  expect(turns.size).toBe(2);
  first?.end();
  expect(getEventListeners(outer.signal, "abort")).toHaveLength(1);
  const gone = new Error("The client has gone.");
  outer.abort(gone);
  expect([first?.signal?.aborted, second?.signal?.reason, turns.size]).toEqual([false, gone, 1]);
  const returned = vi.fn(async () => ({ done: true as const, value: undefined }));
  const events = { next: returned, return: returned, [Symbol.asyncIterator]: () => events };
  second?.endWith(events);
  await vi.waitFor(() => expect(turns.size).toBe(0));
  expect(returned).toHaveBeenCalledOnce();
  expect(getEventListeners(outer.signal, "abort")).toHaveLength(0);
});

it("a drain without turns is over at once, and options are checked", async () => {
  const turns = runningTurns();
  await turns.drain();
  expect(turns.draining).toBe(true);
  await expect(runningTurns().drain({ timeoutMs: Number.NaN })).rejects.toMatchObject({
    code: "invalid_option",
  });
  const other = { size: 0, draining: false, cancel: turns.cancel, drain: turns.drain };
  expect(() => responses(async function* () {}, { turns: other })).toThrow(
    expect.objectContaining({ code: "invalid_option" }),
  );
});
