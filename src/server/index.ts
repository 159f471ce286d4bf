/**
 * The other end of the wire: an MCP server that takes tokens of Entra.
 * @module server
 */
export {
  callerOf,
  type ApplicationCaller,
  type Caller,
  type EntraApplication,
  type EntraAuthExtra,
  type EntraAuthInfo,
  type UserCaller,
} from "./auth-info.js";
export type { McpCall, ToolRequirement } from "./settings.js";
export type { McpServerApp, McpServerOptions } from "./options.js";
export type { NodeMiddleware } from "./node.js";
export {
  protectMcpServer,
  type EntraTokenVerifier,
  type FetchOptions,
  type McpServerGate,
} from "./protect-mcp-server.js";
export type { Refusal } from "./refusal.js";
export type { ResourceMetadata } from "./resource-metadata.js";
