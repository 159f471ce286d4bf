import { HostedAgentIdentityError } from "../errors.js";

/** The kinds of hosts that call a middleware, told apart by the first argument they give. */
export type CallingHost = "web" | "node" | "express" | "fastify" | "fastify hook" | "hono";

const entries: Readonly<Record<CallingHost, readonly [host: string, advice: string]>> = {
  web: ["a web-standard host", 'Import it from "hosted-agent-identity".'],
  node: ["node:http", 'Import it from "hosted-agent-identity/node".'],
  express: ["Express", 'Import it from "hosted-agent-identity/express".'],
  fastify: ["Fastify", 'Import it from "hosted-agent-identity/fastify".'],
  "fastify hook": [
    "a hook of Fastify",
    'Import it from "hosted-agent-identity/fastify", and give it to app.register().',
  ],
  hono: ["Hono", 'Import it from "hosted-agent-identity/hono".'],
};

/**
 * Refuses to work for a host of another kind: with arguments of another shape nobody would be verified. What is of no
 * known kind is let through, because hosts have requests of their own. Throws `invalid_option`.
 */
export function refuseOtherHosts(entry: string, known: readonly CallingHost[], first: unknown): void {
  const kind = callingHost(first);
  if (kind === undefined || known.includes(kind)) return;
  const [host, advice] = entries[kind];
  throw new HostedAgentIdentityError(
    "invalid_option",
    `userContext() of ${entry} was called by ${host}, whose requests it cannot read. ${advice}`,
  );
}

function callingHost(first: unknown): CallingHost | undefined {
  const { addHook, app, headers, raw, rawHeaders, req } = Object(first) as Readonly<Record<string, unknown>>;
  if (Array.isArray(rawHeaders)) return typeof app === "function" ? "express" : "node";
  if (typeof addHook === "function") return "fastify";
  if (Array.isArray(fieldOf(raw, "rawHeaders"))) return "fastify hook";
  if (typeof fieldOf(fieldOf(fieldOf(req, "raw"), "headers"), "get") === "function") return "hono";
  return typeof fieldOf(headers, "get") === "function" ? "web" : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return (Object(value) as Readonly<Record<string, unknown>>)[name];
}
