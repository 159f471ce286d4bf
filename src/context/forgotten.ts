import { internalsOf } from "./internals.js";
import type { UserContext } from "./user-context.js";

/** Who was forgotten, so that what was begun before is not kept afterwards. */
export interface Forgotten {
  /** Call when work for a principal begins. What it returns tells whether it was not forgotten since. */
  begin(principalKey: string): () => boolean;
  add(principalKey: string): void;
}

const maxPrincipals = 10_000;

/** Makes it. Of too many, the oldest counts as everybody's: work that began before it is not kept, whosever it is. */
export function forgottenPrincipals(max: number = maxPrincipals): Forgotten {
  const last = new Map<string, number>();
  let count = 0;
  let floor = 0;
  return {
    begin(principalKey) {
      const began = count;
      return () => Math.max(floor, last.get(principalKey) ?? 0) <= began;
    },
    add(principalKey) {
      count += 1;
      last.delete(principalKey);
      last.set(principalKey, count);
      if (last.size <= max) return;
      const [oldest] = last;
      if (oldest === undefined) return;
      floor = oldest[1];
      last.delete(oldest[0]);
    },
  };
}

/** Whether the person of a turn was forgotten by an access since the turn first used it. */
export function wasForgotten(context: UserContext): boolean {
  return internalsOf(context).uses.some(({ stillKnown }) => !stillKnown());
}

/**
 * For what is made in a turn and kept for its person: the returned function tells whether no access that the turn
 * uses, now or later, has forgotten the person since.
 */
export function knownFromNowOn(context: UserContext, principalKey: string): () => boolean {
  const { uses } = internalsOf(context);
  const usedBefore = uses.map(({ begin }) => begin(principalKey));
  return () =>
    usedBefore.every((still) => still()) &&
    uses.slice(usedBefore.length).every(({ stillKnown }) => stillKnown());
}
