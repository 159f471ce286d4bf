import { expect, it } from "vitest";
import { HostedAgentIdentityError } from "hosted-agent-identity";
import { guardedStore } from "../../../src/sign-in/stores/guarded-store.js";
import { scriptedStore } from "../support/scripted-store.js";

const steps = {
  get: (store) => store.get("k"),
  setIfAbsent: (store) => store.setIfAbsent("k", "v", 1000),
  increment: (store) => store.increment("k", 1000),
  compareAndSet: (store) => store.compareAndSet("k", undefined, "v", 1000),
  take: (store) => store.take("k"),
  delete: (store) => store.delete("k"),
} satisfies Record<string, (store: ReturnType<typeof guardedStore>) => Promise<unknown>>;

it.each(Object.keys(steps) as (keyof typeof steps)[])("gives up on a %s that never ends", async (name) => {
  const store = scriptedStore();
  store.before(() => new Promise(() => {}));
  const error: unknown = await steps[name](guardedStore(store, 20)).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: "store_unavailable", category: "retry" });
  expect(store.steps).toEqual([name]);
});

it("repeats nothing of what a client says when it fails, but a store's own words", async () => {
  const store = scriptedStore();
  store.before(() => {
    throw new Error("SET grant:abc sealed-value failed");
  });
  const error = await guardedStore(store)
    .get("k")
    .catch((cause: unknown) => cause);
  expect(JSON.stringify(error) + String((error as Error).cause)).not.toContain("grant:abc");
  store.before(() => {
    throw new HostedAgentIdentityError("store_unavailable", "The disk is full.");
  });
  await expect(guardedStore(store).get("k")).rejects.toThrow("The disk is full.");
});
