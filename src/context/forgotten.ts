import { internalsOf } from "./internals.js";
import type { UserContext } from "./user-context.js";

/** Which principals were forgotten when, so that work that began before is not kept. */
export interface Forgotten {
  /** Call when work for a principal begins. The returned function says whether the principal was not forgotten since. */
  begin(principalKey: string): () => boolean;
  add(principalKey: string): void;
}

const maxPrincipals = 10_000;

/**
 * Remembers at most `max` principals. When the oldest makes room, work of every principal that began before it counts
 * as forgotten, so that the bound never revives a forgotten one.
 */
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

/** Whether an access has forgotten the user of a turn since the turn first used it. */
export function wasForgotten(context: UserContext): boolean {
  return internalsOf(context).uses.some(({ stillKnown }) => !stillKnown());
}

/**
 * For what a turn creates and keeps for its user: the returned function says whether no access that the turn uses, now
 * or later, has forgotten the user since.
 */
export function knownFromNowOn(context: UserContext, principalKey: string): () => boolean {
  const { uses } = internalsOf(context);
  const usedBefore = uses.map(({ begin }) => begin(principalKey));
  return () =>
    usedBefore.every((still) => still()) &&
    uses.slice(usedBefore.length).every(({ stillKnown }) => stillKnown());
}
