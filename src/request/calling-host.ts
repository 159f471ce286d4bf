import { HostedAgentIdentityError } from "../errors.js";

/** The kinds of hosts that call a handler or middleware, told apart by the first argument they give. */
export type CallingHost = "web" | "node" | "express" | "fastify" | "fastify request" | "hono";

const hosts: Readonly<Record<CallingHost, readonly [host: string, entry: string]>> = {
  web: ["a web-standard host", "hosted-agent-identity"],
  node: ["node:http", "hosted-agent-identity/node"],
  express: ["Express", "hosted-agent-identity/express"],
  fastify: ["app.register() of Fastify", "hosted-agent-identity/fastify"],
  "fastify request": ["a hook or route of Fastify", "hosted-agent-identity/fastify"],
  hono: ["Hono", "hosted-agent-identity/hono"],
};

/** The functions that every entry has under the same name, and where Fastify takes each. */
const places = {
  userContext: { kind: "fastify request", advice: ", and give it to app.register()" },
  responses: { kind: "fastify", advice: ", and give it to a route, such as app.post()" },
  invocations: { kind: "fastify", advice: ", and give it to a route, such as app.post()" },
} as const;

/**
 * Refuses to work for another kind of host, whose arguments have another shape: nobody would be verified. An argument
 * of no known kind passes, because hosts may have request objects of their own. Throws `invalid_option`.
 */
export function refuseOtherHosts(
  what: keyof typeof places,
  entry: string,
  known: readonly CallingHost[],
  first: unknown,
): void {
  const kind = callingHost(first);
  if (kind === undefined || known.includes(kind)) return;
  const [host, right] = hosts[kind];
  const place = places[what];
  throw new HostedAgentIdentityError(
    "invalid_option",
    `${what}() of ${entry} was called by ${host}, whose requests it cannot read. Import it from "${right}"${kind === place.kind ? place.advice : ""}.`,
  );
}

function callingHost(first: unknown): CallingHost | undefined {
  const { addHook, app, headers, raw, rawHeaders, req } = Object(first) as Readonly<Record<string, unknown>>;
  if (Array.isArray(rawHeaders)) return typeof app === "function" ? "express" : "node";
  if (typeof addHook === "function") return "fastify";
  if (Array.isArray(fieldOf(raw, "rawHeaders"))) return "fastify request";
  if (typeof fieldOf(fieldOf(fieldOf(req, "raw"), "headers"), "get") === "function") return "hono";
  return typeof fieldOf(headers, "get") === "function" ? "web" : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return (Object(value) as Readonly<Record<string, unknown>>)[name];
}

/** One header after another, as they came: a header that comes twice is two pairs. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/**
 * Headers in any of the usual shapes: `Headers`, pairs, or an object. Node's `headersDistinct` shows every
 * repeat; its `headers` drops a second `authorization`.
 */
export type HeadersLike =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers as pairs, names in lower case. */
export function headerPairs(headers: HeadersLike): HeaderPairs {
  if (Symbol.iterator in headers) {
    return Array.from(headers as Iterable<readonly [string, string]>, ([name, value]) => pair(name, value));
  }
  return Object.entries(headers).flatMap(([name, value = []]) =>
    (typeof value === "string" ? [value] : value).map((one) => pair(name, one)),
  );
}

/** Node's `rawHeaders` (name, value, name, value, ...) as pairs, names in lower case. */
export function rawHeaderPairs(rawHeaders: readonly string[]): HeaderPairs {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push(pair(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""));
  }
  return pairs;
}

/** Every value a header came with, in order. The name is given in lower case. */
export function valuesOf(pairs: HeaderPairs, name: string): readonly string[] {
  return pairs.filter(([one]) => one === name).map(([, value]) => value);
}

function pair(name: string, value: string): readonly [string, string] {
  return [name.toLowerCase(), value];
}
