/** The system's wall clock, in milliseconds since 1970. Looked up at each call, so that a test's clock counts. */
export const systemClock = (): number => Date.now();

/**
 * The two ways to tell the time: `now` for what is dated (`exp`, `nbf`), `age` for how long something has been
 * kept. Ages never go back, and pass whenever either clock passes.
 */
export interface Clocks {
  /** Milliseconds since 1970. It may be put back or forth at any moment. */
  readonly now: () => number;
  /** Milliseconds since an unknown moment. Only differences mean anything. */
  readonly age: () => number;
}

/** One reading of both clocks, and what has passed until then. In milliseconds. */
export interface AgeReading {
  readonly age: number;
  readonly steady: number;
  /** How far the wall clock is ahead of the steady one, by the last step of either that was counted. */
  readonly ahead: number;
}

/** A wall clock in step with the steady one reads up to this much behind it, because its milliseconds are whole. */
const jitterMs = 1_000;

/**
 * What has passed since another reading: what the steady clock says, plus every step of one clock against the other.
 * A steady clock that stood still while the container was suspended is such a step, and so is a wall clock that was
 * put forward or back. Which of its readings was right is unknown, so what is kept counts as older, never as younger.
 */
export function nextReading(before: AgeReading, wall: number, steady: number): AgeReading {
  const passed = Math.max(steady - before.steady, 0);
  const step = wall - steady - before.ahead;
  // Behind by less than the jitter is no step; ahead counts from the first millisecond.
  if (step <= 0 && step >= -jitterMs) return { age: before.age + passed, steady, ahead: before.ahead };
  return { age: before.age + passed + Math.abs(step), steady, ahead: wall - steady };
}

/**
 * Both clocks from the `now` of a factory's options. Beside the system's wall clock stands the process's steady
 * one. A clock of the developer's own, as in tests, stands alone: ages are what it passes, and the steps it takes back.
 */
export function clocksOf(now: () => number, steady: () => number = steadyBeside(now)): Clocks {
  const first = steady();
  let last: AgeReading = { age: 0, steady: first, ahead: now() - first };
  return {
    now,
    age() {
      last = nextReading(last, now(), steady());
      return last.age;
    },
  };
}

function steadyBeside(now: () => number): () => number {
  return now === systemClock || now === Date.now ? () => performance.now() : () => 0;
}

/** The end of something that is kept: a date, held against the wall clock, and the age it may reach meanwhile. */
export interface End {
  readonly at: number;
  readonly aged: number;
}

/** The end at a date in milliseconds since 1970, by how far away it is now. */
export function endAt({ now, age }: Clocks, at: number): End {
  return { at, aged: age() + (at - now()) };
}

/** Whether either clock says that it is over. */
export function isPast({ now, age }: Clocks, { at, aged }: End): boolean {
  return now() >= at || age() >= aged;
}
