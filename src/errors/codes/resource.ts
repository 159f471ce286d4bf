import type { ErrorCodeFacts } from "../facts.js";

/**
 * Calling the protected resource, and Foundry's toolboxes.
 * @inline
 */
export type ResourceCode =
  | "url_not_allowed"
  | "redirect_refused"
  | "resource_unauthorized"
  | "insufficient_scope"
  | "shared_session"
  | "mcp_server_unreachable"
  | "mcp_server_failed"
  | "pool_busy"
  | "call_id_missing"
  | "toolbox_source_failed";

export const resourceCodes: Readonly<Record<ResourceCode, ErrorCodeFacts>> = {
  url_not_allowed: {
    category: "config",
    title: "The URL is not the configured resource; no token was sent.",
    help: "Use the resource's own URL, or configure a second protectedResource().",
  },
  redirect_refused: {
    category: "config",
    title: "The resource redirected to a URL that must not get its token.",
    help: "Configure the final URL in protectedResource().",
  },
  resource_unauthorized: {
    category: "config",
    title: "The resource refused a fresh token.",
    help: "Run hosted-agent-identity inspect on the token, and compare its audience and scopes with what the resource expects.",
  },
  insufficient_scope: {
    category: "config",
    title: "The resource asks for more scopes than are configured.",
    help: "Add the scopes in the message to protectedResource(), and consent to them.",
  },
  shared_session: {
    category: "config",
    title: "An MCP session belongs to another user.",
    help: "Use one MCP client per user: mcpClientPool().",
  },
  mcp_server_unreachable: {
    category: "retry",
    title: "An MCP server could not be reached, or its response was cut off; the turn then failed.",
    help: "Try again. If it keeps failing, check that the MCP server is running and that this host can reach it.",
  },
  mcp_server_failed: {
    category: "retry",
    title: "An MCP server answered with status 500 or higher; the turn then failed.",
    help: "Try again. If it keeps failing, check the logs of the MCP server, or of the gateway in front of it.",
  },
  pool_busy: {
    category: "throttle",
    title: "All clients of the pool are in use.",
    help: "End leases earlier, or raise max of mcpClientPool().",
  },
  call_id_missing: {
    category: "config",
    title: "The request has no x-agent-foundry-call-id, so Foundry cannot tell who the user is.",
    help: 'The platform uses container protocol 1.0.0 with this agent: declare version "2.0.0" in its protocol_versions and deploy again. Create the context from the request headers.',
  },
  toolbox_source_failed: {
    category: "config",
    title: "A source of the Foundry toolbox failed.",
    help: "Check the connection and the authentication type of the source in the message, in the Foundry project. One failing source makes the whole toolbox fail.",
  },
};
