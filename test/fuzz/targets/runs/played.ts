import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  responses,
  UserContext,
  type Turn,
} from "hosted-agent-identity";
import { withConsent, type WithConsentOptions } from "hosted-agent-identity/turn";
import { field, listIn, valueIn, type Input } from "../../target.js";
import type { WireEvent } from "./whole-response.js";
import { eventsIn, yieldedValue } from "./yielded.js";

/** What happened while a run was played. */
export interface Played {
  readonly events: readonly WireEvent[];
  /** What `onError` was told. */
  readonly told: readonly unknown[];
  /** How many runs began, and how often their `finally` ran. */
  readonly begun: number;
  readonly ended: number;
  /** Whether the reader left before the end. */
  readonly left: boolean;
  /** What `onEvent` was told of. */
  readonly dropped: readonly string[];
}

/** The run of an input, and what is known of it. */
interface Run {
  readonly run: (turn: Turn) => never;
  readonly options: WithConsentOptions;
  readonly played: { readonly told: unknown[]; readonly dropped: string[]; begun: number; ended: number };
}

/** So many values may one input come to. */
const mostYields = 200;
const mostValues = 150;

/** A context without a platform, so that no header has to be there. */
export function someone(): UserContext {
  return new UserContext({
    principal: { kind: "platform", project: "https://project.example.com", agent: "agent", id: "u" },
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
  });
}

/** The events that `withConsent()` makes of the run. */
export async function playedAlone(input: Input): Promise<Played> {
  const { run, options, played } = runOf(input);
  const prepare = field(input, "prepare");
  const controller = new AbortController();
  if (prepare === "cancelled")
    controller.abort(Object.assign(new Error("stop"), { name: "TurnCancelledByUser" }));
  if (prepare === "gone") controller.abort();
  const iterator = withConsent(run, {
    ...options,
    context: someone(),
    ...(prepare === ""
      ? {}
      : { signal: controller.signal, prepare: [{ token: async () => prepared(prepare) }] }),
    onConsentRequired: () => {
      if (field(input, "ends") === "bad prompt") throw new Error("the prompt is not kept");
    },
  });
  const leaves = leavesAfter(input);
  const events: WireEvent[] = [];
  let left = false;
  for await (const event of iterator) {
    if ((left = events.length === leaves)) break;
    events.push(JSON.parse(JSON.stringify(event)) as WireEvent);
  }
  return { ...played, events, left };
}

/** What `responses()` streams of the run. */
export async function playedStream(input: Input): Promise<Played> {
  const { run, options, played } = runOf(input);
  const response = await responses(run, options)(request(true), someone());
  const leaves = leavesAfter(input);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  for (;;) {
    if (chunks.length === leaves) {
      await reader.cancel();
      return { ...played, events: eventsOf(chunks), left: true };
    }
    const { done, value } = await reader.read();
    if (done) return { ...played, events: eventsOf(chunks), left: false };
    chunks.push(value);
  }
}

/** What `responses()` answers at once, as its last event. */
export async function playedPlain(input: Input): Promise<Pick<WireEvent, "response">> {
  const { run, options } = runOf(input);
  const response = await responses(run, options)(request(false), someone());
  return { response: (await response.json()) as never };
}

function leavesAfter(input: Input): number | undefined {
  const leaves = valueIn(input, "leaves");
  return typeof leaves === "number" && leaves >= 0 ? Math.ceil(leaves) : undefined;
}

/** A request that asks for a stream, or for none. */
export function request(stream: boolean): Request {
  return new Request("https://agent.example.com/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "hello", stream }),
  });
}

function eventsOf(chunks: readonly Uint8Array[]): WireEvent[] {
  const blocks = Buffer.concat(chunks).toString("utf8").split("\n\n");
  return blocks.slice(0, -1).map((block) => {
    const [name, data] = block.split("\n");
    const event = JSON.parse(data?.slice("data: ".length) ?? "") as WireEvent;
    if (name !== `event: ${event.type}`) throw new Error(`${name} tells of ${event.type}`);
    return event;
  });
}

async function prepared(how: string): Promise<string> {
  if (how === "consent") throw consent("https://login.example.com/consent");
  if (how === "fails") throw new Error("no token");
  return "token";
}

function consent(link: string): ConsentRequiredError {
  return new ConsentRequiredError([new ConsentRequest({ link, serverLabel: "contacts", reason: "consent" })]);
}

function runOf(input: Input): Run {
  const played: Run["played"] = { told: [], dropped: [], begun: 0, ended: 0 };
  const ends = field(input, "ends");
  const options: WithConsentOptions = {
    windDownMs: 20,
    ...(ends === "idle" ? { idleTimeoutMs: 1 } : {}),
    ...(ends === "late" ? { turnTimeoutMs: 1 } : {}),
    ...(ends === "no limits" ? { turnTimeoutMs: 0, idleTimeoutMs: 0 } : {}),
    ...(valueIn(input, "agent") === true ? { agentReference: { type: "agent_reference", name: "a" } } : {}),
    onError: (error) => void played.told.push(error),
    onEvent: (event) => void played.dropped.push(event.type),
  };
  const generator = async function* ({ signal }: Turn): AsyncGenerator<unknown> {
    played.begun += 1;
    try {
      for (const value of valuesOf(input)) yield value;
      await ending(ends, signal);
    } finally {
      played.ended += 1;
      cleanUp(ends);
    }
  };
  const runs: Readonly<Record<string, () => unknown>> = {
    "not iterable": () => 5,
    throws: () => {
      throw new Error("before it began");
    },
    iterator: () => bareIterator(valuesOf(input)),
    "late rejection": () => bareIterator([Promise.reject(new Error("late"))]),
    promise: async () => valuesOf(input),
    rejection: async () => {
      throw new Error("before it began");
    },
    object: () => ({}),
    list: () => [],
    nothing: () => ({ [Symbol.asyncIterator]: () => ({ next: () => undefined }) }),
  };
  const name = field(input, "run");
  return { run: (Object.hasOwn(runs, name) ? runs[name] : generator) as never, options, played };
}

/** One that has no `return`, gives what is no promise, and whose promises nobody waits for. */
function bareIterator(values: Iterable<unknown>): AsyncIterable<unknown> {
  const iterator = values[Symbol.iterator]();
  return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) as never };
}

/** The values of an input. */
export function* valuesOf(input: Input): Generator<unknown> {
  let left = mostYields;
  for (const given of [...eventsIn(field(input, "dice")), ...listIn(input, "yields")]) {
    const times = valueIn(given, "$") === "repeat" ? valueIn(given, "n") : undefined;
    for (let time = typeof times === "number" ? times : 1; time > 0 && left > 0; time -= 1) {
      left -= 1;
      yield yieldedValue(times === undefined ? given : valueIn(given, "of"), mostValues);
    }
  }
}

function cleanUp(how: string): void {
  if (how === "fails in finally") throw new Error("finally");
}

async function ending(how: string, signal: AbortSignal): Promise<void> {
  if (how === "breaks") throw new Error("the run's own");
  if (how === "throws nothing") throw undefined;
  if (how === "own error") throw new HostedAgentIdentityError("mcp_server_failed");
  if (how === "consent" || how === "bad prompt") throw consent("https://login.example.com/consent?a=b");
  if (how === "bad consent") throw consent("javascript:alert(1)");
  if (how === "idle" || how === "late")
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
