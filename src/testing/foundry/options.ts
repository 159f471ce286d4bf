import type { AppRef } from "../entra/refs.js";
import type { EntraEmulator } from "../entra/emulator.js";
import type { FoundryRequest } from "./log.js";
import type { InProcessServer } from "./in-process-server.js";
import type { ToolboxOptions } from "./toolbox/options.js";

/**
 * The options of `startFoundry`.
 *
 * @group Test kit
 */
export interface FoundryOptions {
  /** What `startEntra()` returned. It issues every token that the emulator checks. */
  readonly entra: EntraEmulator;
  /** Where the container listens. Without this or `agent`, no session gets ready until `connectAgent`. */
  readonly agentUrl?: string | URL;
  /** The container as a handler. It must answer `GET /readiness` too, unless `readiness` is "skip". */
  readonly agent?: InProcessServer;
  /** Default "support". */
  readonly project?: string;
  /** Default "agent". */
  readonly agentName?: string;
  /** Default "1". */
  readonly agentVersion?: string;
  /** The tenant of the project: id, name or domain. Default the first. */
  readonly tenant?: string;
  /**
   * The name of the agent's own managed identity. Default: the system-assigned one, which the container gets
   * when it names none.
   */
  readonly agentIdentity?: string;
  /** The agent's blueprint. The container finds its client id in the environment. */
  readonly blueprint?: AppRef;
  /**
   * The settings that the agent is deployed with; `env` holds them, too. As the platform does, this refuses names that
   * it sets itself or reserves: `AGENT_*`, `FOUNDRY_*` and `APPLICATIONINSIGHTS_CONNECTION_STRING`.
   */
  readonly environment?: Readonly<Record<string, string>>;
  readonly toolboxes?: readonly ToolboxOptions[];
  /** Who is Foundry Agent Consumer: names of users, apps and managed identities. Default everybody. */
  readonly consumers?: "everybody" | readonly string[];
  /** Who may send `x-ms-user-identity`: names of users, apps and managed identities. Default nobody. */
  readonly impersonators?: readonly string[];
  /** Whether `GET /readiness` is asked before the first request. Default "probe". */
  readonly readiness?: "probe" | "skip";
  /** How long a session may take to get ready, in milliseconds. Default 2000. */
  readonly readinessTimeoutMs?: number;
  /** Sends `x-agent-response-id`, and wants the response to have that id. Default false. */
  readonly choosesResponseIds?: boolean;
  /** How long a consent link can be opened, in milliseconds. Default an hour. */
  readonly consentLinkLifetimeMs?: number;
  /**
   * Where consent links lead. "loopback" (default): to this emulator. "platform": to
   * `https://logic-emulator.consent.azure-apihub.net`, as the real ones look; `openableLink(link)` says where the
   * emulator serves that page.
   */
  readonly consentLinks?: "loopback" | "platform";
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** How Entra and the MCP servers are reached; one that trusts Entra's certificate, if that has one. Default the global `fetch`, looked up at each call. */
  readonly fetch?: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Called with each entry of `foundry.log` when it is finished. */
  readonly onRequest?: (entry: FoundryRequest) => void;
}
