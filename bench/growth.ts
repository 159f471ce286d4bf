/** What was filled for each number of users, and why there is none for more. */
export interface Filled<T> {
  readonly filled: ReadonlyMap<number, T>;
  readonly stopped: { readonly at: number; readonly why: string } | undefined;
}

/** How long a peer may take to get ready for the next number of users. */
const boundS = 300;

/** Thrown by whoever knows that so many users cannot be. */
export class TooMany extends Error {}

/**
 * Fills for one number of users after the other, as long as the next one can be expected within the bound: as
 * many times longer as it has more users, which is generous to whoever takes more than linear time.
 */
export async function filledWhileItLasts<T>(
  sizes: readonly number[],
  fill: (users: number) => Promise<T>,
): Promise<Filled<T>> {
  const filled = new Map<number, T>();
  let expectedS = 0;
  for (const [at, users] of sizes.entries()) {
    if (expectedS > boundS) {
      const why = `its cache would take ${Math.round(expectedS)} s to fill, and ${boundS} s are the bound`;
      return { filled, stopped: { at: users, why } };
    }
    const started = performance.now();
    try {
      filled.set(users, await fill(users));
    } catch (cause) {
      if (cause instanceof TooMany) return { filled, stopped: { at: users, why: cause.message } };
      throw cause;
    }
    const next = (sizes[at + 1] ?? users) / users;
    expectedS = ((performance.now() - started) / 1000) * next;
  }
  return { filled, stopped: undefined };
}
