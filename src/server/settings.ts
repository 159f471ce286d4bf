import type { EntraAppFacts } from "../entra/clouds.js";
import type { TokenClaims } from "../entra/token-claims.js";
import type { OnEvent } from "../events/events.js";
import type { Preparable } from "../turn/turn.js";
import type { UserTokenVerifier } from "../user-token/verify.js";
import type { Caller } from "./auth-info.js";

/**
 * What a call needs besides a token for this server. An application has neither scopes nor an authentication context:
 * a call that needs one of them is closed to it, unless `roles` says which applications may make it.
 * @group MCP server
 */
export interface ToolRequirement {
  /** Scopes that a person must have allowed, all of them; short names. */
  readonly scopes?: readonly string[];
  /** Roles of which an application needs one, and then nothing else. They are not asked of a person. */
  readonly roles?: readonly string[];
  /** An authentication context of the tenant that the person must have met (`acrs`), for example `c1`. */
  readonly authContext?: string;
  /**
   * What the call needs of other resources, as the person who makes it: accesses of this server, for example with
   * `onBehalfOf()`. The gate gets their tokens before anything runs. Without one the call is answered by what is missing:
   * 401 with claims for a factor, and for consent a page for the person, which the client's `elicitation.url` allows.
   */
  readonly downstream?: readonly Preparable[];
  /**
   * A claims request that the token does not meet, as JSON. Only for `demand`, which has seen the claims. Refuses
   * every caller, applications with a role as well.
   */
  readonly claims?: string;
}

/**
 * One call that a request makes.
 * @group MCP server
 */
export interface McpCall {
  /** The method of the protocol, for example `tools/call`. */
  readonly method: string;
  /** The tool that is called. */
  readonly tool?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
}

/** The options of `protectMcpServer()`, checked. */
export interface GateSettings {
  readonly url: URL;
  readonly metadataUrl: string;
  readonly app: EntraAppFacts;
  readonly scopes: readonly string[];
  readonly tools: ReadonlyMap<string, ToolRequirement>;
  readonly demand:
    | ((
        call: McpCall,
        claims: TokenClaims,
      ) => ToolRequirement | undefined | Promise<ToolRequirement | undefined>)
    | undefined;
  /** Roles of applications; `undefined` lets none in. */
  readonly roles: readonly string[] | undefined;
  readonly verify: UserTokenVerifier;
  /** Origins whose pages may call. */
  readonly browserOrigins: readonly string[];
  readonly maxBodyBytes: number;
  readonly name: string | undefined;
  readonly documentation: string | undefined;
  readonly onEvent: OnEvent | undefined;
  readonly now: () => number;
  /** A scope as a client has to ask Entra for it. */
  qualified(scope: string): string;
}
