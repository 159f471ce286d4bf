import { Agent, createServer, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  TokenExchangeError,
} from "hosted-agent-identity";
import { reportError } from "../../src/turn/report-error.js";
import { listening } from "../support/listening.js";

const secret = "opaque-token-of-Ada-0123456789abcdef";
let printed: string[];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, "error").mockImplementation((...all: unknown[]) => void printed.push(all.join(" ")));
});
afterEach(() => {
  process.removeAllListeners("unhandledRejection");
});

/** What is printed of an error. */
function shown(error: unknown): string {
  printed.length = 0;
  reportError(undefined, error);
  return printed.join("\n");
}

describe("without onError", () => {
  test("the developer's own exception is printed, with where it was thrown", () => {
    expect(shown(new TypeError("boom: my own bug"))).toMatch(
      /^hosted-agent-identity: a turn failed\. Give onError .*\nTypeError: boom: my own bug\n {4}at .*report-error\.test\.ts/,
    );
  });

  test("the same error is printed once, however often it is reported", () => {
    const error = Object.freeze(new Error("boom"));
    expect([shown(error), shown(error)]).toEqual([expect.stringContaining("boom"), ""]);
    expect(shown(new Error("boom"))).toContain("boom");
  });

  test("what caused it is printed, with the codes of the system", async () => {
    const error = await fetch("http://127.0.0.1:9").catch((cause: unknown) => cause);
    const text = shown(new Error("the tool failed", { cause: error }));
    expect(text).toMatch(
      /Error: the tool failed\n[^]*caused by TypeError: fetch failed\n[^]*caused by Error/,
    );
  });

  test("several causes of one error are printed, and no more than six errors in all", () => {
    const all = Array.from({ length: 9 }, (_, at) => new Error(`number ${at}`));
    expect(shown(new AggregateError(all, "all failed")).match(/number \d/g)).toEqual([
      "number 0",
      "number 1",
      "number 2",
    ]);
    let deep = new Error("the last");
    for (let at = 0; at < 50; at += 1) deep = new Error(`level ${at}`, { cause: deep });
    expect(shown(deep).match(/level \d+/g)).toHaveLength(6);
  });

  test("our own errors are printed with code and next step", () => {
    const text = shown(
      new HostedAgentIdentityError("resource_unauthorized", '"contacts" refused the token.'),
    );
    expect(text).toContain('HostedAgentIdentityError [resource_unauthorized]: "contacts" refused the token.');
    expect(text).toContain("help: Run hosted-agent-identity inspect on the token");
  });

  test.each<[string, unknown]>([
    ["a caller who has gone", new HostedAgentIdentityError("turn_cancelled")],
    [
      "a request for consent",
      new ConsentRequiredError([
        new ConsentRequest({ link: "https://login.example/x", serverLabel: "a", reason: "consent" }),
      ]),
    ],
    ["a new sign-in", new HostedAgentIdentityError("sign_in_required")],
    ["a step-up", new TokenExchangeError("step_up_required", "More.", {})],
    [
      "one of these inside another error",
      new Error("x", { cause: new HostedAgentIdentityError("sign_in_required") }),
    ],
  ])("%s is no fault, and not printed", (_what, error) => {
    expect(shown(error)).toBe("");
  });

  test("no secret of a message, a name, a stack or a cause is printed", () => {
    const error = new Error(`POST https://host/mcp?key=${secret} with Bearer ${secret}`, {
      cause: new Error(`Set-Cookie: s=${secret}`),
    });
    error.name = `Error of Bearer ${secret}`;
    error.stack = `Error\n    at run (https://host/x.js?t=${secret}:1:2)`;
    expect(shown(error)).not.toContain("opaque-token");
    expect(shown(`a text with Bearer ${secret}`)).not.toContain("opaque-token");
  });

  test("own fields of foreign errors are not read: they hold the request with its headers", async () => {
    const host = await listening(createServer((_request, response) => void response.destroy()));
    const headers = { authorization: `Bearer ${secret}` };
    const error = await new Promise<Error>((failed) => {
      const sent = request(host.url, { headers, agent: new Agent() }, () => {}).on("error", failed);
      sent.end();
    });
    Object.assign(error, { config: { headers }, request: { headers }, response: { data: secret } });
    expect(shown(error)).toMatch(/Error \[ECONNRESET\]: socket hang up/);
    expect(shown(Object.assign(new Error("b"), { config: { headers } }))).not.toContain("opaque-token");
    await host.close();
  });

  test("a message cannot move the cursor of whoever reads the log", () => {
    expect(shown(new Error("a\u001b[2Jb\u202ec\rd"))).toContain("Error: a?[2Jb?c?d");
  });

  test("what is no error is named, and nothing of it shown", () => {
    const names = [undefined, null, 5, { token: secret }, () => secret].map((value) => shown(value));
    expect(names.map((text) => text.split("\n")[1])).toEqual([
      "a value that is no Error: undefined",
      "a value that is no Error: null",
      "a value that is no Error: number",
      "an object that is no Error",
      "an object that is no Error",
    ]);
  });

  test("an error that fights back is survived", () => {
    const hostile = new Proxy(new Error("x"), {
      get() {
        throw new RangeError("no");
      },
      getPrototypeOf() {
        throw new RangeError("no");
      },
    });
    const circle = new Error("circle");
    circle.cause = circle;
    expect(() => shown(hostile)).not.toThrow();
    expect(shown(circle).match(/circle/g)).toHaveLength(1);
    vi.mocked(console.error).mockImplementation(() => {
      throw new Error("EPIPE");
    });
    expect(() => reportError(undefined, new Error("x"))).not.toThrow();
  });

  test("a huge error is printed in part", () => {
    const error = new Error("m".repeat(1_000_000));
    error.stack = "    at x\n".repeat(1_000_000);
    expect(shown(error).length).toBeLessThan(10_000);
  });
});

describe("with onError", () => {
  test("the error is handed over as it was thrown, each time, and nothing is printed", () => {
    const told: unknown[] = [];
    const error = new Error("boom");
    reportError((one) => void told.push(one), error);
    reportError((one) => void told.push(one), error);
    reportError((one) => void told.push(one), undefined);
    expect(told).toEqual([error, error, undefined]);
    expect(printed).toEqual([]);
  });

  test("a listener that throws or rejects changes nothing", async () => {
    const unhandled: unknown[] = [];
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    const rejects = async (): Promise<void> => {
      throw new Error("the log is full");
    };
    reportError(rejects as () => void, new Error("boom"));
    reportError(() => {
      throw new Error("the log is full");
    }, new Error("boom"));
    await sleep(20);
    expect([unhandled, printed]).toEqual([[], []]);
  });
});
