import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seeded } from "../../src/testing/isolation/random.js";
import { measureTalk, type TalkMeasured } from "./talking.js";

/**
 * `npm run test:isolation:nightly`: many conversations with servers that ask and notify on their own, as
 * talking.test.ts has few of. Exits 1 if anything reached the wrong person, or a question or call was lost. With
 * `-- --calls 100000` for fewer or more, `--seed 7` (or `random`) for others, `--processes 1` for one world.
 *
 * Each process is a world of its own, with clients and server: the time of the processor goes into the two MCP SDKs and
 * Node's `fetch` and HTTP server, so that a second core helps where more conversations do not.
 */
const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: String(availableParallelism()) },
  },
});
const seed = values.seed === "random" ? Date.now() % 1_000_000 : Number(values.seed);
const processes = Number(values.processes);
const calls = Math.ceil(Number(values.calls) / processes);

if (process.send === undefined) {
  const began = performance.now();
  const worlds = await Promise.all(Array.from({ length: processes }, (_, n) => world(seed + n)));
  const sum = (of: (one: TalkMeasured) => number): number => worlds.reduce((all, one) => all + of(one), 0);
  const lost = sum(({ asked, answered, declined }) => asked - answered - declined);
  const [wrong, failed] = [worlds.flatMap((one) => one.wrong), worlds.flatMap((one) => one.failed)];
  console.log(
    `seed ${seed}, ${processes} processes, ${Math.round((performance.now() - began) / 1000)} s: ` +
      `${sum((one) => one.calls)} calls; ${sum((one) => one.asked)} questions, ${sum((one) => one.answered)} answered, ` +
      `${sum((one) => one.declined)} declined, ${lost} lost; ` +
      `${sum((one) => one.notifiedInTurn + one.notified)} notifications, ${sum((one) => one.notified)} of them between turns; ` +
      `${wrong.length} reached somebody else, ${failed.length} calls failed`,
  );
  for (const what of [...wrong, ...failed].slice(0, 20)) console.log(what);
  process.exitCode = lost + wrong.length + failed.length === 0 ? 0 : 1;
} else {
  const measured = await measureTalk({ calls, random: seeded(seed) });
  process.send(measured, () => process.disconnect());
}

/** The same program as a process that only measures. */
async function world(ofSeed: number): Promise<TalkMeasured> {
  const child = fork(fileURLToPath(import.meta.url), [
    ...["--calls", String(calls), "--processes", "1", "--seed", String(ofSeed)],
  ]);
  const [measured] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => {
      throw new Error(`The world with seed ${ofSeed} ended with ${String(code)}.`);
    }),
  ])) as [TalkMeasured];
  return measured;
}
