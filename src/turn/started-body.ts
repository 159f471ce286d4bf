import { reportError } from "./report-error.js";
import { sseBlocks, type SentEvent } from "./to-sse.js";

/**
 * The events of a turn as the text of server-sent events, of which the first block is there: a turn that cannot even
 * begin is answered with an error and not with a stream that breaks. When it breaks later, the run is ended, `onError`
 * is told, and the reader sees the stream fail.
 */
export async function startedBody(
  events: AsyncIterator<SentEvent>,
  keepAliveMs: number,
  onError: ((error: unknown) => unknown) | undefined,
): Promise<AsyncIterableIterator<string>> {
  let first: IteratorResult<string> | undefined;
  let hasBegun = false;
  const onBroken = (error: unknown): void => {
    if (hasBegun) reportError(onError, error);
  };
  const blocks = sseBlocks(events, { keepAliveMs, onBroken });
  first = await blocks.next();
  hasBegun = true;
  const body: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => body,
    next() {
      if (first === undefined) return blocks.next();
      const begun = first;
      first = undefined;
      return Promise.resolve(begun);
    },
    return: () => blocks.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
  return body;
}
