import { boundedMap } from "../async/bounded-map.js";
import { clocksOf, systemClock } from "../async/clocks.js";
import type { UserContext } from "../context/user-context.js";
import { digest } from "../sealing/digest.js";
import type { TurnRequest } from "./turn-request.js";
import type { ResumedTurn } from "./turn.js";

/** A turn's operation: its id, and what the turns before it have done. */
export interface Operation {
  readonly id: string;
  readonly resumed?: ResumedTurn | undefined;
}

/**
 * The operations that wait for a sign-in. A client resumes one by repeating the prompt with the id of the interrupted
 * response; the turn then belongs to the same operation, and learns which tools have run.
 */
export interface Operations {
  /** The operation that a request resumes: same principal, same prompt. `undefined` when it begins a new one. */
  resumedBy(context: UserContext, request: TurnRequest): Operation | undefined;
  /** Remembers an operation whose turn was interrupted. A turn without a principal cannot be resumed. */
  interrupted(context: UserContext, responseId: string, request: TurnRequest, operation: Operation): void;
}

/** How long an interrupted turn may wait: as long as people take to sign in, and then some. */
const keptMs = 60 * 60_000;
const maxOwners = 10_000;
/** No principal takes the room of another one. */
const maxPerOwner = 16;

interface Waiting {
  readonly operation: Operation;
  /** A digest of the prompt: the prompt itself need not be kept. */
  readonly prompt: string;
  /** By age, in milliseconds. */
  readonly until: number;
}

/** Starts without any. They live in this process: another replica begins a new operation. */
export function waitingOperations(age: () => number = clocksOf(systemClock).age): Operations {
  const owners = boundedMap<string, Map<string, Waiting>>(maxOwners);

  return {
    resumedBy({ principalKey }, { previousResponseId, input }) {
      if (principalKey === undefined || previousResponseId === undefined) return undefined;
      const waiting = owners.get(principalKey)?.get(previousResponseId);
      if (waiting === undefined || waiting.until <= age() || waiting.prompt !== digest(input))
        return undefined;
      return waiting.operation;
    },
    interrupted({ principalKey }, responseId, { input }, operation) {
      if (principalKey === undefined) return;
      const own = owners.get(principalKey) ?? boundedMap<string, Waiting>(maxPerOwner);
      owners.set(principalKey, own);
      own.set(responseId, { operation, prompt: digest(input), until: age() + keptMs });
    },
  };
}
