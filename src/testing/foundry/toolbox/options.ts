import type { AppRef } from "../../entra/refs.js";
import type { InProcessServer } from "../in-process-server.js";

/**
 * A toolbox to create: an MCP server of Foundry that forwards calls to its sources.
 *
 * @group Test kit
 */
export interface ToolboxOptions {
  readonly name: string;
  readonly sources: readonly ToolSourceOptions[];
  /** Versions that can be named in the URL; the first is the default. Default `["1"]`. */
  readonly versions?: readonly string[];
  /** When a missing grant is noticed first. Default "tools/list". */
  readonly consentAt?: "initialize" | "tools/list";
  /** What the error of `tools/call` says: the link alone, or a sentence with it. Default "link". */
  readonly consentMessage?: "link" | "prose";
  /**
   * The identity that a consent link is for. "container" is agent-framework issue 8379: the link is the managed
   * identity's, and ends on "Code … not found". Default "caller".
   */
  readonly consentFor?: "caller" | "container";
  /** Who an MCP session belongs to. Default "agent": one connection of the agent may carry several users' calls. */
  readonly sessions?: "agent" | "user" | "none";
  /**
   * Hides the tools behind `tool_search` and `call_tool`, but for those named here, `{source}.{tool}`. Microsoft names no
   * argument of the two: here they take `query`, and `name` with `arguments`. Whether a hidden tool can be called by its
   * own name is not known; here it cannot.
   */
  readonly toolSearch?: { readonly pinned?: readonly string[] };
  /** Event streams to clients that accept them, or always JSON. Default "stream". */
  readonly answers?: "stream" | "json";
}

/**
 * A source of a toolbox: a remote MCP server, or another agent.
 *
 * @group Test kit
 */
export interface ToolSourceOptions {
  /** Its `server_label`; tools are called `{name}.{tool}`. */
  readonly name: string;
  /** Default "mcp". */
  readonly type?: "mcp" | "a2a_preview";
  /** Where the server is. */
  readonly url?: string;
  /** The server as a handler, instead. */
  readonly server?: InProcessServer;
  readonly auth: ToolSourceAuth;
  /** What the source was known to offer when it was added: listed without asking the server. */
  readonly tools?: readonly ToolDefinition[];
  /** What `_meta.tool_configuration` says: per tool, or for all of them. */
  readonly requireApproval?: "always" | "never" | Readonly<Record<string, "always" | "never">>;
  /** Fails with this from the start. */
  readonly failing?: SourceFailure;
}

/** How a source's server is called. */
export type ToolSourceAuth =
  | {
      /** As the user: OAuth identity passthrough, with a grant that Foundry keeps for each user. */
      readonly type: "oauth2";
      /** The Entra app that is the connection's OAuth client. It needs a secret. */
      readonly app: AppRef;
      /** As they are asked for, for example `api://…/contacts.read offline_access`. */
      readonly scopes: readonly string[];
      /** Sources with the same connection share its grants. Default a connection of its own. */
      readonly connection?: string;
    }
  | {
      /** As the agent itself, app-only. */
      readonly type: "agent";
      /** For example `api://…`. */
      readonly audience: string;
    }
  /** Foundry exchanges the caller's token: works for Microsoft's own catalogue only, so never here. */
  | { readonly type: "user_entra_token" }
  | { readonly type: "none" };

/** A tool as MCP lists it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: Readonly<Record<string, unknown>>;
}

/** How a source fails: the inner code of -32007, and what it says. */
export interface SourceFailure {
  /** `CONNECTION_FAILED`, `HTTP_400` … */
  readonly code: string;
  readonly message?: string;
}
