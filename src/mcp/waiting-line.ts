import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";

/** Calls that wait for room in a pool, first come first served. Each leaves after a bounded time. */
export interface WaitingLine {
  /** Resolves when it is this call's turn to look again. Throws `pool_busy`, `context_ended`, or what `leave` is given. */
  wait(context: UserContext, options: { ms: number; again: boolean }): Promise<void>;
  /** Lets the first one look. */
  next(): void;
  /** Lets every call of this principal look: there is a client for it now. */
  call(principalKey: string): void;
  /** Sends everybody away. */
  leave(error: Error): void;
  readonly length: number;
}

interface Waiter {
  readonly principalKey: string | undefined;
  readonly settle: (error?: Error) => void;
}

export function waitingLine(): WaitingLine {
  const line = new Set<Waiter>();

  function wait(context: UserContext, { ms, again }: { ms: number; again: boolean }): Promise<void> {
    const { endListeners } = liveInternalsOf(context);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        principalKey: context.principalKey,
        settle(error) {
          clearTimeout(timer);
          endListeners.delete(onEnd);
          line.delete(waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const onEnd = (): void => waiter.settle(new HostedAgentIdentityError("context_ended"));
      const timer = setTimeout(
        () => waiter.settle(new HostedAgentIdentityError("pool_busy")),
        Math.max(ms, 0),
      );
      endListeners.add(onEnd);
      if (again) putFirst(line, waiter);
      else line.add(waiter);
    });
  }

  return {
    wait,
    next() {
      const [first] = line;
      first?.settle();
    },
    call(principalKey) {
      for (const waiter of line) if (waiter.principalKey === principalKey) waiter.settle();
    },
    leave(error) {
      for (const waiter of line) waiter.settle(error);
    },
    get length() {
      return line.size;
    },
  };
}

/** Whoever was let through and found the room taken keeps their place. */
function putFirst(line: Set<Waiter>, waiter: Waiter): void {
  const others = [...line];
  line.clear();
  for (const next of [waiter, ...others]) line.add(next);
}
