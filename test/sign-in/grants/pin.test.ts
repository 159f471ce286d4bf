import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { pinning, readPin, removePin } from "../../../src/sign-in/grants/pin.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { platformUser, replica } from "../support/replica.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
beforeAll(async () => {
  world = await signInWorld();
});
afterAll(() => world.entra.close());

const account = (oid: string) => ({ tid: "tenant", oid, username: `${oid}@example.com` });
const pin = (core: SignInContext, owner: string, oid: string): Promise<boolean> =>
  pinning(core, owner, account(oid)).pin();

it("of two accounts at once one is pinned, from whichever process, and it stays until it is removed", async () => {
  const store = memoryStore({ quiet: true });
  const [a, b] = [replica(world, store), replica(world, store)];
  for (let round = 0; round < 50; round += 1) {
    const owner = platformUser(`user ${round}`);
    const pinned = await Promise.all([
      pin(a.core, owner, "ada"),
      pin(b.core, owner, "bob"),
      pin(b.core, owner, "cleo"),
    ]);
    expect(pinned.filter(Boolean)).toHaveLength(1);
    const winner = ["ada", "bob", "cleo"][pinned.indexOf(true)] ?? "";
    expect(await readPin(b.core, owner)).toEqual({ account: account(winner) });
    for (const other of ["ada", "bob", "cleo"])
      expect(await pin(a.core, owner, other)).toBe(other === winner);
    await removePin(a.core, owner);
    expect(await pin(b.core, owner, "dora")).toBe(true);
  }
});

it("is one principal's: another one may pin another account", async () => {
  const { core } = replica(world, memoryStore({ quiet: true }));
  expect(await pin(core, platformUser("one"), "ada")).toBe(true);
  expect(await pin(core, platformUser("two"), "bob")).toBe(true);
});

it("takes back its own pin only, not one that was there before", async () => {
  const { core } = replica(world, memoryStore({ quiet: true }));
  const owner = platformUser("one");
  const first = pinning(core, owner, account("ada"));
  expect(await first.pin()).toBe(true);
  const again = pinning(core, owner, account("ada"));
  expect(await again.pin()).toBe(true);
  await again.takeBack();
  // What is taken back is there for a millisecond more.
  await sleep(20);
  expect(await readPin(core, owner)).toEqual({ account: account("ada") });

  await removePin(core, owner);
  const last = pinning(core, owner, account("ada"));
  expect(await last.pin()).toBe(true);
  await last.takeBack();
  await expect.poll(() => readPin(core, owner)).toBeUndefined();
});
