import { invalid } from "../options/invalid.js";

/**
 * The headers of a request as they go out, read once from any form that `fetch` takes: `Headers` of any implementation,
 * pairs, a `Map`, a record. Names are in lower case, values without white space around them, and a name that comes in
 * several spellings has its values in one, as `fetch` joins them. `Host` is left out, because the URL says it. Throws
 * `invalid_option`, which names the header and quotes no value: the runtime's own error quotes it whole. Source: fetch.spec.whatwg.org, section 2.2.2.
 */
export function outgoingHeaders(given: unknown): Record<string, string> {
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
