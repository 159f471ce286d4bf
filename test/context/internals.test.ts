import { expect, test } from "vitest";
import { testUserContext } from "hosted-agent-identity/testing";
import { internalsOf } from "../../src/context/user-context.js";
import { beginTurnOn } from "../../src/context/internals.js";

test("the turn that began while no other ran is the outermost, whichever of them ends first", () => {
  const context = testUserContext();
  const outer = beginTurnOn(context);
  const inner = beginTurnOn(context);
  expect(internalsOf(context).turns).toBe(2);
  expect([inner(), internalsOf(context).turns]).toEqual([false, 1]);
  const late = beginTurnOn(context);
  expect([outer(), late()]).toEqual([true, false]);
  expect(internalsOf(context).turns).toBe(0);
  expect(beginTurnOn(context)()).toBe(true);
});

test("a turn that ends twice is counted once", () => {
  const context = testUserContext();
  const [outer, inner] = [beginTurnOn(context), beginTurnOn(context)];
  expect([inner(), inner(), internalsOf(context).turns]).toEqual([false, false, 1]);
  expect([outer(), outer(), internalsOf(context).turns]).toEqual([true, true, 0]);
});
