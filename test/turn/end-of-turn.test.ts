import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  getUserContext,
  responses,
  runningTurns,
  runWithUserContext,
  tryGetUserContext,
  type UserContext,
} from "hosted-agent-identity";
import { runTurn, withConsent } from "hosted-agent-identity/turn";
import { accessThat, collect, gate } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

let context: UserContext;
beforeEach(() => {
  context = contextOf("person");
});
afterEach(() => vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => {});
const asked = (signal?: AbortSignal): Request =>
  new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream: true }),
    ...(signal && { signal }),
  });

/** A run that waits for its signal, and then takes its time to clean up. */
function slowToEnd() {
  const [begun, cleaning, goOn] = [gate(), gate(), gate()];
  const state = { cleanedUp: false };
  async function* run({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
    try {
      yield "working";
      begun.open();
      await new Promise((_, failed) =>
        signal.addEventListener("abort", () => failed(signal.reason as Error)),
      );
    } finally {
      cleaning.open();
      await goOn.promise;
      state.cleanedUp = true;
    }
  }
  return { run, begun, cleaning, goOn, state };
}

describe("a turn whose run cleans up", () => {
  it("has not ended before that, when its client leaves", async () => {
    const { run, begun, cleaning, goOn, state } = slowToEnd();
    const [turns, client] = [runningTurns(), new AbortController()];
    const response = await responses(run, { turns })(asked(client.signal), context);
    const reading = response.text().catch(() => "cut");
    await begun.promise;
    client.abort();
    await cleaning.promise;
    const drain = turns.drain({ timeoutMs: 5_000 });
    expect(turns.size).toBe(1);
    goOn.open();
    await drain;
    expect(state.cleanedUp).toBe(true);
    expect(turns.size).toBe(0);
    await reading;
  });

  it("is waited for by a drain that cancels it", async () => {
    const { run, begun, goOn, state } = slowToEnd();
    const turns = runningTurns();
    const response = await responses(run, { turns })(asked(), context);
    const reading = response.text();
    await begun.promise;
    setTimeout(goOn.open, 30);
    await turns.drain({ timeoutMs: 0 });
    expect(state.cleanedUp).toBe(true);
    expect(await reading).toContain('"code":"turn_cancelled"');
  });

  it("is given up after windDownMs, and the context ends", async () => {
    const { run, begun } = slowToEnd();
    const events = withConsent(run, { context, windDownMs: 10 });
    for (let n = 0; n < 5; n += 1) await events.next();
    const next = events.next();
    await begun.promise;
    await events.return?.();
    await next;
    expect(context.ended).toBe(true);
  });

  it("keeps its context until then, for a sign-in that is needed as well", async () => {
    const contacts = accessThat("contacts");
    let seen: boolean | undefined;
    const events = await collect(
      withConsent(
        async function* () {
          try {
            await contacts.token();
            yield "never";
          } finally {
            await new Promise((next) => setTimeout(next, 20));
            seen = getUserContext().ended;
          }
        },
        { context },
      ),
    );
    expect(checkedResponse(events).status).toBe("incomplete");
    expect(seen).toBe(false);
    expect(context.ended).toBe(true);
  });

  it("begins to, when the turn is cancelled and nobody reads the events", async () => {
    const { run, cleaning } = slowToEnd();
    const outer = new AbortController();
    const events = withConsent(run, { context, signal: outer.signal });
    for (let n = 0; n < 5; n += 1) await events.next();
    outer.abort();
    await expect(cleaning.promise).resolves.toBeUndefined();
  });
});

describe("what a run's finally throws after its turn was ended", () => {
  const lost = new Error("the history was not saved");
  const save = (): Promise<void> => Promise.reject(lost);
  async function* run(turn: { readonly input: string }): AsyncGenerator<string> {
    try {
      yield "working";
      if (turn.input === "bad") yield 5 as never;
      yield "more";
    } finally {
      await save();
    }
  }

  it("is told to onError after the error of the turn", async () => {
    const onError = vi.fn();
    const bad = async function* (): AsyncGenerator<string> {
      yield* run({ input: "bad" });
    };
    const events = await collect(withConsent(bad, { context, onError }));
    expect(checkedResponse(events)).toMatchObject({
      status: "failed",
      error: { code: "invalid_run_output" },
    });
    expect(onError.mock.calls).toEqual([[expect.objectContaining({ code: "invalid_run_output" })], [lost]]);
  });

  it("is told to onError, when nobody reads on", async () => {
    const onError = vi.fn();
    const events = withConsent(() => run({ input: "good" }), { context, onError });
    for await (const event of events) if (event.type === "response.output_text.delta") break;
    expect(onError).toHaveBeenCalledExactlyOnceWith(lost);
  });

  it("is not told, when it is only that the turn was cancelled", async () => {
    const onError = vi.fn();
    const rethrows = async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
      try {
        yield "working";
      } finally {
        signal.throwIfAborted();
      }
    };
    const events = withConsent(rethrows, { context, onError });
    for await (const event of events) if (event.type === "response.output_text.delta") break;
    expect(onError).not.toHaveBeenCalled();
  });
});

