import type { FetchLike } from "hosted-agent-identity";

/** A network that, once asked to, gives two answers that are under way at the same time to the wrong callers. */
export function swappingNetwork(): { fetch: FetchLike; swapNext(): void } {
  let wanted = false;
  let waiting: ((other: Response) => Response) | undefined;
  return {
    swapNext: () => void (wanted = true),
    async fetch(input, init) {
      const answer = await fetch(input, init);
      if (waiting !== undefined) return waiting(answer);
      if (!wanted) return answer;
      wanted = false;
      return new Promise((resolve) => {
        const stop = (other: Response): Response => {
          clearTimeout(alone);
          waiting = undefined;
          resolve(other);
          return answer;
        };
        // When nobody else comes, nothing is swapped.
        const alone = setTimeout(() => stop(answer), 20);
        waiting = stop;
      });
    },
  };
}
