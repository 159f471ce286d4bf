import { isAnyArrayBuffer, isBoxedPrimitive } from "node:util/types";
import { HostedAgentIdentityError } from "../errors.js";
import { isResponseEventType } from "../foundry/event-types.js";

/** An event without its number: plain data that belongs to the turn. */
export interface Unnumbered {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Checks one value that a run has yielded: answer text, an event of the Responses protocol, or `undefined` for an
 * event that says nothing (`keepalive`, which OpenAI sends on long calls). The event is a copy, so what was checked
 * is what is sent. Throws `invalid_run_output` for anything else.
 */
export function readRunOutput(value: unknown): string | Unnumbered | undefined {
  if (typeof value === "string") return value;
  const { value: event, problem } = plainCopy(value);
  if (problem !== undefined) {
    throw invalid(`The run yielded a value that holds ${problem}, so it cannot be sent as JSON.`);
  }
  const type = typeOf(event);
  if (type === undefined) throw invalid(`The run yielded ${kindOf(value)}.`);
  if (type === "keepalive") return undefined;
  if (eventName.test(type) || isResponseEventType(type)) return event as Unnumbered;
  throw outputItemType.test(type) ? bareItem(type) : invalid(`The run yielded ${named(type)}.`);
}

/** What a run has returned, as values to pull. Throws `invalid_run_output`. */
export function runIterator(output: unknown): AsyncIterator<unknown> {
  if (isAsyncIterable(output)) return output[Symbol.asyncIterator]();
  throw invalid(`The run returned ${returnedKind(output)}.`, generatorAdvice);
}

/**
 * Refuses a promise that a run has given instead of what it stands for. It is waited for first: one that rejects would
 * end the process as an unhandled rejection, and what it rejects with is what the developer has to see.
 */
export async function refusePromise(
  promise: Promise<unknown>,
  given: "returned" | "yielded",
): Promise<never> {
  await promise;
  throw invalid(`The run ${given} a promise.`, given === "returned" ? generatorAdvice : advice);
}
/**
 * An event of the protocol, or one that it may get. The name is a line of server-sent events, too: one with a line
 * break, or half a character, would be another there than in the data.
 */
const eventName = /^response\.[\w.-]+$/;

const advice =
  "Yield answer text as a string, or an event of the Responses protocol. A framework's own stream goes through " +
  "aiSdkOutput() of hosted-agent-identity/ai-sdk or agentsOutput() of hosted-agent-identity/openai-agents.";

const generatorAdvice =
  "A run is an async generator, for example async function* (turn) { yield* await answer(turn); }, or a function " +
  "that returns an async iterable.";

/** The error of a run that yielded what no response can hold; it says what to yield instead. */
export function invalid(what: string, instead: string = advice): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_run_output", `${what} ${instead}`);
}

/** A type as it may be shown: names are short and plain, and anything else may be a text of somebody's. */
export function named(type: string): string {
  return /^[\w.:-]{1,80}$/.test(type) ? `a value of type "${type}"` : "a value with an unknown type";
}

function bareItem(type: string): HostedAgentIdentityError {
  return invalid(
    `The run yielded a bare output item of type "${type}".`,
    'Yield { type: "response.output_item.done", item } instead.',
  );
}

/** The types of output items. Source: openai 7.59, `ResponseOutputItem`; Foundry's own. */
const outputItemType =
  /^(message|reasoning|compaction|program|program_output|additional_tools|local_shell_call|oauth_consent_request|mcp_[a-z_]+|[a-z_]+_call|[a-z_]+_call_output|tool_search_output)$/;

function typeOf(event: unknown): string | undefined {
  const { type } = Object(event) as { readonly type?: unknown };
  return typeof type === "string" && !Array.isArray(event) ? type : undefined;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (Object(value) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === "function";
}

function returnedKind(value: unknown): string {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? "an object that is no async iterable"
    : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object without a type" : `a value of type ${typeof value}`;
}

/** Why a value cannot be sent as JSON, in words that complete "the value holds …". */
class NotPlain extends Error {}

/** A copy of a value as plain data, or why there is none. */
type PlainCopy =
  | { readonly value: unknown; readonly problem?: never }
  | { readonly problem: string; readonly value?: never };

/** Far deeper than any event or tool result, and far from where the stack ends. */
const maxDepth = 100;
/** A DAG whose levels share their children doubles with each level: the count ends it. */
const maxValues = 1_000_000;

/**
 * Copies a value the way `JSON.stringify` reads it: `toJSON` is called, functions, symbols and `undefined` are left
 * out. What was copied can always be serialized, and nobody else can change it afterwards. Runs in linear time and
 * never throws, whatever getters, proxies or `toJSON` do.
 */
export function plainCopy(value: unknown): PlainCopy {
  const budget = { left: maxValues };
  try {
    return { value: copyOf(value, 0, "", budget) };
  } catch (error) {
    return { problem: error instanceof NotPlain ? error.message : "a getter or toJSON() that throws" };
  }
}

interface Budget {
  left: number;
}

function copyOf(value: unknown, depth: number, key: string, budget: Budget): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      // JSON has no -0, either.
      return Number.isFinite(value) ? value + 0 : null;
    case "bigint":
      throw new NotPlain("a BigInt");
    case "object":
      return value === null ? null : copyOfObject(value, depth, key, budget);
    default:
      return undefined;
  }
}

function copyOfObject(value: object, depth: number, key: string, budget: Budget): unknown {
  if (depth >= maxDepth) throw new NotPlain(`a cycle, or more than ${maxDepth} levels`);
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON !== "function") return copyOfParts(value, depth, budget);
  const json: unknown = Reflect.apply(toJSON, value, [key]);
  // Not asked for its own toJSON: JSON calls one only.
  const isObject = typeof json === "object" && json !== null;
  return isObject ? copyOfParts(json, depth, budget) : copyOf(json, depth, key, budget);
}

function copyOfParts(value: object, depth: number, budget: Budget): unknown {
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) throw new NotPlain("binary data");
  if (isBoxedPrimitive(value)) return copyOf(value.valueOf(), depth, "", budget);
  return Array.isArray(value) ? copyOfList(value, depth, budget) : copyOfFields(value, depth, budget);
}

function copyOfList(list: readonly unknown[], depth: number, budget: Budget): unknown[] {
  spend(budget, list.length);
  const copy: unknown[] = [];
  for (let at = 0; at < list.length; at += 1)
    copy.push(copyOf(list[at], depth + 1, String(at), budget) ?? null);
  return copy;
}

function copyOfFields(fields: object, depth: number, budget: Budget): Record<string, unknown> {
  const names = Object.keys(fields);
  spend(budget, names.length);
  const copy: Record<string, unknown> = {};
  for (const name of names) {
    const value = copyOf((fields as Record<string, unknown>)[name], depth + 1, name, budget);
    if (value === undefined) continue;
    // An assignment to `__proto__` would change the copy's prototype.
    if (name === "__proto__") Object.defineProperty(copy, name, { value, enumerable: true });
    else copy[name] = value;
  }
  return copy;
}

function spend(budget: Budget, values: number): void {
  budget.left -= values;
  if (budget.left < 0) throw new NotPlain(`more than ${maxValues} values`);
}
