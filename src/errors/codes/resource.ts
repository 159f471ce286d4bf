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
  | "legacy_transport"
  | "mcp_server_unreachable"
  | "mcp_server_failed"
  | "mcp_session_lost"
  | "mcp_open_timeout"
  | "pool_busy"
  | "call_id_missing"
  | "toolbox_source_failed"
  | "elicitation_not_allowed"
  | "elicitation_repeated"
  | "standalone_stream_refused";

export const resourceCodes: Readonly<Record<ResourceCode, ErrorCodeFacts>> = {
  url_not_allowed: {
    category: "config",
    title: "The URL is not the configured resource; no token was sent.",
    help: "Use the resource's own URL, or configure a second protectedResource().",
  },
  redirect_refused: {
    category: "config",
    title: "The resource redirected to a URL that must not get its token.",
    help: "Configure the final URL in protectedResource(). If it is a sign-in page, let the server, or the gateway in front of it, answer 401 instead of redirecting.",
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
  legacy_transport: {
    category: "config",
    title: "The MCP server speaks only the older HTTP+SSE transport at this address.",
    help: 'Look for its Streamable HTTP address. Where it has none, use SSEClientTransport of SDK v1 in a client for each turn, standaloneStream: "allow", and a protectedResource() whose URL is above both of its addresses.',
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
  mcp_session_lost: {
    category: "retry",
    title: "The MCP server no longer knows the MCP session of the client.",
    help: "Call again with a new client: mcpClientPool() opens one, in use() at once, else for the next lease. If it happens without a restart, send each session to the replica that opened it, or run the server without sessions.",
  },
  mcp_open_timeout: {
    category: "retry",
    title: "An MCP client was not open in time.",
    help: "Try again. If the MCP server is slow to start, raise openMs of mcpClientPool().",
  },
  pool_busy: {
    category: "throttle",
    title: "All clients of the pool are in use.",
    help: "End leases earlier, or raise max of mcpClientPool().",
  },
  call_id_missing: {
    category: "config",
    title: "The request has no x-agent-foundry-call-id, so Foundry cannot tell who the user is.",
    help: "Call the agent through Foundry, and create the context from the request headers. In a test, let startFoundry() or the headers name the call.",
  },
  toolbox_source_failed: {
    category: "config",
    title: "A source of the Foundry toolbox failed.",
    help: "Check the connection and the authentication type of the source in the message, in the Foundry project. One failing source makes the whole toolbox fail.",
  },
  elicitation_not_allowed: {
    category: "config",
    title: "An MCP server asks the user to open a URL that its resource does not allow.",
    help: "Add the origin in the message, with the path of its pages, to elicitation.allowedLinks of protectedResource().",
  },
  elicitation_repeated: {
    category: "config",
    title: "An MCP server asks the user to open the same URL again, or too many.",
    help: "Complete the step and ask again. If it is done, the server does not notice: check it.",
  },
  standalone_stream_refused: {
    category: "config",
    title:
      "The MCP client has no stream on which its server can ask and notify it, because several users may share it.",
    help: 'Open the client in mcpClientPool(), which gives each user their own. If the client is one user\'s anyway, set standaloneStream: "allow".',
  },
};
