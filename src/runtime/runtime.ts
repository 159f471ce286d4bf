import { randomBytes } from "node:crypto";
import { listener, type OnEvent } from "../events/events.js";
import { clock, func, orElse } from "../options/checks.js";
import type { OptionCheck } from "../options/option-table.js";

/**
 * What factories take from the program around them: the network, the clock, randomness and whoever listens to
 * events. Each factory takes those of the five that it uses, under these names, so that one object serves all.
 * Throws nothing; each factory checks what it takes and throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { clientSecret, entraApp, onBehalfOf, protectedResource, userAccess, type Runtime } from "hosted-agent-identity";
 *
 * const runtime: Runtime = { timeoutMs: 5_000, onEvent: (event) => console.log(event.type) };
 * const entra = entraApp({
 *   tenantId: "00000000-0000-4000-8000-000000000001",
 *   clientId: "00000000-0000-4000-8000-000000000002",
 *   credential: clientSecret("the app's secret"),
 *   ...runtime,
 * });
 * const server = protectedResource({
 *   url: "https://contacts.example.com/mcp",
 *   serverLabel: "contacts",
 *   scopes: ["api://00000000-0000-4000-8000-000000000003/read"],
 *   audiences: ["00000000-0000-4000-8000-000000000003"],
 * });
 * export const contacts = userAccess(server, [onBehalfOf(entra)], runtime);
 * ```
 * @group Operations
 */
export interface Runtime {
  /** The network below, for example with a proxy. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: FetchLike | undefined;
  /**
   * A wall clock of your own, in milliseconds since 1970, for tests. What is kept then ages as this clock passes.
   * Default: the system's clock, with the process's steady clock beside it.
   */
  readonly now?: (() => number) | undefined;
  /** Random bytes for ids and for jitter, for tests. Default: `randomBytes` of `node:crypto`. */
  readonly random?: RandomBytes | undefined;
  /** Receives events to count and to alert on; nothing in them is secret. What it throws is ignored. */
  readonly onEvent?: OnEvent | undefined;
  /** How long one piece of work over the network may take, in milliseconds. Each factory has its own default. */
  readonly timeoutMs?: number | undefined;
}

/** The option `fetch`. Default: the global one, looked up at each call. */
export const fetchOption: OptionCheck<FetchLike> = orElse(
  func<FetchLike>("a function like fetch"),
  (input, init) => globalThis.fetch(input, init),
);

/** The option `random`. Default: `randomBytes` of `node:crypto`. */
const randomOption: OptionCheck<RandomBytes> = orElse(
  func<RandomBytes>("a function that gives so many random bytes"),
  randomBytes,
);

/** The checks of {@link Runtime}. `timeoutMs` is not among them: its range and default differ. */
export const runtimeOptions: {
  readonly fetch: OptionCheck<FetchLike>;
  readonly now: OptionCheck<() => number>;
  readonly random: OptionCheck<RandomBytes>;
  readonly onEvent: OptionCheck<OnEvent | undefined>;
} = {
  fetch: fetchOption,
  now: clock,
  random: randomOption,
  onEvent: listener,
};

/** The shape of `fetch` that factories, MCP transports and REST clients take. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Gives random bytes, as `randomBytes` of `node:crypto` does. */
export type RandomBytes = (length: number) => Uint8Array;

/** A number from 0 to 1, without 1: for jitter, which is no secret. */
export function fraction(random: RandomBytes): number {
  // Asking the system for four bytes costs more than all else that keeps a token.
  const [a = 0, b = 0, c = 0, d = 0] = forIds(random)(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}

/** A random UUID (RFC 9562, version 4). */
export function uuid(random: RandomBytes): string {
  const bytes = Uint8Array.from(random(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** In bytes: the ids of some fifty turns. */
const poolBytes = 4_096;

let pool: Uint8Array = new Uint8Array(0);
let at = 0;

/**
 * Random bytes for ids that everybody may see: from `randomBytes` of `node:crypto`, asked for many at once, because it
 * takes longer to ask than to get them. No byte is given twice. Keys and codes are not made of these: what is still to
 * be given is in memory beforehand.
 */
export function idBytes(length: number): Uint8Array {
  if (length > poolBytes) return randomBytes(length);
  if (at + length > pool.length) [pool, at] = [randomBytes(poolBytes), 0];
  at += length;
  return pool.subarray(at - length, at);
}

/** The random bytes of a factory, for what makes nothing but ids: those of a pool, unless the developer's own are given. */
export function forIds(random: RandomBytes): RandomBytes {
  return random === randomBytes ? idBytes : random;
}
