import { incompleteReasons, type ResponseFailure } from "../foundry/events.js";
import { genericFailure } from "./failure.js";
import type { Unnumbered } from "./run-output.js";

/**
 * What a run's model calls have said of themselves. A run may call models as often as it likes: the events that
 * open and end their responses are notes, and the turn ends when the run does.
 */
export interface ModelCalls {
  /** Whether a response was opened that no event has ended: its stream was cut. */
  isOpen(): boolean;
  /** Whether one is still open besides the one that ended last: two streams come at the same time. */
  hasOthers(): boolean;
  /** How the newest one ended. */
  ending(): ModelEnding | undefined;
  open(event: Unnumbered): void;
  end(event: Unnumbered, status: ModelEnding["status"]): void;
  /** What the turn's response takes over: the model, and the usage of all calls, added up. */
  fields(): Readonly<Record<string, unknown>>;
}

/** How a model call ended. */
export interface ModelEnding {
  readonly status: "completed" | "incomplete" | "failed";
  readonly error: ResponseFailure | undefined;
  readonly reason: string | undefined;
}

/** Starts without a call. */
export function modelCalls(): ModelCalls {
  const told: Record<string, unknown> = {};
  let usage: unknown;
  const openIds = new Set<unknown>();
  let isOpen = false;
  let ending: ModelEnding | undefined;

  // Anything else, such as its instructions and tools, is between the developer and the model.
  const take = (response: unknown): void => {
    const { model } = Object(response) as { model?: unknown };
    if (typeof model === "string" && model !== "") told["model"] = model;
  };

  return {
    isOpen: () => isOpen,
    hasOthers: () => openIds.size > 0,
    ending: () => ending,
    open(event) {
      isOpen = true;
      openIds.add(idOf(event));
      take(event["response"]);
    },
    end(event, status) {
      isOpen = false;
      openIds.delete(idOf(event));
      ending = endingOf(event, status);
      take(event["response"]);
      usage = sum(usage, (Object(event["response"]) as { usage?: unknown }).usage);
    },
    fields: () => (usage === undefined ? told : { ...told, usage }),
  };
}

function idOf(event: Unnumbered): unknown {
  return (Object(event["response"]) as { id?: unknown }).id;
}

function endingOf(event: Unnumbered, status: ModelEnding["status"]): ModelEnding {
  const response = Object(event["response"]) as { error?: unknown; incomplete_details?: unknown };
  const { reason } = Object(response.incomplete_details) as { reason?: unknown };
  return {
    status,
    error: status === "failed" ? failureOf(event.type === "error" ? event : response.error) : undefined,
    reason: typeof reason === "string" && incompleteReasons.has(reason) ? reason : undefined,
  };
}

function failureOf(error: unknown): ResponseFailure {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "string" ? code : genericFailure.code,
    message: typeof message === "string" ? message : genericFailure.message,
  };
}

/**
 * Adds a usage to what earlier ones came to, counter by counter, in place: a copy for each model call would cost
 * more with each. What is no number is taken from the newer one.
 */
function sum(total: unknown, usage: unknown): unknown {
  if (typeof usage === "number") return typeof total === "number" ? total + usage : usage;
  if (typeof usage !== "object" || usage === null) return total ?? usage ?? undefined;
  const counters = (typeof total === "object" && total !== null ? total : {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(usage)) {
    // No counter, and an assignment to it would change the prototype.
    if (name === "__proto__") continue;
    counters[name] = sum(Object.hasOwn(counters, name) ? counters[name] : undefined, value);
  }
  return counters;
}
