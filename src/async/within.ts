/** The longest time that a timer of Node can wait. */
const maxMs = 2 ** 31 - 1;

/** The result of a promise, or `undefined` when it takes longer. Rejects when the promise does so in time. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((pass) => {
    timer = setTimeout(() => pass(undefined), Math.min(ms, maxMs));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
