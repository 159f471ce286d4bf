import type { ConsentRequest, HostedAgentIdentityError } from "../errors.js";
import type { TokenClaims } from "../entra/token-claims.js";

/**
 * What a user token is good for. `app`: its audience is our own app, so it may be exchanged, and its sender is the
 * user. `resource`: it serves only passthrough to the resource of that audience, which may have sent it itself. `audience` is the first audience that the resource is configured with, however the token spells it.
 */
export type TokenUse = { readonly use: "app" } | { readonly use: "resource"; readonly audience: string };

/** The verified user token of a request. It goes to Entra, or to the one resource of its audience. */
export type Assertion = TokenUse & {
  /** The token itself. Never logged, stored, or sent anywhere else. */
  readonly token: string;
  /** base64url SHA-256 of the token, computed once. Caches use it as their key. */
  readonly hash: string;
  readonly claims: TokenClaims;
};

/** An MCP server that fails in this turn, as far as its requests have shown. */
export interface ServerTrouble {
  readonly serverLabel: string;
  /** `unreachable`: no answer came, or it broke off. `status`: it answered with a status of 500 or more. */
  readonly kind: "unreachable" | "status";
  readonly status?: number;
  /** Whether a time limit of the runtime for silence ended the request. */
  readonly silent?: true | undefined;
}

/** One `tools/call` that was sent in this turn. */
export interface ToolCall {
  readonly serverLabel: string;
  /** The tool's name, at most 200 characters of it. */
  readonly name: string;
  /**
   * `answered`: an answer has come, which may be an error of the tool itself. `failed`: none came, or the server
   * refused the request. `asked`: the server asked the user to open a page first. `under_way`: not known; also when
   * the caller stopped waiting, since the server may go on.
   */
  readonly state: "under_way" | "answered" | "failed" | "asked";
}

/** What a turn needs of an access that it has used to notice that the access forgot the user. */
export interface AccessUse {
  /** Whether it has not forgotten the user since the turn first used it. */
  stillKnown(): boolean;
  /** The returned function says whether it has not forgotten the user since this call. */
  begin(principalKey: string): () => boolean;
}

/**
 * The private state of a context, kept beside it in a WeakMap, so that neither
 * `toJSON`, `inspect`, spread nor `structuredClone` of the context can show it.
 */
export interface ContextInternals {
  readonly assertion: Assertion | undefined;
  /** The principal as canonical JSON. Computed once, because every token needs it several times. */
  readonly principalKey: string | undefined;
  /** Why the request identifies no user: which header, option or environment variable is missing. */
  readonly unidentified: string | undefined;
  /** The consent requests of this turn, without duplicates. */
  readonly consentRequests: ConsentRequest[];
  /** The first refusal of the turn that a new sign-in at the caller resolves. */
  signInDemand: HostedAgentIdentityError | undefined;
  /** The pages that MCP servers have asked the user to open in this turn, each with its request. */
  elicited?: Map<string, Promise<ConsentRequest>>;
  /** The ids of MCP sessions that their servers turned out not to know any more. */
  lostSessions?: Set<string>;
  /** The last refusal that a client got as a JSON-RPC error in a stream, with its code in `data.code`. */
  refusedInStream?: HostedAgentIdentityError;
  /** Whether its turn resumes one that was interrupted for its user. */
  resumes?: true;
  /** Called for each new consent request of the turn, and for its sign-in demand. */
  readonly consentListeners: Set<() => void>;
  /** Called once when the context ends. */
  readonly endListeners: Set<() => void>;
  /** Acquisitions that have begun in this turn and not yet settled. */
  readonly acquisitions: Set<Promise<unknown>>;
  /** Results that hold for this turn only (consent, sign-in and step-up refusals), by cache key. */
  readonly refusals: Map<string, HostedAgentIdentityError>;
  /** Cache keys of this context, by access object. */
  readonly cacheKeys: WeakMap<object, unknown>;
  /** One for each access that this turn has used. */
  readonly uses: AccessUse[];
  /** How many turns run on this context now: the outermost one, and those nested in it. */
  turns: number;
  /** The MCP servers whose last request has failed, by server label, the newest last. */
  readonly serverTroubles: Map<string, ServerTrouble>;
  /** The last 200 tool calls that were sent. */
  readonly toolCalls: ToolCall[];
  /** One promise for each request with tool calls whose answer has not been received. None of them rejects. */
  readonly inFlight: Set<Promise<void>>;
  /** A response body that runs as this user by itself, and ends the context with its turn. */
  ownBody: object | undefined;
  ended: boolean;
}
