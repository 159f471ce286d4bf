import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { targetOf, write } from "../entra/http.js";
import type { Exchange, Handled } from "./exchange.js";
import { createResponse, invoke } from "./gateway.js";
import { headerPairs } from "./headers.js";
import { loggedHeaders, type FoundryRequest } from "./log.js";
import { Refused, refusalReply, refused } from "./refused.js";
import type { FoundryState } from "./state.js";
import { cancelResponse, deleteResponse, getResponse, listInputItems } from "./stored-responses.js";
import { completeConsent, openConsentLink } from "./toolbox/consent-pages.js";
import { toolboxEndpoint } from "./toolbox/endpoint.js";

interface Route {
  /** Below the project; `:name` is one segment. */
  readonly path: string;
  readonly methods: Readonly<Record<string, (exchange: Exchange) => Promise<Handled>>>;
  readonly side: FoundryRequest["side"];
  /** Whether `api-version` has to be there, or must not. A toolbox looks at it itself. */
  readonly apiVersion: "needed" | "forbidden" | "own";
}

const ofResponses: readonly Pick<Route, "path" | "methods">[] = [
  { path: "", methods: { POST: createResponse } },
  { path: "/:id", methods: { GET: getResponse, DELETE: deleteResponse } },
  { path: "/:id/cancel", methods: { POST: cancelResponse } },
  { path: "/:id/input_items", methods: { GET: listInputItems } },
];

const agent = "/agents/:agent/endpoint/protocols";
const toolbox = { POST: toolboxEndpoint, GET: toolboxEndpoint, DELETE: toolboxEndpoint };

/** Everything below `/api/projects/{project}`. */
const routes: readonly Route[] = [
  ...ofResponses.map((route): Route => ({
    ...route,
    path: `${agent}/openai/responses${route.path}`,
    side: "caller",
    apiVersion: "needed",
  })),
  // Source: azure/ai-projects 2.10.0, `getOpenAIClient`: no api-version there, and the agent in the body.
  ...ofResponses.map((route): Route => ({
    ...route,
    path: `/openai/v1/responses${route.path}`,
    side: "caller",
    apiVersion: "forbidden",
  })),
  { path: `${agent}/invocations`, methods: { POST: invoke }, side: "caller", apiVersion: "needed" },
  { path: "/toolboxes/:toolbox/mcp", methods: toolbox, side: "toolbox", apiVersion: "own" },
  { path: "/toolboxes/:toolbox/versions/:version/mcp", methods: toolbox, side: "toolbox", apiVersion: "own" },
];

const pages: readonly Route[] = [
  { path: "/login", methods: { GET: openConsentLink }, side: "consent", apiVersion: "own" },
  { path: "/redirect", methods: { GET: completeConsent }, side: "consent", apiVersion: "own" },
];

/** The HTTP side of the emulator, not yet listening. */
export function createFoundryServer(state: FoundryState): Server {
  return createServer((request, response) => void answer(state, request, response));
}

async function answer(
  state: FoundryState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort();
  });
  const url = targetOf(request, state.origin);
  const method = request.method ?? "";
  const found = routeOf(state, url);
  const entry = state.log.start({
    at: state.now(),
    side: found?.route.side ?? "caller",
    method,
    path: url.pathname,
    headers: loggedHeaders(headerPairs(request.rawHeaders)),
    status: 0,
  });
  const exchange = {
    state,
    request,
    response,
    url,
    method,
    entry,
    gone: left.signal,
    path: found?.path ?? {},
  };
  try {
    const handled = await handle(exchange, found?.route);
    if (handled === "reset" || left.signal.aborted) return void request.socket.destroy();
    if (handled === "written") return;
    entry.status = handled.status;
    write(response, handled);
  } catch (error) {
    if (left.signal.aborted) return;
    if (response.headersSent) return void request.socket.destroy();
    const refusal = error instanceof Refused ? error : refused("internal");
    if (!(error instanceof Refused)) entry.violations = [`the emulator failed: ${String(error)}`];
    entry.refusal = refusal.row;
    entry.status = refusal.facts.status;
    write(response, refusalReply(refusal));
  } finally {
    // What is left of a body that nobody wanted would hold up the connection.
    request.resume();
    state.log.finish(entry, entry.status);
  }
}

async function handle(exchange: Exchange, route: Route | undefined): Promise<Handled> {
  const { state, url, method, path } = exchange;
  if (route?.side === "caller" && state.faults.take("gateway") === "reset") return "reset";
  if (route === undefined) {
    const known = url.pathname.startsWith(`/api/projects/${state.project}/`);
    throw refused(known || !url.pathname.startsWith("/api/projects/") ? "route_unknown" : "project_unknown");
  }
  const run = Object.hasOwn(route.methods, method) ? route.methods[method] : undefined;
  if (run === undefined) throw refused("method_not_allowed");
  const version = url.searchParams.get("api-version");
  if (route.apiVersion === "forbidden" && version !== null) throw refused("api_version_not_allowed");
  if (route.apiVersion === "needed" && version === null) throw refused("api_version_missing");
  if (route.apiVersion === "needed" && version !== "v1") {
    throw refused("api_version_unknown", { version: version ?? "" });
  }
  const named = path["agent"];
  if (named !== undefined && named !== state.agentName) throw refused("agent_unknown", { agent: named });
  return run(exchange);
}

interface Found {
  readonly route: Route;
  readonly path: Readonly<Record<string, string>>;
}

function routeOf({ project }: FoundryState, url: URL): Found | undefined {
  const prefix = `/api/projects/${encodeURIComponent(project)}`;
  const below = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : undefined;
  const candidates = below === undefined ? pages : routes;
  for (const route of candidates) {
    const path = matched(route.path, below ?? url.pathname);
    if (path !== undefined) return { route, path };
  }
  return undefined;
}

function matched(pattern: string, pathname: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), pathname.split("/")];
  if (wanted.length !== given.length) return undefined;
  const path: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? "";
    if (!segment.startsWith(":")) {
      if (segment !== value) return undefined;
    } else {
      if (value === "") return undefined;
      path[segment.slice(1)] = decoded(value);
    }
  }
  return path;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
