import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AskTenant } from "../../src/entra/tenants.js";
import { isTenantDoor, tenantDoor } from "../../src/entra/tenants.js";

const tid = "11111111-2222-4333-8444-555555555555";
/** One more than are remembered. */
const flood = Array.from({ length: 10_001 }, () => randomUUID());
let time = 0;
beforeEach(() => void (time = 0));
afterEach(() => void vi.useRealTimers());

/** A door whose age a test sets, and the tenants that it asked about. */
function door(ask: AskTenant): { readonly allows: AskTenant; readonly asked: string[] } {
  const asked: string[] = [];
  const allows = tenantDoor(
    (tenant) => {
      asked.push(tenant);
      return ask(tenant);
    },
    { age: () => time },
  );
  return { allows, asked };
}

describe("the answers of a function of tenants", () => {
  test.each([true, false])("are remembered for a minute, here %s, and given at once", async (answer) => {
    const { allows, asked } = door(() => answer);
    expect(await allows(tid)).toBe(answer);
    time = 59_999;
    expect(allows(tid)).toBe(answer);
    expect(asked).toEqual([tid]);
    time = 60_000;
    expect(await allows(tid)).toBe(answer);
    expect(asked).toEqual([tid, tid]);
  });

  test("count from when they were asked for, not from when they came", async () => {
    let give: (answer: boolean) => void = () => undefined;
    const { allows } = door(() => new Promise((done) => (give = done)));
    const slow = allows(tid);
    time = 4_000;
    await Promise.resolve();
    give(true);
    await slow;
    time = 60_000;
    const again = allows(tid);
    expect(again).not.toBe(true);
    await Promise.resolve();
    give(false);
    expect(await again).toBe(false);
  });

  test("change within a minute, either way", async () => {
    const tenants = new Set<string>();
    const { allows } = door((tenant) => tenants.has(tenant));
    expect(await allows(tid)).toBe(false);
    tenants.add(tid);
    time = 60_000;
    expect(await allows(tid)).toBe(true);
    expect(allows(tid)).toBe(true);
    tenants.delete(tid);
    time = 120_000;
    expect(await allows(tid)).toBe(false);
    expect(allows(tid)).toBe(false);
  });

  test("are asked for once by all who wait", async () => {
    const { allows, asked } = door(async () => true);
    expect(await Promise.all([allows(tid), allows(tid), allows(tid)])).toEqual([true, true, true]);
    expect(asked).toEqual([tid]);
  });

  test.each([undefined, null, 1, "yes", {}, [tid]])("let nobody in when they are %j", async (odd) => {
    const { allows } = door(vi.fn<AskTenant>().mockReturnValue(odd as never));
    expect(await allows(tid)).toBe(false);
  });

  test("for tenants that count are not pushed out by a flood of others", async () => {
    const { allows, asked } = door((tenant) => tenant === tid);
    await allows(tid);
    await Promise.all(flood.map(allows));
    expect(allows(tid)).toBe(true);
    expect(asked.filter((one) => one === tid)).toHaveLength(1);
  });

  test("that were refused are bounded as well", async () => {
    const { allows, asked } = door(() => false);
    await allows(tid);
    await Promise.all(flood.map(allows));
    await allows(tid);
    expect(asked.filter((one) => one === tid)).toHaveLength(2);
  });
});

describe("a function of tenants that fails", () => {
  test.each<[string, AskTenant]>([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no database"))],
  ])("lets nobody in when it %s, and is asked again", async (_how, failing) => {
    let ask = failing;
    const { allows, asked } = door((tenant) => ask(tenant));
    await expect(allows(tid)).rejects.toMatchObject({
      code: "tenants_unavailable",
      status: 503,
      category: "retry",
      cause: expect.objectContaining({ message: "no database" }) as unknown,
    });
    ask = () => true;
    expect(await allows(tid)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  test("ends what was allowed once its minute is over", async () => {
    let ask: AskTenant = () => true;
    const { allows } = door((tenant) => ask(tenant));
    await allows(tid);
    ask = () => Promise.reject(new Error("no database"));
    time = 60_000;
    await expect(allows(tid)).rejects.toMatchObject({ code: "tenants_unavailable" });
  });

  test("is waited for five seconds at most", async () => {
    vi.useFakeTimers();
    const { allows } = door(() => new Promise(() => undefined));
    const refused = Promise.resolve(allows(tid)).catch((cause: unknown) => cause);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await refused).toMatchObject({ code: "tenants_unavailable" });
  });
});

test("a door is not put behind a second one, which would remember for a second minute", () => {
  const first = tenantDoor(() => true, { age: () => time });
  expect(isTenantDoor(first)).toBe(true);
  expect(tenantDoor(first, { age: () => time })).toBe(first);
  expect(isTenantDoor(() => true)).toBe(false);
});
