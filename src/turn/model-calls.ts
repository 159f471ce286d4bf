import { incompleteReasons, type ResponseFailure } from "../foundry/events.js";
import { genericFailure } from "./failure.js";
import type { Unnumbered } from "./run-output.js";

/**
 * What a run's model calls have said of themselves. A run may call models as often as it likes: the events that
 * open and end their responses are notes, and the turn ends when the run does.
 */
export interface ModelCalls {
  /** Whether a response was opened that no event has ended: its stream was cut. */
  isOpen: boolean;
  /** The response that is open. */
  first: { readonly id: unknown } | undefined;
  /** The ids of further ones: two streams may come at the same time, and seldom do. */
  further: Set<unknown> | undefined;
  /** How the newest one ended. */
  ending: ModelEnding | undefined;
  /** The model of the newest one that has named it. */
  model: string | undefined;
  /** The usage of all, added up. */
  usage: unknown;
}

/** How a model call ended. */
export interface ModelEnding {
  readonly status: "completed" | "incomplete" | "failed";
  readonly error: ResponseFailure | undefined;
  readonly reason: string | undefined;
}

/** Starts without a call. */
export function modelCalls(): ModelCalls {
  return {
    isOpen: false,
    first: undefined,
    further: undefined,
    ending: undefined,
    model: undefined,
    usage: undefined,
  };
}

/** Notes that a response of a model has begun. */
export function openCall(calls: ModelCalls, event: Unnumbered): void {
  calls.isOpen = true;
  const id = idOf(event);
  if (calls.further?.has(id) !== true) {
    if (calls.first === undefined) calls.first = { id };
    else if (calls.first.id !== id) (calls.further ??= new Set()).add(id);
  }
  takeModel(calls, event);
}

/** Notes how a response of a model has ended. */
export function endCall(calls: ModelCalls, event: Unnumbered, status: ModelEnding["status"]): void {
  calls.isOpen = false;
  const id = idOf(event);
  if (calls.first !== undefined && calls.first.id === id) calls.first = undefined;
  else calls.further?.delete(id);
  calls.ending = endingOf(event, status);
  takeModel(calls, event);
  calls.usage = sum(calls.usage, (Object(event["response"]) as { usage?: unknown }).usage);
}

/** Whether one is open. */
export function hasOpenCalls({ first, further }: ModelCalls): boolean {
  return first !== undefined || (further?.size ?? 0) > 0;
}

/** What the turn's response takes over: the model, and the usage. */
export function fieldsOf({ model, usage }: ModelCalls): Readonly<Record<string, unknown>> {
  return { ...(model !== undefined && { model }), ...(usage !== undefined && { usage }) };
}

/** Anything else, such as its instructions and tools, is between the developer and the model. */
function takeModel(calls: ModelCalls, event: Unnumbered): void {
  const { model } = Object(event["response"]) as { model?: unknown };
  if (typeof model === "string" && model !== "") calls.model = model;
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
