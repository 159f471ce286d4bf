import { authContextRequest } from "../entra/auth-context.js";
import { isUserTokenError, type UserTokenError } from "../errors.js";
import { warnOf } from "../errors/warn-of.js";
import { list } from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { readBody } from "../turn/received-body.js";
import { runInContext } from "../context/ambient.js";
import { endWithBody } from "../request/middleware.js";
import { admit, broken, gateOf, type Admission, type Gate } from "./admit.js";
import { authInfoOf, type EntraAuthInfo } from "./auth-info.js";
import { browserAnswer } from "./browsers.js";
import { nodeGate, nodeMetadata, type NodeMiddleware, isRefusal, parsed } from "./node.js";
import { changedResponse } from "./changed-answer.js";
import { lateAnswer } from "./late-answer.js";
import { gateSettings, type McpServerOptions } from "./options.js";
import { titleOf, type Refusal } from "./refusal.js";
import { resourceMetadata, type ResourceMetadata, metadataAnswer } from "./resource-metadata.js";
import type { GateSettings } from "./settings.js";
import { checkedRequirement, shortScope } from "./tool-requirements.js";

export type { FetchOptions };

/** `OAuthTokenVerifier` of both SDKs. */
export interface EntraTokenVerifier {
  verifyAccessToken(token: string): Promise<EntraAuthInfo>;
}

/**
 * The gate of one MCP server.
 * @group MCP server
 */
export interface McpServerGate {
  /**
   * For Express and `node:http`, on the route of the MCP endpoint, behind a body parser or without one. What passes
   * has `auth` and `body`; give the latter to the SDK: `handler(req, res, req.body)`. Nothing else passes: what a
   * `demand` or a clock of your own throws is answered 500 here, without its text, and warned of.
   */
  readonly middleware: NodeMiddleware;
  /** For Express and `node:http`, at the root: answers requests for the metadata, and passes every other one on. */
  readonly serveMetadata: NodeMiddleware;
  /** Where the metadata is. */
  readonly metadataUrl: string;
  readonly metadata: ResourceMetadata;
  /**
   * For web-standard hosts: gate and metadata in one. Give the options to SDK v2's `handler.fetch(request, options)`.
   * Rejects with what `next` throws, and with nothing else.
   */
  fetch(request: Request, next: (options: FetchOptions) => Response | Promise<Response>): Promise<Response>;
  /**
   * A verifier for the SDKs' own `requireBearerAuth`, which knows neither claims challenges nor sessions. It answers
   * 401 only for an error of its SDK, so that error has to be made here: `(message) => new InvalidTokenError(message)`
   * in v1, `(message) => new OAuthError(OAuthErrorCode.InvalidToken, message)` in v2.
   */
  verifier(invalidToken: (message: string) => Error): EntraTokenVerifier;
  /** The 401 that asks for a stronger or newer sign-in, for routes of your own. Throws `invalid_option`. */
  insufficientClaims(
    demand: { readonly authContext: string } | { readonly claims: string },
    authInfo?: EntraAuthInfo,
  ): Refusal;
  /** The 403 that says which scopes are needed (short names, all of them), for routes of your own. */
  insufficientScope(scopes: readonly string[]): Refusal;
}

/**
 * Lets an MCP server accept only Entra's tokens for itself: a listed tenant (both forms of issuer), the
 * server's own audience, scopes for every call and for single tools, applications only where they are allowed, and
 * MCP sessions only for who opened them. What it answers (401, 403, claims challenges) is what `userAccess().fetch`
 * reads, and any other client: nothing of the token is in it. Works with the servers of both MCP SDKs, and loads
 * neither. Makes no network call until the first token comes. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/server`.
 * Source: MCP 2026-07-28, authorization; RFC 6750; RFC 9728.
 *
 * @example
 * ```ts
 * import { createMcpExpressApp } from "@modelcontextprotocol/express";
 * import { toNodeHandler } from "@modelcontextprotocol/node";
 * import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
 * import { protectMcpServer } from "hosted-agent-identity/server";
 *
 * const gate = protectMcpServer({
 *   url: "https://contacts.example.com/mcp",
 *   app: { tenantId: process.env.AZURE_TENANT_ID ?? "", clientId: process.env.MCP_CLIENT_ID ?? "" },
 *   scopes: ["access_as_user"],
 *   tools: { delete_contact: { scopes: ["Contacts.Write"], authContext: "c1" } },
 * });
 * const handler = toNodeHandler(createMcpHandler(() => new McpServer({ name: "contacts", version: "1.0.0" })));
 *
 * const names = ["contacts.example.com"];
 * export const app = createMcpExpressApp({ host: "0.0.0.0", allowedHosts: names, allowedOrigins: names });
 * app.use(gate.serveMetadata);
 * app.all("/mcp", gate.middleware, (req, res) => handler(req, res, req.body));
 * ```
 * @group MCP server
 */
