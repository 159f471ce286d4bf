import { beforeEach, describe, expect, it } from "vitest";
import { challengeBudget, type ChallengeBudget } from "../../src/access/challenge-budget.js";

let time: number;
let refusals: ChallengeBudget;
beforeEach(() => {
  time = 1_000_000;
  refusals = challengeBudget(() => time);
});

const asks = (owner: string, many: number): boolean[] =>
  Array.from({ length: many }, (_, n) => refusals.mayAsk(owner, `token ${n}`, "401"));

describe("tokens that a resource makes us ask for", () => {
  it("are eight a minute for each person, and again eight in the next", () => {
    expect(asks("Ada", 10).filter(Boolean)).toHaveLength(8);
    expect(asks("Bob", 8)).not.toContain(false);
    time += 59_999;
    expect(refusals.mayAsk("Ada", "another", "401")).toBe(false);
    time += 1;
    expect(asks("Ada", 10).filter(Boolean)).toHaveLength(8);
  });

  it("count once for calls that were refused side by side, with one token and one demand", () => {
    expect(asks("Ada", 8)).not.toContain(false);
    expect(asks("Ada", 8)).not.toContain(false);
    expect(refusals.mayAsk("Ada", "token 0", "another demand")).toBe(false);
  });
});

describe("scopes beyond the resource's own", () => {
  it("are remembered for an hour, for the person they were given to", () => {
    refusals.grew("Ada", ["a", "b"]);
    expect([refusals.grownScopes("Ada"), refusals.grownScopes("Bob")]).toEqual([["a", "b"], []]);
    time += 3_600_000;
    expect(refusals.grownScopes("Ada")).toEqual([]);
  });

  it("are not remembered when they are longer than 2 048 characters together", () => {
    refusals.grew("Ada", ["a".repeat(1_024), "b".repeat(1_024)]);
    expect(refusals.grownScopes("Ada")).toHaveLength(2);
    refusals.grew("Ada", ["a".repeat(1_024), "b".repeat(1_025)]);
    expect(refusals.grownScopes("Ada")).toEqual([]);
  });
});
