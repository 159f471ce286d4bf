import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { boundedMap } from "../../src/async/bounded-map.js";

it("drops the key that was set longest ago for one too many", () => {
  const map = boundedMap<string, number>(2);
  map.set("a", 1).set("b", 2).set("c", 3);
  expect([...map]).toEqual([
    ["b", 2],
    ["c", 3],
  ]);
});

it("counts a key that is set again as new", () => {
  const map = boundedMap<string, number>(2);
  map.set("a", 1).set("b", 2).set("a", 3).set("c", 4);
  expect([...map.keys()]).toEqual(["a", "c"]);
  expect(map.get("a")).toBe(3);
});

it("keeps a key whose value is undefined within the bound, too", () => {
  const map = boundedMap<string | undefined, undefined>(1);
  map.set(undefined, undefined).set("a", undefined);
  expect([...map.keys()]).toEqual(["a"]);
});

it("keeps no earlier form of itself while the same keys are set again and again", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const map = boundedMap<string, number>(20);
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const setAll = (times: number): void => {
    for (let n = 0; n < times; n += 1) map.set(`key ${n % 30}`, n);
    for (let n = 0; n < times; n += 1) map.set(`key ${n % 10}`, n);
  };
  setAll(1_000);
  const before = used();
  setAll(300_000);
  // A form of the map is as long as ten keys take, and there would be thousands.
  expect(used() - before).toBeLessThan(5_000_000);
});