export function protectMcpServer(options: McpServerOptions): McpServerGate {
  const settings = gateSettings(options);
  const gate = gateOf(settings);
  const { refuse } = gate;
  return Object.freeze<McpServerGate>({
    middleware: nodeGate(gate),
    serveMetadata: nodeMetadata(settings),
    metadataUrl: settings.metadataUrl,
    metadata: resourceMetadata(settings),
    fetch: (request, next) => webGate(request, next, gate),
    verifier: (invalidToken) => ({
      verifyAccessToken: (token) => verifyAccessToken(token, settings, invalidToken),
    }),
    insufficientClaims(demand, authInfo) {
      const { authContext, claims } = checkedRequirement(demand);
      if (claims === undefined && authContext === undefined)
        throw invalid("protectMcpServer: demand", "expected authContext or claims, got neither.");
      const request = claims ?? authContextRequest(authContext ?? "");
      const { user, application } = authInfo?.extra ?? {};
      return refuse.insufficientClaims(request, (user ?? application)?.tid ?? settings.app.tenantId);
    },
    insufficientScope: (scopes) =>
      refuse.insufficientScope(list(shortScope).read(scopes, "insufficientScope: scopes")),
  });
}

async function verifyAccessToken(
  token: string,
  settings: GateSettings,
  invalidToken: (message: string) => Error,
): Promise<EntraAuthInfo> {
  try {
    return authInfoOf(await settings.verify(token), settings);
  } catch (error) {
    // Missing signing keys are no fault of the token: the SDKs answer 500, and no user has to sign in again.
    if (!isUserTokenError(error) || error.status === 503) throw error;
    throw invalidToken(titleOf((error satisfies UserTokenError).code));
  }
}

/** What a web-standard MCP handler takes beside the request. The body of the request has been read. */
interface FetchOptions {
  authInfo: EntraAuthInfo;
  parsedBody?: unknown;
}

/** Serves the metadata, and lets verified requests pass to a web-standard handler. */
async function webGate(
  request: Request,
  next: (options: FetchOptions) => Response | Promise<Response>,
  gate: Gate,
): Promise<Response> {
  const { settings } = gate;
  const { method, headers } = request;
  const document = metadataAnswer(settings, { method, path: new URL(request.url).pathname });
  if (document !== undefined) return toResponse(document, method);
  const browser = browserAnswer(settings.browserOrigins, {
    method,
    header: (name) => headers.get(name) ?? undefined,
  });
  if (browser.isPreflight) return new Response(null, { status: 204, headers: { ...browser.headers } });
  const response = await admitted(request, next, gate);
  const extra = Object.entries(browser.headers);
  if (extra.length === 0) return response;
  // A copy: the headers of a response may be immutable, with a host's own Response also those of a new one.
  const changed = new Headers(response.headers);
  for (const [name, value] of extra) changed.append(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers: changed });
}

/** Refuses a request, or lets it pass. */
async function admitted(
  request: Request,
  next: (options: FetchOptions) => Response | Promise<Response>,
  gate: Gate,
): Promise<Response> {
  const { settings } = gate;
  const { method, headers } = request;
  const authorization = headers.get("authorization");
  let outcome: Admission;
  try {
    outcome = await admit(
      {
        method,
        authorization: authorization === null ? [] : [authorization],
        sessionId: headers.get("mcp-session-id") ?? undefined,
        body: async () => parsed(await readBody(request.body, settings.maxBodyBytes)),
      },
      gate,
    );
  } catch (error) {
    if (isRefusal(error)) return toResponse(error, method);
    warnOf("protectMcpServer()", error);
    return toResponse(broken, method);
  }
  if ("refused" in outcome) return toResponse(outcome.refused, method);
  const { authInfo, body, person, answered } = outcome.admitted;
  const options = { authInfo, parsedBody: body };
  const noted = (response: Response): Response => {
    answered(response.status, response.headers.get("mcp-session-id") ?? undefined);
    return response;
  };
  if (person === undefined) return noted(await next(options));
  const { context } = person;
  try {
    const response = noted(await runInContext(context, async () => next(options)));
    const late = lateAnswer(person);
    const answer = late === undefined ? response : await changedResponse(response, late);
    return endWithBody(answer, context, request.signal);
  } catch (error) {
    context.end();
    throw error;
  }
}

function toResponse({ status, headers, body }: Refusal, method: string): Response {
  return new Response(body === "" || method === "HEAD" ? null : body, { status, headers: { ...headers } });
}
