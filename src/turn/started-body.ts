import { reportError } from "./report-error.js";

/**
 * The text of a stream, of which the first block is there: a turn that cannot even begin is answered with an error
 * and not with a stream that breaks. When it breaks later, the run is ended, `onError` is told, and the reader sees
 * the stream fail.
 */
export async function startedBody(
  blocks: AsyncIterableIterator<string>,
  onError: ((error: unknown) => unknown) | undefined,
): Promise<AsyncIterableIterator<string>> {
  let first: IteratorResult<string> | undefined;
  const body: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => body,
    async next() {
      if (first !== undefined) {
        const begun = first;
        first = undefined;
        return begun;
      }
      try {
        return await blocks.next();
      } catch (error) {
        reportError(onError, error);
        await body.return?.();
        throw error;
      }
    },
    async return() {
      try {
        await blocks.return?.();
      } catch (error) {
        reportError(onError, error);
      }
      return { done: true, value: undefined };
    },
  };
  try {
    first = await blocks.next();
  } catch (error) {
    await body.return?.();
    throw error;
  }
  return body;
}
