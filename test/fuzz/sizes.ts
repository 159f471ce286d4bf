import { growth, type Growth } from "./engine/growth.js";
import { watchdog } from "./engine/watchdog.js";
import type { FuzzTarget, Size } from "./target.js";

interface Sized {
  readonly target: FuzzTarget;
  readonly size: Size;
}

/**
 * What costs too much is measured so many times in all, from the beginning, and counts only if it does each time.
 * Whatever else the machine does can cost caches and clock rate for longer than one measurement takes.
 */
const measurements = 3;
const pauseMs = 1_000;

/** Doubles the sizes of the targets' inputs, prints how the cost grew, and tells whether everything is well. */
export async function growAll(targets: readonly FuzzTarget[], only: readonly string[]): Promise<boolean> {
  const chosen = targets.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const dog = watchdog((name) => `npm run test:fuzz -- --runs 1 --only "${name}"`);
  let beats = 0;
  let isWell = true;
  let left: readonly Sized[] = chosen.flatMap((target) =>
    (target.sizes ?? []).map((size) => ({ target, size })),
  );
  // Again when all others are through: the later, the likelier the other work is over.
  for (let turn = 1; left.length > 0 && turn <= measurements; turn += 1) {
    if (turn > 1) await new Promise((done) => setTimeout(done, pauseMs));
    const again: Sized[] = [];
    for (const one of left) {
      dog.watch(`${one.target.name}, ${one.size.of}`);
      const { refused, costly } = await measured(one, () => dog.beat((beats += 1)));
      if (costly !== undefined && turn < measurements) {
        console.log(`  to be measured again: ${costly}`);
        again.push(one);
      } else if (costly !== undefined || refused !== undefined) {
        console.log(`  ! grows: ${costly ?? refused}`);
        isWell = false;
      }
    }
    left = again;
  }
  await dog.end();
  return isWell;
}

/** Doubles one size, and prints how the cost grew. */
async function measured({ target, size }: Sized, beat: () => void): Promise<Growth> {
  const before = process.cpuUsage();
  const found = await growth(target, size, beat);
  const { user, system } = process.cpuUsage(before);
  const compared = size.beside === undefined ? "half of it" : size.beside.name;
  console.log(
    `${target.name}: ${size.of} from ${found.from} to ${found.to}: at most ${found.worst.toFixed(2)} times ${compared} ` +
      `(${found.most} allowed, ${((user + system) / 1e6).toFixed(1)} cpu s)`,
  );
  return found;
}
