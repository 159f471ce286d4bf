import { randomBytes } from "node:crypto";
import type { Caller } from "./callers.js";
import { refused } from "./refused.js";

/** Who a request is for. */
export interface ForWhom {
  /** The platform's id of the person. */
  readonly userId: string;
  /** Whose token came. */
  readonly caller: Caller;
  /** Whether a back end has named the person. */
  readonly delegated: boolean;
}

/** A request that the container is answering. */
export interface Call extends ForWhom {
  readonly callId: string;
  readonly sessionId: string;
  /** From now on nobody can act for the person with this call id. */
  end(): void;
}

/** The request that an answer is for. */
export interface Asked {
  readonly call: Call;
  readonly body: Readonly<Record<string, unknown>>;
  readonly chosenId: string | undefined;
}

export interface Calls {
  begin(whom: ForWhom, sessionId: string): Call;
  /** The live request of a call id. Throws a refusal. */
  find(callId: string): Call;
  /** Call ids of requests that are being answered. */
  readonly live: number;
}

const endedKept = 10_000;

/** Keeps which requests are being answered. */
export function createCalls(): Calls {
  const live = new Map<string, Call>();
  const ended = new Set<string>();
  return {
    begin(whom, sessionId) {
      const callId = randomBytes(24).toString("base64url");
      const end = (): void => {
        if (!live.delete(callId)) return;
        ended.add(callId);
        if (ended.size > endedKept) ended.delete(ended.values().next().value ?? "");
      };
      const call = { ...whom, callId, sessionId, end };
      live.set(callId, call);
      return call;
    },
    find(callId) {
      const call = live.get(callId);
      if (call !== undefined) return call;
      throw refused(ended.has(callId) ? "call_id_ended" : "call_id_unknown");
    },
    get live() {
      return live.size;
    },
  };
}
