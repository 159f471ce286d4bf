import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  bindUserContext,
  getUserContext,
  runWithUserContext,
  tryGetUserContext,
} from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { beginTurnOn } from "../../src/context/internals.js";
import { outside } from "../support/adapter-hosts.js";

async function* names(log: string[] = []): AsyncGenerator<string, void, undefined> {
  try {
    for (let n = 0; n < 3; n += 1) {
      await sleep(1);
      yield `${getUserContext().user?.name}-${n}`;
    }
  } catch (error) {
    log.push(`threw ${String(error)} as ${tryGetUserContext()?.user?.name}`);
    throw error;
  } finally {
    log.push(`closed as ${tryGetUserContext()?.user?.name}`);
  }
}

describe("a bound function", () => {
  test("runs for its person wherever it is called from, and ends nothing", async () => {
    const context = testUserContext({ name: "Ada" });
    const bound = runWithUserContext(context, () =>
      bindUserContext((greeting: string) => `${greeting} ${getUserContext().user?.name}`),
    );
    expect(outside(() => bound("Hello"))).toBe("Hello Ada");
    expect(runWithUserContext(testUserContext({ name: "Eve" }), () => bound("Hi"))).toBe("Hi Ada");
    expect(context.ended).toBe(false);
  });

  test("runs for nobody once the turn is over, also from a timer", async () => {
    const context = testUserContext({ name: "Ada" });
    const bound = bindUserContext(() => getUserContext().user?.name, context);
    context.end();
    const fired = new Promise((done, failed) => {
      setTimeout(() => {
        try {
          done(bound());
        } catch (error) {
          failed(error as Error);
        }
      }, 1);
    });
    await expect(fired).rejects.toMatchObject({ code: "context_ended" });
  });

  test("that is an async generator function runs for its person step by step", async () => {
    const context = testUserContext({ name: "Ada" });
    const bound = bindUserContext(names, context);
    const seen: string[] = [];
    for await (const name of outside(() => bound())) seen.push(name);
    expect(seen).toEqual(["Ada-0", "Ada-1", "Ada-2"]);
    expect(context.ended).toBe(false);
  });
});

describe("a bound iterable", () => {
  test("runs every step for its person, whoever pulls it, and ends the turn when it is over", async () => {
    const context = testUserContext({ name: "Ada" });
    const bound = bindUserContext(names(), context);
    const seen: string[] = [];
    await outside(async () => {
      for await (const name of bound) {
        seen.push(name);
        expect(tryGetUserContext()).toBeUndefined();
        expect(context.ended).toBe(false);
      }
    });
    expect(seen).toEqual(["Ada-0", "Ada-1", "Ada-2"]);
    expect(context.ended).toBe(true);
  });

  test("is closed for its person when its reader stops early, and ends the turn", async () => {
    const [context, log] = [testUserContext({ name: "Ada" }), [] as string[]];
    await outside(async () => {
      for await (const name of bindUserContext(names(log), context)) {
        expect(name).toBe("Ada-0");
        break;
      }
    });
    expect(log).toEqual(["closed as Ada"]);
    expect(context.ended).toBe(true);
  });

  test("hands an error of its reader on to the generator, for its person, and ends the turn", async () => {
    const [context, log] = [testUserContext({ name: "Ada" }), [] as string[]];
    const bound = bindUserContext(names(log), context);
    await bound.next();
    await expect(outside(() => bound.throw(new Error("stop")))).rejects.toThrow("stop");
    expect(log).toEqual(["threw Error: stop as Ada", "closed as Ada"]);
    expect(context.ended).toBe(true);
  });

  test("ends the turn when it throws by itself", async () => {
    const context = testUserContext();
    const failing: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("the model broke")) }),
    };
    await expect(bindUserContext(failing, context).next()).rejects.toThrow("the model broke");
    expect(context.ended).toBe(true);
  });

  test("without return and throw of its own ends all the same", async () => {
    const [one, two] = [testUserContext(), testUserContext()];
    const endless = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 1 }) }) };
    expect(await bindUserContext(endless, one).return(undefined)).toEqual({ done: true, value: undefined });
    await expect(bindUserContext(endless, two).throw(new Error("stop"))).rejects.toThrow("stop");
    expect([one.ended, two.ended]).toEqual([true, true]);
  });

  test("whose turn ended meanwhile can still clean up, and is told that it has ended", async () => {
    const [context, log] = [testUserContext({ name: "Ada" }), [] as string[]];
    const bound = bindUserContext(names(log), context);
    await bound.next();
    context.end();
    await bound.return(undefined);
    expect(log).toEqual(["closed as Ada"]);
  });

  test("inside a turn is a part of it: the turn goes on when the iterable is over, or has failed", async () => {
    const context = testUserContext({ name: "Ada" });
    const turnOver = beginTurnOn(context);
    for await (const name of bindUserContext(names(), context)) expect(name).toMatch(/^Ada/);
    const failing = bindUserContext(names(), context);
    await failing.next();
    await expect(failing.throw(new Error("stop"))).rejects.toThrow("stop");
    expect(context.ended).toBe(false);
    turnOver();
    await bindUserContext(names(), context).return(undefined);
    expect(context.ended).toBe(true);
  });

  test("needs a context", () => {
    expect(() => outside(() => bindUserContext(names()))).toThrow(/no user context/);
  });
});
