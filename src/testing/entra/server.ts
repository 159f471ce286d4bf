import { randomUUID } from "node:crypto";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { adminConsent } from "./admin-consent.js";
import { authorize, signInForm } from "./authorize.js";
import type { EntraCall } from "./call.js";
import { instanceDiscovery, openIdConfiguration } from "./discovery.js";
import { applyFaults, createSwapper, type Swapper } from "./faults.js";
import { html, json, readBody, targetOf, write, type Reply, redirect } from "./http.js";
import { loggedHeaders, redactedParams, type EntraRequest } from "./log.js";
import { managedIdentityToken } from "./managed-identity.js";
import { errorPage, messagePage } from "./pages.js";
import type { PolicySubject } from "./policies.js";
import { Refused, refusalBody, refused } from "./refused.js";
import { forget } from "./sessions.js";
import type { EntraState } from "./state.js";
import { tokenEndpoint, understandTokenRequest } from "./token-endpoint.js";

interface Route {
  readonly methods: readonly string[];
  readonly endpoint?: PolicySubject["endpoint"];
  /** What errors look like: JSON, or a page for people. */
  readonly errors: "json" | "page";
  readonly handle: (call: EntraCall) => Reply | Promise<Reply>;
}

const authorizeRoute: Route = {
  methods: ["GET", "POST"],
  endpoint: "authorize",
  errors: "page",
  handle: authorize,
};
const logoutRoute: Route = { methods: ["GET"], errors: "page", handle: logout };
const adminConsentRoute: Route = { methods: ["GET", "POST"], errors: "page", handle: adminConsent };

/** What follows the tenant in the path. */
const routes: Record<string, Route> = {
  "v2.0/.well-known/openid-configuration": metadataRoute(2),
  ".well-known/openid-configuration": metadataRoute(1),
  "discovery/v2.0/keys": keysRoute(),
  "discovery/keys": keysRoute(),
  "discovery/instance": {
    methods: ["GET"],
    endpoint: "discovery",
    errors: "json",
    handle: ({ state, params }) => json(200, instanceDiscovery(state, params.get("authorization_endpoint"))),
  },
  "oauth2/v2.0/token": {
    methods: ["POST"],
    endpoint: "token",
    errors: "json",
    handle: ({ state, request, params, tenant, entry }) =>
      tokenEndpoint(state, request, params, tenant, entry),
  },
  "oauth2/v2.0/authorize": authorizeRoute,
  "oauth2/v2.0/logout": logoutRoute,
  "oauth2/logout": logoutRoute,
  "v2.0/adminconsent": adminConsentRoute,
  adminconsent: adminConsentRoute,
  login: { methods: ["POST"], errors: "page", handle: signInForm },
};

function metadataRoute(version: 1 | 2): Route {
  return {
    methods: ["GET"],
    endpoint: "discovery",
    errors: "json",
    handle: ({ state, segment, tenant }) =>
      json(200, openIdConfiguration(state, segment, tenant?.id, version)),
  };
}

function keysRoute(): Route {
  return {
    methods: ["GET"],
    endpoint: "keys",
    errors: "json",
    handle: ({ state, tenant }) =>
      json(200, state.keys.published(`${state.origin}/${tenant?.id ?? "{tenantid}"}/v2.0`)),
  };
}

/** The HTTP side of the emulator, not yet listening. */
export function createEntraServer(state: EntraState): Server {
  const swapper = createSwapper();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(state, swapper, request, response);
  };
  const { tls } = state.options;
  return tls === undefined ? createHttpServer(listener) : createHttpsServer({ ...tls }, listener);
}

async function answer(
  state: EntraState,
  swapper: Swapper,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const url = targetOf(request, state.origin);
  const entry = state.log.start({
    at: state.now(),
    method: request.method ?? "",
    path: url.pathname,
    headers: loggedHeaders(request.headers),
    status: 0,
  });
  try {
    const reply = await route({ state, swapper, request, response, url, entry, signal: gone.signal });
    if (reply === "cut") {
      request.socket.destroy();
    } else if (reply !== "silent") {
      entry.status = reply.status;
      write(response, reply);
    }
  } catch (error) {
    if (gone.signal.aborted) return;
    entry.status = 500;
    write(response, json(500, { error: "server_error", error_description: String(error) }));
  } finally {
    state.options.log?.(entry);
  }
}

