import type { FuzzTarget, Input, Size } from "../target.js";

/** How the cost of one target grew with one size of its inputs. */
export interface Growth {
  readonly of: string;
  /** The sizes that were tried. */
  readonly from: number;
  readonly to: number;
  /** The worst ratio that was seen, and what it may be at most. */
  readonly worst: number;
  readonly most: number;
  /** An input that was not accepted, if there was one. */
  readonly refused?: string;
  /** What cost too much, if anything did. A machine with other work can cause it once. */
  readonly costly?: string;
}

/** What a unit may cost at twice the size, times what it costs at the size. Linear is 1, quadratic is 2. */
const mostTimes = 1.5;

/** A sample takes at least so much of the processor: it counts in steps, and noise is as large as a small sample. */
const leastMs = 16;
const rounds = 2;
/** A noisy machine gets so many more rounds to show that it was noise. */
const moreRounds = 14;

/**
 * Doubles one size up to its limit. What is compared is time of the processor, the least of several rounds, in one
 * process: no number of milliseconds is expected of any machine. Stops at the first size that costs too much, since
 * the next one might not end.
 */
export async function growth(target: FuzzTarget, size: Size, beat: () => void): Promise<Growth> {
  const run = size.run ?? ((input: Input) => target.run(input));
  const sizes = sizesOf(size);
  const most = size.beside?.times ?? mostTimes;
  const found = { of: size.of, from: sizes[0] ?? 0, most };
  let worst = 0;
  let before: Work | undefined;
  for (const n of sizes) {
    beat();
    const input = size.input(n);
    let now: Work;
    let other: Work | undefined;
    try {
      now = await work(n, () => run(input));
      other = size.beside === undefined ? before : await work(n, () => size.beside?.run(input));
    } catch (error) {
      return { ...found, to: n, worst, refused: `${n} ${size.of}: ${String(error).slice(0, 200)}` };
    }
    before = now;
    if (other === undefined) continue;
    for (let round = 0; round < rounds; round += 1) await again(now, other, beat);
    for (let round = 0; round < moreRounds && times(now, other) > most; round += 1)
      await again(now, other, beat);
    worst = Math.max(worst, times(now, other));
    if (worst > most) {
      const costly = `${n} ${size.of} cost ${worst.toFixed(2)} times ${than(size, n)}, and ${most} is the most`;
      return { ...found, to: n, worst, costly };
    }
  }
  return { ...found, to: size.upTo, worst };
}

function than({ beside, of }: Size, n: number): string {
  return beside?.name ?? `as much for each as ${n / 2} ${of}`;
}

/** Halved from the limit, so that the limit itself is among them. */
function sizesOf({ upTo, from = upTo / 8 }: Size): number[] {
  const sizes = [upTo];
  while ((sizes[0] as number) / 2 >= Math.max(1, from)) sizes.unshift(Math.floor((sizes[0] as number) / 2));
  return sizes;
}

/** Work that is measured again and again. */
interface Work {
  readonly size: number;
  readonly times: number;
  readonly once: () => unknown;
  /** The least that a unit has cost so far, in microseconds. */
  least: number;
}

async function work(size: number, once: () => unknown): Promise<Work> {
  // Compiled code first.
  await once();
  for (let count = 1; ; count *= 2) {
    const cost = await costOf(once, count);
    if (cost >= leastMs * 1000) return { size, times: count, once, least: cost / count / size };
  }
}

/** Both, one right after the other, so that whatever else the machine does meets both alike. */
async function again(one: Work, other: Work, beat: () => void): Promise<void> {
  for (const each of [one, other]) {
    beat();
    const cost = await costOf(each.once, each.times);
    each.least = Math.min(each.least, cost / each.times / each.size);
  }
}

async function costOf(once: () => unknown, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let run = 0; run < count; run += 1) {
    const result = once();
    if (result instanceof Promise) await result;
  }
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function times(one: Work, other: Work): number {
  return one.least / other.least;
}
