import { challengeHeader, parseChallenges } from "../../access/challenges.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { Finding } from "../finding.js";
import { objectIn, probe, Unreachable, type Probed } from "./probe.js";

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "hosted-agent-identity doctor", version: "1" },
  },
});

interface Asked {
  readonly resource: ProtectedResource | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Whether the MCP server asks for a token, and what its metadata says. URLs in it are shown and never followed:
 * tokens come from the configured cloud, whatever authorization server the metadata names.
 */
export async function checkMcpServer(asked: Asked): Promise<readonly Finding[]> {
  const { resource } = asked;
  if (resource === undefined) return [];
  const check = "mcp_server";
  try {
    const answer = await probe(
      resource.url,
      {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: initialize,
      },
      asked,
    );
    return [challenge(resource, answer), await metadata(resource, asked)];
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return [
      {
        check,
        status: "fail",
        detail: `${resource.url} could not be reached (${error.message}).`,
        fix: "Check MCP_URL; start the server.",
      },
    ];
  }
}

function challenge({ url }: ProtectedResource, { status, headers }: Probed): Finding {
  const check = "mcp_server";
  if (status >= 300 && status < 400)
    return {
      check,
      status: "fail",
      detail: `${url} redirects (${status}) to ${quoted(headers.get("location"))}.`,
      fix: "Set MCP_URL to the final URL: a token is sent only to the configured one.",
    };
  if (status < 300)
    return {
      check,
      status: "fail",
      detail: `${url} answers ${status} without a token: it is not protected and cannot know who the user is.`,
      fix: "Make the server require an Entra token (401 with WWW-Authenticate: Bearer).",
    };
  if (status !== 401)
    return {
      check,
      status: "fail",
      detail: `${url} answers ${status} without a token; expected 401.`,
      fix: status === 404 ? "Check the path of MCP_URL." : "Check MCP_URL and the server's log.",
    };
  const bearer = parseChallenges(challengeHeader(headers)).find(({ scheme }) => scheme === "bearer");
  if (bearer === undefined)
    return {
      check,
      status: "warn",
      detail: `${url} answers 401 without a Bearer challenge.`,
      fix: "Make the server send WWW-Authenticate: Bearer with resource_metadata. If it does, a gateway in front of it takes the header off.",
    };
  const at = bearer.parameters["resource_metadata"];
  return {
    check,
    status: "ok",
    detail: `${url} answers 401 and asks for a Bearer token${at === undefined ? "" : `; resource_metadata ${quoted(at)}`}.`,
  };
}

/** Fetched only from the RFC 9728 path on the configured host. */
async function metadata(resource: ProtectedResource, asked: Asked): Promise<Finding> {
  const check = "mcp_metadata";
  const { origin, pathname } = new URL(resource.url);
  const places = [
    `${origin}/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}`,
    `${origin}/.well-known/oauth-protected-resource`,
  ];
  for (const place of places) {
    const { status, text } = await probe(place, { headers: { accept: "application/json" } }, asked);
    const document = status === 200 ? objectIn(text) : undefined;
    if (document !== undefined) return judged(resource, document);
  }
  return {
    check,
    status: "warn",
    detail: "There is no protected-resource metadata (RFC 9728).",
    fix: "This package does not need it; other MCP clients look for it.",
  };
}

function judged({ scopes }: ProtectedResource, document: Readonly<Record<string, unknown>>): Finding {
  const { resource, authorization_servers: servers, scopes_supported: supported } = document;
  const check = "mcp_metadata";
  const detail = `resource ${quoted(resource)}, authorization_servers ${quoted(servers)}, scopes_supported ${quoted(supported)}; shown, not followed.`;
  const short = scopes.map((scope) => scope.slice(scope.lastIndexOf("/") + 1));
  const listed = Array.isArray(supported) ? supported.map(String) : undefined;
  const matches =
    listed === undefined || [...scopes, ...short].some((one) => listed.includes(one) || one === ".default");
  return matches
    ? { check, status: "ok", detail }
    : {
        check,
        status: "warn",
        detail,
        fix: `The server lists scopes other than ${scopes.map((one) => quoted(one)).join(", ")}: check MCP_SCOPE.`,
      };
}

/** An untrusted value, shortened. */
function quoted(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
