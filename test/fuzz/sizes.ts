import { growth } from "./engine/growth.js";
import { watchdog } from "./engine/watchdog.js";
import type { FuzzTarget } from "./target.js";

/** Doubles the sizes of the targets' inputs, prints how the cost grew, and tells whether everything is well. */
export async function growAll(targets: readonly FuzzTarget[], only: readonly string[]): Promise<boolean> {
  const chosen = targets.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const dog = watchdog((name) => `npm run test:fuzz -- --runs 1 --only "${name}"`);
  let beats = 0;
  let isWell = true;
  for (const target of chosen) {
    for (const size of target.sizes ?? []) {
      dog.watch(`${target.name}, ${size.of}`);
      const before = process.cpuUsage();
      const { from, to, worst, most, complaint } = await growth(target, size, () => dog.beat((beats += 1)));
      const { user, system } = process.cpuUsage(before);
      const compared = size.beside === undefined ? "half of it" : size.beside.name;
      console.log(
        `${target.name}: ${size.of} from ${from} to ${to}: at most ${worst.toFixed(2)} times ${compared} ` +
          `(${most} allowed, ${((user + system) / 1e6).toFixed(1)} cpu s)`,
      );
      if (complaint === undefined) continue;
      isWell = false;
      console.log(`  ! grows: ${complaint}`);
    }
  }
  await dog.end();
  return isWell;
}
