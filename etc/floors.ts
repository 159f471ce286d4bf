/**
 * The floors of `src`, lowest first, with what each folder is for. A file imports from its own folder and from the
 * floors below, never from its own floor or above. `npm run house -- --write` makes the rules in `.oxlintrc.json`
 * and the table in `docs/architecture.md` from this list; `npm test` fails when they differ.
 */
export const floors: readonly Readonly<Record<string, string>>[] = [
  {
    async: "deadlines, clocks, single flight, bounded and expiring maps",
    input: "limits on text and JSON from outside",
  },
  { errors: "error classes, and the table of codes" },
  { options: "how options are declared and checked" },
  { events: "what `onEvent` and traces receive" },
  { runtime: "what every factory takes: `fetch`, clock, random bytes, listener" },
  {
    entra: "facts about Entra: clouds, claims, AADSTS codes",
    foundry: "facts about Foundry: headers, items",
  },
  { sealing: "digests, keys, sealed records" },
  { context: "the user context: carries it through the request, ends it, keeps its secrets beside it" },
  { "user-token": "verifies user tokens: signature, issuer, audience, lifetime, person" },
  { request: "turns a request into a user context, or refuses it" },
  { consent: "consent requests: items, links and their policy, what an error asks for" },
  { exchange: "requests to Entra: credentials, MSAL, the proof of whose token came back" },
  { sources: "protected resources and token sources" },
  { tokens: "asks the sources, and caches their tokens" },
  { access: "the authenticated `fetch`: URL match, challenges, MCP sessions" },
  {
    mcp: "auth objects for both MCP SDKs, the client pool",
    toolbox: "Foundry's toolboxes",
    "sign-in": "the sign-in service: flow, binding, grants, stores, pages",
    turn: "runs a turn: text in, events of the Responses protocol out",
  },
  {
    server: "the MCP server's side: verifies tokens there",
    http: "adapters for Express, Fastify, Hono and `node:http`",
    otel: "spans and metrics",
  },
  { cli: "the command line" },
];

/**
 * Folders outside the order, with all they may import. The emulators repeat facts instead of importing them, so that
 * one wrong fact is not wrong on both sides of a test. Their entry, `index.ts`, may import from anywhere.
 */
export const apart: Readonly<
  Record<string, { readonly about: string; readonly imports: readonly string[] }>
> = {
  testing: {
    about: "emulators of Entra and Foundry, suites for stores and isolation",
    imports: ["async", "input", "errors", "options", "events"],
  },
};

/** Packages that one folder alone may import. */
export const reserved: Readonly<Record<string, string>> = { otel: "@opentelemetry/" };