interface Exchange {
  readonly state: EntraState;
  readonly swapper: Swapper;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly entry: EntraRequest;
  readonly signal: AbortSignal;
}

async function route(exchange: Exchange): Promise<Reply | "cut" | "silent"> {
  const { state, request, url, entry } = exchange;
  const method = request.method ?? "";
  if (url.pathname === "/msi/token") {
    entry.params = redactedParams(url.searchParams);
    return managedIdentityToken(state, request, url.searchParams, entry);
  }
  const [segment = "", ...rest] = url.pathname.slice(1).split("/");
  const path = rest.join("/");
  const found = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (found === undefined) return html(404, errorPage(["There is no such page."]));
  if (method === "OPTIONS") return preflight(request);
  if (!found.methods.includes(method)) return json(405, {}, { allow: found.methods.join(", ") });
  const params = method === "POST" ? new URLSearchParams(await readBody(request)) : url.searchParams;
  entry.params = redactedParams(params);
  try {
    return await handle(exchange, found, segment, params);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refusalReply(exchange, found, params, error);
  }
}

async function handle(
  { state, swapper, request, entry, signal }: Exchange,
  { endpoint, handle: run }: Route,
  segment: string,
  params: URLSearchParams,
): Promise<Reply | "cut" | "silent"> {
  const subject: PolicySubject | undefined =
    endpoint === "token"
      ? understandTokenRequest(state, request, params, entry)
      : endpoint === undefined
        ? undefined
        : { endpoint };
  const swap = endpoint === "token" && subject ? state.policies.take(["swap"], subject) : undefined;
  const fault = subject && (await applyFaults(state.policies, subject, signal));
  if (fault?.kind === "reply") return fault.reply;
  if (fault !== undefined) return fault.kind === "reset" ? "cut" : "silent";

  const tenant = state.directory.tenant(segment);
  if (tenant !== undefined) entry.tenant = tenant.id;
  if (tenant === undefined && !["common", "organizations", "consumers"].includes(segment)) {
    throw refused("tenant_unknown", { tenant: segment });
  }
  const reply = await run({ state, request, method: request.method ?? "", segment, tenant, params, entry });
  return swap === undefined ? reply : swapper.swap(swap.id, reply);
}

function refusalReply(
  { state, request, entry }: Exchange,
  { errors }: Route,
  params: URLSearchParams,
  refusal: Refused,
): Reply {
  const given = request.headers["client-request-id"] ?? params.get("client-request-id");
  const correlationId = typeof given === "string" && /^[0-9a-f-]{36}$/i.test(given) ? given : randomUUID();
  const body = refusalBody(refusal, { now: state.now(), correlationId, origin: state.origin });
  entry.error = body.error;
  entry.errorCodes = body.error_codes;
  if (errors === "page") return html(refusal.facts.status, errorPage([body.error_description]));
  return json(refusal.facts.status, body, {
    "x-ms-request-id": body.trace_id,
    "client-request-id": correlationId,
    ...(refusal.retryAfterS === undefined ? {} : { "retry-after": String(refusal.retryAfterS) }),
    ...(request.headers.origin === undefined
      ? {}
      : { "access-control-allow-origin": request.headers.origin }),
  });
}

/** Single-page apps redeem their codes from the browser. */
function preflight(request: IncomingMessage): Reply {
  const headers = {
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
  };
  return { status: 204, headers, body: "" };
}

/** Signs the browser out. A redirect goes only to a URI that some app registered. */
function logout({ state, request, params }: EntraCall): Reply {
  forget(state, request);
  const target = params.get("post_logout_redirect_uri");
  const registered = state.directory.apps.some((app) =>
    state.directory.additions(app).redirectUris.some(({ uri }) => uri === target),
  );
  if (target === null || !registered)
    return html(200, messagePage("You signed out of your account", "You may close this page."));
  const back = new URL(target);
  const given = params.get("state");
  if (given !== null) back.searchParams.set("state", given);
  return redirect(back.href);
}