it("a run that has no return() is not asked for more once the signal has aborted", async () => {
  let asked = 0;
  const run = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: `word ${(asked += 1)}` }) }),
  });
  const outer = new AbortController();
  const events = withConsent(run, { context, signal: outer.signal });
  for (let n = 0; n < 5; n += 1) await events.next();
  outer.abort();
  await collect(events);
  expect(asked).toBe(1);
});

describe("a turn inside a turn", () => {
  const inner = (): AsyncIterableIterator<{ type: string }> =>
    withConsent(async function* () {
      yield "inner";
    });

  it("does not end the context of the outer one", async () => {
    let after: UserContext | undefined;
    const events = await collect(
      withConsent(
        async function* () {
          await collect(inner());
          await runTurn(async () => "tool");
          after = tryGetUserContext();
          yield `outer ${getUserContext().ended}`;
        },
        { context },
      ),
    );
    expect(checkedResponse(events)).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "outer false" }] }],
    });
    expect(after).toBe(context);
    expect(context.ended).toBe(true);
  });

  it("left early does not, either", async () => {
    const result = await runTurn(
      async () => {
        const events = inner();
        await events.next();
        await events.return?.();
        await events.return?.();
        return context.ended;
      },
      { context },
    );
    expect(result).toEqual({ status: "completed", value: false });
  });

  it("asks for consent for both", async () => {
    const contacts = accessThat("contacts");
    const events = await collect(
      withConsent(
        async function* () {
          const tool = await collect(
            withConsent(async function* () {
              await contacts.token();
              yield "never";
            }),
          );
          yield JSON.stringify(tool);
        },
        { context },
      ),
    );
    const response = checkedResponse(events);
    expect(response.status).toBe("incomplete");
    expect(response.output.filter(({ type }) => type === "oauth_consent_request")).toHaveLength(1);
  });

  it("that could not be begun leaves the count as it was", async () => {
    const random = (): never => {
      throw new Error("no randomness");
    };
    expect(() => runWithUserContext(context, () => withConsent(async function* () {}, { random }))).toThrow(
      "no randomness",
    );
    await collect(withConsent(async function* () {}, { context }));
    expect(context.ended).toBe(true);
  });
});

describe("a run that takes too long", () => {
  const waiting = async function* (): AsyncGenerator<string> {
    yield "one";
    await never();
  };

  it.each([
    ["yields nothing for idleTimeoutMs", { idleTimeoutMs: 1_000 }, 1_000, "turn_idle"],
    ["goes on for turnTimeoutMs", { turnTimeoutMs: 3_000 }, 3_000, "turn_timeout"],
    ["yields nothing for five minutes, by default", {}, 300_000, "turn_idle"],
    ["goes on for half an hour, by default", { idleTimeoutMs: 0 }, 1_800_000, "turn_timeout"],
  ])("and %s fails with a code", async (_, limits, ms, code) => {
    vi.useFakeTimers();
    const onError = vi.fn();
    const reasons: unknown[] = [];
    const events = collect(
      withConsent(
        async function* ({ signal }) {
          signal.addEventListener("abort", () => reasons.push(signal.reason));
          yield* waiting();
        },
        { context, onError, windDownMs: 0, ...limits },
      ),
    );
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(reasons).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    const error = expect.objectContaining({ code }) as unknown;
    expect(reasons).toEqual([error]);
    expect(checkedResponse(await events)).toMatchObject({ status: "failed", error: { code } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(error);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not idle while it yields, nor while nobody reads", async () => {
    vi.useFakeTimers();
    const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));
    const events = withConsent(
      async function* () {
        for (let n = 0; n < 5; n += 1) {
          await pause(900);
          yield "word ";
        }
      },
      { context, idleTimeoutMs: 1_000 },
    );
    let types: string[] = [];
    const reading = (async () => {
      for await (const { type } of events) {
        types.push(type);
        await pause(1_500);
      }
    })();
    await vi.advanceTimersByTimeAsync(60_000);
    await reading;
    expect(types.at(-1)).toBe("response.completed");
    types = [];
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    { turnTimeoutMs: Number.NaN },
    { idleTimeoutMs: -1 },
    { windDownMs: "2s" as never },
    { turnTimeoutMs: null as never },
  ])("has limits that are checked: %j", (limits) => {
    const invalid = expect.objectContaining({ code: "invalid_option" }) as Error;
    expect(() => responses(async function* () {}, limits)).toThrow(invalid);
    expect(() => withConsent(async function* () {}, { context, ...limits })).toThrow(invalid);
  });
});
