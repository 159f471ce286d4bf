import { afterAll, beforeAll, expect, it } from "vitest";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { pin, readPin, removePin } from "../../../src/sign-in/grants/pin.js";
import { platformUser, replica } from "../support/replica.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
beforeAll(async () => {
  world = await signInWorld();
});
afterAll(() => world.entra.close());

const account = (oid: string) => ({ tid: "tenant", oid, username: `${oid}@example.com` });

it("of two accounts at once one is pinned, from whichever process, and it stays until it is removed", async () => {
  const store = memoryStore({ quiet: true });
  const [a, b] = [replica(world, store), replica(world, store)];
  for (let round = 0; round < 50; round += 1) {
    const owner = platformUser(`user ${round}`);
    const pinned = await Promise.all([
      pin(a.core, owner, account("ada")),
      pin(b.core, owner, account("bob")),
      pin(b.core, owner, account("cleo")),
    ]);
    expect(pinned.filter(Boolean)).toHaveLength(1);
    const winner = ["ada", "bob", "cleo"][pinned.indexOf(true)] ?? "";
    expect(await readPin(b.core, owner)).toEqual({ account: account(winner) });
    for (const other of ["ada", "bob", "cleo"])
      expect(await pin(a.core, owner, account(other))).toBe(other === winner);
    await removePin(a.core, owner);
    expect(await pin(b.core, owner, account("dora"))).toBe(true);
  }
});

it("is one principal's: another one may pin another account", async () => {
  const { core } = replica(world, memoryStore({ quiet: true }));
  expect(await pin(core, platformUser("one"), account("ada"))).toBe(true);
  expect(await pin(core, platformUser("two"), account("bob"))).toBe(true);
});
