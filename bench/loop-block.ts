import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { median, timesMoreWithin } from "./statistics.js";
import { withSpaces } from "./rows.js";
import type { Row } from "./table.js";

const cached = 100_000;
const rounds = 15;
/** What has been reached. Why the longest turn is longer with a full cache is not known yet. */
const budget = 2;

/**
 * The longest time that the event loop was blocked while new people come, of which each takes the place of another in a
 * full cache of 100 000, over the longest while as many come to a process that has cached nobody. Collecting garbage,
 * of which each person leaves some, is part of it.
 */
export async function loopBlock(): Promise<readonly Row[]> {
  const [full, none] = [await started(cached), await started(0)];
  const { times, taken } = await timesMoreWithin(budget, rounds, ["full", "none"], {
    full: full.longestBlock,
    none: none.longestBlock,
  });
  full.stop();
  none.stop();
  return [
    {
      what: `longest event loop block, ${withSpaces(cached)} cached people, eviction included, over none`,
      unit: "times",
      budget,
      goal: 1.2,
      ours: times,
      note: `${median(taken.full).toPrecision(3)} ms over ${median(taken.none).toPrecision(3)} ms, medians of the longest block of each round.`,
    },
  ];
}

interface Client {
  /** Milliseconds. */
  longestBlock(): Promise<number>;
  stop(): void;
}

async function started(people: number): Promise<Client> {
  const client = fork(fileURLToPath(new URL("loop-block-client.ts", import.meta.url)), [String(people)], {
    execArgv: process.execArgv,
  });
  await once(client, "message");
  return {
    async longestBlock() {
      client.send("round");
      const [longest] = (await once(client, "message")) as [number];
      return longest;
    },
    stop: () => client.disconnect(),
  };
}
