import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { requestTurns } from "../../src/exchange/waits.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Requests that are under way until they are told how they end. */
function requests(turns = requestTurns(2, 1_000)) {
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  return {
    begun,
    ask: (name: string, signal: AbortSignal = new AbortController().signal): Promise<string> =>
      turns.run(signal, () => {
        begun.push(name);
        return new Promise((resolve, reject) => {
          ends.set(name, (failure) => (failure === undefined ? resolve(name) : reject(failure)));
        });
      }),
    async end(name: string, failure?: Error): Promise<void> {
      ends.get(name)?.(failure);
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}
const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((cause: { code?: string }) => cause.code ?? cause);

describe("the requests of an app", () => {
  it("are sent so many at a time, in the order in which they came", async () => {
    const { begun, ask, end } = requests();
    const all = ["a", "b", "c", "d"].map((name) => ask(name));
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "c"]);
    await end("a");
    await end("c");
    await end("d");
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
  });

  it("have their turn also after one that failed", async () => {
    const { begun, ask, end } = requests();
    const failed = outcome(ask("a"));
    const others = [ask("b"), ask("c")];
    const failure = new Error("refused");
    await end("a", failure);
    expect(await failed).toBe(failure);
    expect(begun).toEqual(["a", "b", "c"]);
    await end("b");
    await end("c");
    await Promise.all(others);
  });

  it("leave the line when nobody waits for them any more, and are not sent", async () => {
    const { begun, ask, end } = requests();
    const running = [ask("a"), ask("b")];
    const leaving = new AbortController();
    const left = outcome(ask("c", leaving.signal));
    const last = ask("d");
    leaving.abort(new Error("gone"));
    expect(await left).toEqual(new Error("gone"));
    await end("a");
    expect(begun).toEqual(["a", "b", "d"]);
    await end("b");
    await end("d");
    await Promise.all([...running, last]);
  });

  it("give their turn on when they leave in the moment in which it comes", async () => {
    const { begun, ask, end } = requests(requestTurns(1, 1_000));
    const running = ask("a");
    const leaving = new AbortController();
    const left = outcome(ask("b", leaving.signal));
    const last = ask("c");
    const ended = end("a");
    // Before the line has heard of it, and after.
    leaving.abort(new Error("gone"));
    await Promise.all([ended, running]);
    await left;
    if (begun.includes("b")) await end("b");
    expect(begun.at(-1)).toBe("c");
    await end("c");
    await last;
  });

  it("are refused after the time they may wait, which is not the time of a request", async () => {
    const { begun, ask, end } = requests();
    const running = [ask("a"), ask("b")];
    const late = ask("c").catch((cause: unknown) => cause);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toMatchObject({ code: "backing_off", retryAfterMs: 1_000 });
    expect(String(await late)).toContain("was not sent to Entra, after waiting 1000 ms for its turn");
    await vi.advanceTimersByTimeAsync(60_000);
    await end("a");
    await end("b");
    await Promise.all(running);
    expect(begun).toEqual(["a", "b"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are refused at once where too many wait", async () => {
    const { ask, end } = requests(requestTurns(2, 1_000, 3));
    const running = [ask("a"), ask("b")];
    const waiting = Array.from({ length: 3 }, (_, number) => outcome(ask(`w${number}`)));
    expect(await outcome(ask("one more"))).toBe("backing_off");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["backing_off"]));
    await end("a");
    await end("b");
    await Promise.all(running);
  });
});
