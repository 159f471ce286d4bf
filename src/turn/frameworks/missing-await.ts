/**
 * What an error adds for a result whose `await` was forgotten; nothing for any other value. Nobody is going to wait for
 * the promise now, and if it rejects, as when the model's endpoint refuses, that must not end the process.
 */
export function missingAwait(value: unknown): string {
  if (!(value instanceof Promise)) return "";
  value.catch(() => undefined);
  return " It was given a promise: write await in front of it.";
}
