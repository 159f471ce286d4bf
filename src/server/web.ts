import { warnOf } from "../errors/warn-of.js";
import { readBody } from "../turn/received-body.js";
import { admit, broken, type Admission } from "./admit.js";
import type { EntraAuthInfo } from "./auth-info.js";
import { isRefusal, parsed } from "./node.js";
import type { GateSettings } from "./settings.js";
import type { Refusal, Refusals } from "./refusal.js";
import { metadataAnswer } from "./resource-metadata.js";
import type { OpenSessions } from "./sessions.js";

/** What a web-standard MCP handler takes beside the request. The body of the request has been read. */
export interface FetchOptions {
  authInfo: EntraAuthInfo;
  parsedBody?: unknown;
}

/** Serves the metadata, and lets verified requests pass to a web-standard handler. */
export async function webGate(
  request: Request,
  next: (options: FetchOptions) => Response | Promise<Response>,
  settings: GateSettings,
  refuse: Refusals,
  sessions: OpenSessions,
): Promise<Response> {
  const { method, headers } = request;
  const document = metadataAnswer(settings, { method, path: new URL(request.url).pathname });
  if (document !== undefined) return toResponse(document, method);
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
      settings,
      refuse,
      sessions,
    );
  } catch (error) {
    if (isRefusal(error)) return toResponse(error, method);
    warnOf("protectMcpServer()", error);
    return toResponse(broken, method);
  }
  if ("refused" in outcome) return toResponse(outcome.refused, method);
  const { authInfo, body, answered } = outcome.admitted;
  const response = await next({ authInfo, parsedBody: body });
  answered(response.status, response.headers.get("mcp-session-id") ?? undefined);
  return response;
}

function toResponse({ status, headers, body }: Refusal, method: string): Response {
  return new Response(body === "" || method === "HEAD" ? null : body, { status, headers: { ...headers } });
}
