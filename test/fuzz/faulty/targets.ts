import { textOf, type FuzzTarget, type Size } from "../target.js";
import { good } from "./parsers/good.js";
import { leaky } from "./parsers/leaky.js";
import { rare } from "./parsers/rare.js";
import { silent } from "./parsers/silent.js";
import { slow } from "./parsers/slow.js";
import { unreached } from "./parsers/unreached.js";

const common = { from: "a test", shape: "text" } as const;

/** Parsers with one fault each: what the fuzzer has to find. */
export const targets: readonly FuzzTarget[] = [
  {
    ...common,
    name: "leaky",
    files: ["test/fuzz/faulty/parsers/leaky.ts"],
    seeds: ["Bearer 5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGhIjKlMnOp"],
    run: (input) => leaky(textOf(input)),
  },
  {
    ...common,
    name: "rare",
    files: ["test/fuzz/faulty/parsers/rare.ts"],
    seeds: ["a"],
    run: (input) => rare(textOf(input)),
  },
  {
    ...common,
    name: "slow",
    files: ["test/fuzz/faulty/parsers/slow.ts"],
    seeds: ["abc"],
    run: (input) => slow(textOf(input)),
  },
  {
    ...common,
    name: "unreached",
    files: ["test/fuzz/faulty/parsers/unreached.ts"],
    seeds: ["abc"],
    run: (input) => unreached(textOf(input)),
  },
  {
    ...common,
    name: "wrong",
    files: ["test/fuzz/faulty/parsers/leaky.ts"],
    seeds: ["Bearer x"],
    secrets: () => [],
    run: (input) => leaky(textOf(input)),
    holds(_input, value) {
      if (textOf(value).includes(",")) throw new Error("a token with a comma");
    },
  },
  {
    ...common,
    name: "silent",
    files: ["test/fuzz/faulty/parsers/silent.ts"],
    seeds: ["abc"],
    run: (input) => silent(textOf(input)),
  },
  {
    ...common,
    name: "good",
    files: ["test/fuzz/faulty/parsers/good.ts"],
    seeds: ["abc"],
    run: (input) => good(textOf(input)),
    sizes: [
      { of: "characters", upTo: 1_000_000, input: (n) => "a".repeat(n) },
      {
        of: "digits",
        upTo: 1_000_000,
        input: (n) => "1".repeat(n),
        beside: { name: "counting them", times: 2, run: (input) => counted(textOf(input)) },
      },
      busyAtFirst(),
    ],
  },
  {
    ...common,
    name: "growing",
    files: ["test/fuzz/faulty/parsers/slow.ts"],
    seeds: ["abc"],
    run: (input) => slow(textOf(input)),
    sizes: [
      { of: "characters", upTo: 8_000, input: (n) => "a".repeat(n) },
      {
        of: "characters beside counting",
        upTo: 8_000,
        input: (n) => "a".repeat(n),
        beside: { name: "counting them", times: 2, run: (input) => counted(textOf(input)) },
      },
    ],
  },
  {
    ...common,
    name: "picky",
    files: ["test/fuzz/faulty/parsers/good.ts"],
    seeds: ["abc"],
    run: (input) => good(textOf(input)),
    sizes: [{ of: "commas", upTo: 8, input: (n) => ",".repeat(n) }],
  },
];

/** Costs too much when it is measured first, as on a machine with other work. */
function busyAtFirst(): Size {
  let made = 0;
  return {
    of: "letters",
    from: 1_000,
    upTo: 2_000,
    input(n) {
      made += 1;
      return "a".repeat(n);
    },
    run(input) {
      const text = textOf(input);
      // Far more than a noisy machine could hide.
      return (made <= 2 && text.length === 2_000 ? slow : good)(text);
    },
  };
}

/** Linear, and slower than looking for one character. */
function counted(text: string): number {
  let letters = 0;
  for (const letter of text) letters += letter === "a" ? 1 : 0;
  return letters;
}
