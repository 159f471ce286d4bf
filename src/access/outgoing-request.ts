import { outgoingHeaders } from "./outgoing-headers.js";

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
