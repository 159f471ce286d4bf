import { invalid } from "../options/invalid.js";

/**
 * A request as it goes out. Everything of it was read from the caller's objects once: a URL that is changed meanwhile, a
 * getter or a `toString` that answers otherwise the second time would have something else sent than was checked.
 */
export interface OutgoingRequest {
  readonly href: string;
  readonly init: OutgoingInit;
}

export type OutgoingInit = Omit<RequestInit, "method" | "headers"> & {
  /** As `fetch` writes it: those of HTTP in capital letters. */
  readonly method: string;
  /** As they go out, but for the token: see `outgoingHeaders`. */
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Reads what `fetch` was called with, as `fetch` does: a `Request`, also one of another implementation, is taken apart,
 * and `init` comes before it. Throws `invalid_option` for headers that no request can have, and what the caller's
 * objects throw.
 */
export function outgoingRequest(
  input: string | URL | Request,
  init: RequestInit | undefined,
): OutgoingRequest {
  const members: Members = {};
  if (!isRequest(input)) {
    if (init !== undefined && init !== null) addMembers(members, init);
    return { href: String(input), init: completed(members) };
  }
  const { url, method, headers, body, redirect, signal } = input;
  Object.assign(members, { method, headers, body, redirect, signal });
  if (body !== null) members["duplex"] = "half";
  if (init !== undefined && init !== null) addMembers(members, init);
  return { href: String(url), init: completed(members) };
}

/** Whether a body can be sent a second time: a stream is gone once it has been read. */
export function canSendAgain(body: RequestInit["body"]): boolean {
  return (
    !(body instanceof ReadableStream) &&
    !(typeof body === "object" && body !== null && Symbol.asyncIterator in body)
  );
}

type Members = Record<string, unknown>;

/** `Request` has its members on its prototype, and one of another implementation is no instance of ours. */
function isRequest(input: string | URL | Request): input is Request {
  if (input instanceof Request) return true;
  if (typeof input !== "object" || input === null || "href" in input) return false;
  return "url" in input && "method" in input && "headers" in input;
}

/** Adds the members of an `init` that are given. */
function addMembers(members: Members, init: RequestInit): void {
  for (const name of Object.keys(init)) addMember(members, init, name);
  const prototype: unknown = Object.getPrototypeOf(init);
  if (prototype === Object.prototype || prototype === null) return;
  // A request may be given for an `init`, too: its members are getters of its class.
  for (const name of initMembers) if (!Object.hasOwn(init, name)) addMember(members, init, name);
}

function addMember(members: Members, init: RequestInit, name: string): void {
  const value: unknown = Reflect.get(init, name);
  if (value !== undefined) members[name] = value;
}

/** Source: fetch.spec.whatwg.org, RequestInit. */
const initMembers = [
  "method",
  "headers",
  "body",
  "referrer",
  "referrerPolicy",
  "mode",
  "credentials",
  "cache",
  "redirect",
  "integrity",
  "keepalive",
  "signal",
  "duplex",
  "priority",
] as const;

/** The members, with the method and the headers as they go out. */
function completed(members: Members): OutgoingInit {
  const { method = "GET", headers } = members;
  return Object.assign(members, { method: methodOf(String(method)), headers: outgoingHeaders(headers) });
}

function methodOf(given: string): string {
  if (given === "POST" || given === "GET") return given;
  return /^(?:delete|get|head|options|post|put)$/i.test(given) ? given.toUpperCase() : given;
}

/**
 * The headers of a request as they go out, read once from any form that `fetch` takes: `Headers` of any implementation,
 * pairs, a `Map`, a record. Names are in lower case, values without white space around them, and a name that comes in
 * several spellings has its values in one, as `fetch` joins them. `Host` is left out, because the URL says it. Throws
 * `invalid_option`, which names the header and quotes no value: the runtime's own error quotes it whole. Source: fetch.spec.whatwg.org, section 2.2.2.
 */
function outgoingHeaders(given: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (given === undefined || given === null) return headers;
  if (given instanceof Headers) given.forEach((value, name) => add(headers, name, value));
  else if (isIterable(given)) for (const pair of given) addPair(headers, pair);
  else for (const name of Object.keys(given)) add(headers, name, (given as Record<string, unknown>)[name]);
  return headers;
}

function add(headers: Record<string, string>, givenName: unknown, givenValue: unknown): void {
  const name = isUsual(givenName) ? givenName : nameOf(givenName);
  // An object has no entry of the second name, and neither have the headers of Node's own `fetch`.
  if (name === "host" || name === "__proto__") return;
  const value = trimmed(String(givenValue));
  if (!isValue.test(value))
    throw invalid(`fetch: headers[${JSON.stringify(name)}]`, "expected a value that a header can have.");
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
  headers[name] = before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`;
}

/** Those of nearly every request, which need no second look. */
const usualNames: ReadonlySet<unknown> = new Set([
  "accept",
  "content-type",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "user-agent",
]);

function isUsual(name: unknown): name is string {
  return usualNames.has(name);
}

function nameOf(given: unknown): string {
  const name = String(given).toLowerCase();
  if (!isName.test(name)) throw invalid("fetch: headers", "expected names that a header can have.");
  return name;
}

function addPair(headers: Record<string, string>, pair: unknown): void {
  const parts: readonly unknown[] = isIterable(pair) ? [...pair] : [];
  if (parts.length !== 2) throw invalid("fetch: headers", "expected pairs of a name and a value.");
  add(headers, parts[0], parts[1]);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** Source: RFC 9110, section 5.6.2. */
const isName = /^[!#$%&'*+\-.^_`|~\da-z]+$/;

/** What Node sends. Source: RFC 9110, section 5.5. */
const isValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Without white space of HTTP around it. No regular expression: one would try every run of it to the end. */
function trimmed(value: string): string {
  let [from, to] = [0, value.length];
  while (from < to && isSpace(value.charCodeAt(from))) from += 1;
  while (to > from && isSpace(value.charCodeAt(to - 1))) to -= 1;
  return from === 0 && to === value.length ? value : value.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** Whether a request may be one of JSON-RPC, or resumes the answer to one. */
export function mayBeRpc({ method, headers, body }: OutgoingInit): boolean {
  return method === "POST" ? typeof body === "string" : headers["last-event-id"] !== undefined;
}
