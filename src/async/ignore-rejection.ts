/**
 * Where a function that returns nothing is asked for, an async one is taken as well: whoever called it does not wait,
 * and its rejection would end the process. Any object with `then` counts, also one of another realm.
 */
export function ignoreRejection(told: unknown): void {
  if (typeof told !== "object" || told === null || !("then" in told)) return;
  Promise.resolve(told).catch(() => undefined);
}
