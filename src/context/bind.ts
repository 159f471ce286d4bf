import { getUserContext, runInContext, runWithUserContext } from "./ambient.js";
import { type UserContext, internalsOf } from "./user-context.js";

/**
 * Binds a function to a user context: wherever it is called from, it runs for that user. If it returns an
 * async generator, that one is bound too. A bound function does not end the context; called after the
 * turn, it throws `context_ended`.
 *
 * Entry point: `hosted-agent-identity`.
 * @param context default: the current one; throws `no_user_context` when there is none
 * @group Context
 */
export function bindUserContext<A extends readonly unknown[], R>(
  run: (...args: A) => R,
  context?: UserContext,
): (...args: A) => R;
/**
 * Binds an async iterable: each step runs for that user, whoever pulls it. The context ends when the
 * iterable returns or throws, unless a turn still runs on it: then it ends with that turn.
 *
 * @example
 * ```ts
 * import { Readable } from "node:stream";
 * import { bindUserContext } from "hosted-agent-identity";
 *
 * export function stream(answer: AsyncIterable<string>): Readable {
 *   return Readable.from(bindUserContext(answer));
 * }
 * ```
 */
export function bindUserContext<T>(iterable: AsyncIterable<T>, context?: UserContext): AsyncGenerator<T>;
export function bindUserContext(
  target: ((...args: readonly unknown[]) => unknown) | AsyncIterable<unknown>,
  context: UserContext = getUserContext(),
): unknown {
  if (typeof target !== "function") return boundIterable(target, context, () => endOutsideTurns(context));
  return (...args: readonly unknown[]): unknown => {
    const result = runWithUserContext(context, () => target(...args));
    return isAsyncGenerator(result) ? boundIterable(result, context, () => {}) : result;
  };
}

/** Inside a turn the turn ends the context. To end it with a stream of the turn would cancel that turn. */
function endOutsideTurns(context: UserContext): void {
  if (internalsOf(context).turns === 0) context.end();
}

function boundIterable<T>(
  iterable: AsyncIterable<T>,
  context: UserContext,
  over: () => void,
): AsyncGenerator<T> {
  let iterator: AsyncIterator<T> | undefined;

  async function step(
    move: (iterator: AsyncIterator<T>) => Promise<IteratorResult<T>>,
  ): Promise<IteratorResult<T>> {
    try {
      const result = await runInContext(context, () => move((iterator ??= iterable[Symbol.asyncIterator]())));
      if (result.done === true) over();
      return result;
    } catch (error) {
      over();
      throw error;
    }
  }

  const bound: AsyncGenerator<T> = {
    next: (...args) => step((inner) => inner.next(...args)),
    return: (value) =>
      step(async (inner) => (await inner.return?.(value)) ?? { done: true, value: await value }),
    throw: (error) =>
      step((inner) => {
        if (inner.throw === undefined) throw error;
        return inner.throw(error);
      }),
    [Symbol.asyncIterator]: () => bound,
    [Symbol.asyncDispose]: async () => void (await bound.return(undefined)),
  };
  return bound;
}

function isAsyncGenerator(value: unknown): value is AsyncGenerator<unknown> {
  return Object.prototype.toString.call(value) === "[object AsyncGenerator]";
}
