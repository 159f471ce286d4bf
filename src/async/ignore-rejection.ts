/**
 * TypeScript takes an async function where one that returns nothing is expected. Its caller does not wait, and its
 * rejection would end the process. Any object with `then` counts, also one of another realm.
 */
export function ignoreRejection(told: unknown): void {
  if (typeof told !== "object" || told === null || !("then" in told)) return;
  Promise.resolve(told).catch(() => undefined);
}
