import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build, type Build } from "./engine/compile.js";
import { countersName } from "./engine/instrument.js";
import type * as Main from "./main.js";
import type * as Sizes from "./sizes.js";
import type { FuzzTarget } from "./target.js";

interface Targets {
  readonly targets: readonly FuzzTarget[];
}

/**
 * `npm run test:fuzz`: every parser that meets outside bytes, fuzzed. With `-- --only challenges` those whose
 * name holds it, `--runs 1000000` for longer, `--seed 7` (or `random`) for other inputs, `--missed` for what was not reached,
 * `--print 56` for an input that hangs.
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "3000" },
    only: { type: "string", multiple: true, default: [] },
    missed: { type: "boolean", default: false },
    print: { type: "string", default: "-1" },
    blind: { type: "boolean", default: false },
    targets: { type: "string", default: "test/fuzz/targets/all" },
  },
});

const [uncounted, built] = [build(values.targets, "uncounted"), build(values.targets)];
try {
  const counters = new Uint8Array(built.branches.length);
  Object.assign(globalThis, { [countersName]: counters });
  const load = (file: string, { folder }: Build = built): Promise<unknown> =>
    import(pathToFileURL(join(folder, `${file}.js`)).href);
  const { fuzzAll } = (await load("test/fuzz/main")) as typeof Main;
  const { targets } = (await load(values.targets)) as Targets;
  // In a module graph of its own, and first: what is measured must not find the heap full of inputs.
  const { growAll } = (await load("test/fuzz/sizes", uncounted)) as typeof Sizes;
  const { targets: uncountedTargets } = (await load(values.targets, uncounted)) as Targets;
  const growsWell = await growAll(uncountedTargets, values.only);
  const isWell = await fuzzAll(targets, {
    seed: values.seed === "random" ? Date.now() % 1_000_000 : Number(values.seed),
    runs: Number(values.runs),
    only: values.only,
    isBlind: values.blind,
    print: Number(values.print),
    showMissed: values.missed,
    branches: built.branches,
    words: built.words,
    counters,
  });
  if (!growsWell) console.log("Not well: something costs more than its size explains. See the beginning.");
  process.exitCode = isWell && growsWell ? 0 : 1;
} catch (error) {
  // The fuzzer itself failed. Listeners for what targets leave behind would swallow it.
  console.error(error);
  process.exitCode = 1;
} finally {
  built.remove();
  uncounted.remove();
}
// What a target has left open must not keep the process.
process.exit();
