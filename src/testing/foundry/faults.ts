import { refused } from "./refused.js";

/**
 * Something that goes wrong at the platform, a given number of times.
 *
 * @group Test kit
 */
export interface FoundryFault {
  readonly on: "gateway" | "toolbox";
  readonly kind: "throttled" | "unavailable" | "internal" | "reset";
  /** Default 1. */
  readonly times?: number;
  /** Sent as `Retry-After`, in seconds. */
  readonly retryAfterS?: number;
  /** Of a toolbox: only for this JSON-RPC method. */
  readonly rpc?: string;
}

export interface Faults {
  add(fault: FoundryFault): void;
  /** Throws a refusal, or returns "reset", when a fault is due. */
  take(on: FoundryFault["on"], rpc?: string): "reset" | undefined;
}

export function createFaults(): Faults {
  const due: { readonly fault: FoundryFault; left: number }[] = [];
  return {
    add(fault) {
      due.push({ fault, left: fault.times ?? 1 });
    },
    take(on, rpc) {
      const next = due.find(
        ({ fault, left }) => left > 0 && fault.on === on && (fault.rpc === undefined || fault.rpc === rpc),
      );
      if (next === undefined) return undefined;
      next.left--;
      if (next.fault.kind === "reset") return "reset";
      throw refused(next.fault.kind, {}, next.fault.retryAfterS);
    },
  };
}
