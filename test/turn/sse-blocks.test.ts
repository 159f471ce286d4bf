import { afterEach, describe, expect, it, vi } from "vitest";
import { responses } from "hosted-agent-identity";
import { keepAliveMsOf, sseBlocks } from "../../src/turn/to-sse.js";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

describe("the pauses", () => {
  const never = { next: () => new Promise<never>(() => {}), [Symbol.asyncIterator]: () => never };

  it("run only while somebody waits for an event", async () => {
    vi.useFakeTimers();
    const blocks = sseBlocks(never, { keepAliveMs: 1_000 });
    expect(vi.getTimerCount()).toBe(0);
    const waiting = blocks.next();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toEqual({ done: false, value: ": keep-alive\n\n" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("begin anew with each event, and end with the stream", async () => {
    vi.useFakeTimers();
    const event = { type: "response.x", sequence_number: 0 } as const;
    const results = [{ done: false, value: event } as const, { done: true, value: undefined } as const];
    const blocks = sseBlocks(
      { ...never, next: async () => results.shift() ?? expect.fail() },
      { keepAliveMs: 1_000 },
    );
    expect((await blocks.next()).value).toMatch(/^event: response\.x\n/);
    expect(await blocks.next()).toEqual({ done: true, value: undefined });
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ["15", 15_000],
    ["0", 0],
    ["-1", 0],
    ["", 0],
    [undefined, 0],
  ])("are %j seconds in the environment: %s ms", (seconds, ms) => {
    if (seconds !== undefined) vi.stubEnv("SSE_KEEPALIVE_INTERVAL", seconds);
    expect(keepAliveMsOf(undefined, process.env)).toBe(ms);
    expect(keepAliveMsOf(7, process.env)).toBe(7);
  });

  it("that cannot be read are refused when the handler is made", () => {
    vi.stubEnv("SSE_KEEPALIVE_INTERVAL", "soon");
    expect(() => responses(async function* () {})).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining("soon") }),
    );
    expect(() => responses(async function* () {}, { keepAliveMs: -1 })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});
