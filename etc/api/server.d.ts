import { IncomingMessage, ServerResponse } from 'node:http';
type ErrorCategory = "consent" | "signin" | "stepup" | "blocked" | "admin" | "config" | "cred" | "retry" | "throttle" | "loop" | "input";
type ResourceCode = "url_not_allowed"
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
type SetUpCode = "no_user_context"
    | "context_ended"
    | "invalid_option"
    | "missing_dependency"
    | "dependency_failed"
    | "consent_link_missing"
    | "consent_link_refused"
    | "agent_consent_missing"
    | "developer_source_refused";
type SignInCode = "user_not_identified"
    | "long_running_refused"
    | "quota_reached"
    | "sign_in_too_large"
    | "agent_not_identified"
    | "agent_names_too_many_users"
    | "sign_in_service_unavailable"
    | "refresh_lost"
    | "store_unavailable"
    | "store_unsuitable"
    | "store_corrupt"
    | "store_without_scan"
    | "audit_unavailable"
    | "encryption_keys_unavailable";
type TokenCode = "no_token"
    | "consent_required"
    | "sign_in_required"
    | "step_up_required"
    | "token_exchange_failed"
    | "entra_unreachable"
    | "entra_timeout"
    | "entra_bad_response"
    | "client_credential_failed"
    | "wrong_user"
    | "backing_off"
    | "closed";
type TurnCode = "turn_cancelled" | "turn_timeout" | "turn_idle" | "invalid_run_output" | "model_stream_cut" | "run_failed";
type UserTokenCode = "user_token_missing"
    | "user_token_repeated"
    | "user_token_malformed"
    | "user_token_too_large"
    | "user_token_algorithm"
    | "user_token_tenant"
    | "user_token_issuer"
    | "user_token_audience"
    | "user_token_expired"
    | "user_token_not_yet_valid"
    | "user_token_signature"
    | "user_token_key_unknown"
    | "user_token_app_only"
    | "user_token_agent_user"
    | "user_token_subject"
    | "user_token_scope"
    | "user_token_client"
    | "signing_keys_unavailable"
    | "tenants_unavailable"
    | "identity_header_repeated"
    | "identity_header_invalid";
type ErrorCode = UserTokenCode | SetUpCode | TokenCode | ResourceCode | TurnCode | SignInCode;
declare const consentReasons: readonly [
    "consent",
    "admin_consent",
    "sign_in",
    "step_up",
    "elicitation"
];
type ConsentReason = (typeof consentReasons)[number];
interface ConsentRequestInit {
    readonly link: string;
    readonly serverLabel: string;
    readonly reason: ConsentReason;
    readonly expiresAt?: number | undefined;
}
declare class ConsentRequest {
    #private;
    readonly serverLabel: string;
    readonly reason: ConsentReason;
    readonly expiresAt?: number;
    constructor(init: ConsentRequestInit);
    get link(): string;
    toJSON(): Record<string, unknown>;
}
interface TokenClaims {
    readonly [claim: string]: unknown;
    readonly iss?: string;
    readonly aud?: string | readonly string[];
    readonly exp?: number;
    readonly nbf?: number;
    readonly tid?: string;
    readonly oid?: string;
    readonly scp?: string;
    readonly idtyp?: string;
    readonly sub?: string;
    readonly azp?: string;
    readonly appid?: string;
    readonly ver?: string;
    readonly name?: string;
    readonly preferred_username?: string;
    readonly upn?: string;
}
type TokenUse = {
    readonly use: "app";
} | {
    readonly use: "resource";
    readonly audience: string;
};
type Assertion = TokenUse & {
    readonly token: string;
    readonly hash: string;
    readonly claims: TokenClaims;
};
type Principal = {
    readonly kind: "entra";
    readonly tid: string;
    readonly oid: string;
} | {
    readonly kind: "resource";
    readonly tid: string;
    readonly oid: string;
    readonly audience: string;
} | {
    readonly kind: "platform";
    readonly project: string;
    readonly agent: string;
    readonly id: string;
} | {
    readonly kind: "oidc";
    readonly iss: string;
    readonly sub: string;
};
interface VerifiedUser {
    readonly tid: string;
    readonly oid: string;
    readonly name?: string | undefined;
    readonly username?: string | undefined;
}
interface PlatformContext {
    readonly hosted: boolean;
    readonly userId?: string | undefined;
    readonly callId?: string | undefined;
    readonly sessionId?: string | undefined;
    readonly conversationId?: string | undefined;
    readonly responseId?: string | undefined;
    readonly invocationId?: string | undefined;
}
interface UserContextParts {
    readonly principal?: Principal | undefined;
    readonly user?: VerifiedUser | undefined;
    readonly platform: PlatformContext;
    readonly clientHeaders: Readonly<Record<string, string>>;
    readonly trace: Readonly<Record<string, string>>;
    readonly assertion?: Assertion | undefined;
    readonly unidentified?: string | undefined;
}
declare class UserContext {
    readonly principal?: Principal;
    readonly user?: VerifiedUser;
    readonly proof?: "app" | "resource";
    readonly platform: PlatformContext;
    readonly clientHeaders: Readonly<Record<string, string>>;
    readonly trace: Readonly<Record<string, string>>;
    constructor(parts: UserContextParts);
    get principalKey(): string | undefined;
    get hasUserToken(): boolean;
    get ended(): boolean;
    get consentRequests(): readonly ConsentRequest[];
    end(): void;
    [Symbol.dispose](): void;
    toJSON(): Record<string, unknown>;
}
interface Preparable {
    token(context: UserContext, options: {
        signal: AbortSignal;
    }): Promise<unknown>;
}
type AskTenant = (tid: string) => boolean | Promise<boolean>;
interface CloudEndpoints {
    readonly loginEndpoint: string;
    readonly stsEndpoint?: string;
    readonly issuerAliases?: readonly string[];
    readonly tokenExchangeAudience?: string;
}
type Cloud = CloudName | CloudEndpoints;
type CloudName = "global" | "us_gov" | "china";
type IdentityStep = {
    readonly step: "verify";
} | {
    readonly step: "acquire";
    readonly serverLabel: string;
    readonly steppedUp: boolean;
    readonly principal: string | undefined;
    readonly trace: Readonly<Record<string, string>>;
} | {
    readonly step: "mcp_request";
    readonly serverLabel: string;
    readonly method: string;
    readonly address: string;
    readonly port: number;
    readonly principal: string | undefined;
    readonly trace: Readonly<Record<string, string>>;
};
type TokenCacheUse = "hit" | "joined" | "shared" | "exchange" | "none";
type StepError = ErrorCode | "aborted" | "timeout" | "_OTHER" | `E${Uppercase<string>}` | `UND_ERR_${Uppercase<string>}`;
interface StepEnd {
    readonly durationMs: number;
    readonly outcome: "ok" | "aborted" | "failed" | ErrorCategory;
    readonly error?: StepError;
    readonly errorCodes?: readonly number[];
    readonly correlationId?: string | undefined;
    readonly source?: string;
    readonly cache?: TokenCacheUse;
    readonly status?: number;
}
interface TraceHeaders {
    readonly traceparent: string;
    readonly tracestate?: string;
}
type AroundStep = (step: IdentityStep, run: (headers?: TraceHeaders) => Promise<StepEnd>) => Promise<void> | void;
type IdentityEvent = {
    readonly type: "token_acquired";
    readonly source: string;
    readonly serverLabel: string;
    readonly durationMs: number;
    readonly shared?: boolean;
} | {
    readonly type: "token_refused";
    readonly serverLabel: string;
    readonly code: ErrorCode;
    readonly category: ErrorCategory;
    readonly errorCodes: readonly number[];
} | {
    readonly type: "user_token_refused";
    readonly code: ErrorCode;
    readonly category: ErrorCategory;
} | {
    readonly type: "background_refresh_failed";
    readonly serverLabel: string;
    readonly code: ErrorCode;
} | {
    readonly type: "wrong_user";
    readonly expected: string;
    readonly correlationId?: string;
} | {
    readonly type: "shared_cache_failed";
    readonly serverLabel: string;
    readonly call: "get" | "set" | "delete";
    readonly reason: "timeout" | "error";
    readonly pausedForMs: number;
} | {
    readonly type: "shared_cache_recovered";
    readonly serverLabel: string;
    readonly call: "get" | "set" | "delete";
} | {
    readonly type: "shared_cache_unreadable";
    readonly serverLabel: string;
} | {
    readonly type: "back_off";
    readonly scope: "user" | "tenant" | "cloud" | "exchange";
    readonly forMs: number;
} | {
    readonly type: "mcp_client_closed" | "mcp_client_close_failed";
    readonly reason: "idle" | "no_room" | "session_gone" | "forgotten" | "too_late" | "pool_closed";
} | {
    readonly type: "standalone_stream_refused";
    readonly serverLabel: string;
} | {
    readonly type: "server_request_declined";
    readonly serverLabel: string;
    readonly reason: "no_turn" | "several_turns";
    readonly method?: "elicitation/create" | "sampling/createMessage" | undefined;
} | {
    readonly type: "consent_link_refused";
    readonly from: "run" | "toolbox" | "turn" | "elicitation";
    readonly serverLabel?: string;
    readonly origin?: string;
    readonly path?: string;
} | {
    readonly type: "run_event_dropped";
    readonly eventType: string;
} | {
    readonly type: "grant_stored" | "grant_ended";
    readonly oid: string;
    readonly reason: "signed_in" | "signed_out" | "revoked" | "account_disabled" | "refresh_lost";
} | {
    readonly type: "grant_at_risk";
    readonly oid: string;
} | {
    readonly type: "encryption_keys_failed";
    readonly code: ErrorCode;
} | {
    readonly type: "audit_failed";
    readonly action: string;
    readonly stage: "attempt" | "outcome";
    readonly reason: "timeout" | "error" | "too_many";
    readonly required: boolean;
} | {
    readonly type: "long_running_started" | "long_running_used" | "long_running_ended";
    readonly purpose: string;
    readonly principal: string;
    readonly work: string;
    readonly until: number;
} | {
    readonly type: "sign_in_refused";
    readonly reason: string;
    readonly reference: string;
} | {
    readonly type: "sign_in_failed";
    readonly code: ErrorCode | "unexpected";
    readonly reference?: string;
} | {
    readonly type: "agent_token_issued";
    readonly agent: string;
    readonly serverLabel: string;
    readonly principal: string;
    readonly proof: "user_token" | "platform_user_id";
} | {
    readonly type: "agent_named_user";
    readonly agent: string;
    readonly principal: string;
} | {
    readonly type: "agent_signed_out_user";
    readonly agent: string;
    readonly principal: string;
    readonly proof: "user_token" | "platform_user_id";
} | {
    readonly type: "agent_refused";
    readonly call: "tokens" | "page" | "redeem" | "prompt" | "settle" | "sign-out";
    readonly code: ErrorCode | "unexpected";
    readonly category: ErrorCategory;
    readonly agent?: string | undefined;
    readonly principal?: string | undefined;
} | {
    readonly type: "sign_in_service_failed";
    readonly call: "tokens" | "page" | "redeem" | "prompt" | "settle" | "sign-out";
    readonly code: ErrorCode;
} | {
    readonly type: "sign_in_store_volatile";
} | {
    readonly type: "stream_part_skipped";
    readonly framework: "ai-sdk" | "openai-agents";
    readonly part: string;
};
interface OnEvent {
    (event: IdentityEvent): void;
    readonly around?: AroundStep;
    readonly isIdle?: () => boolean;
}
interface Runtime {
    readonly fetch?: FetchLike | undefined;
    readonly now?: (() => number) | undefined;
    readonly random?: RandomBytes | undefined;
    readonly onEvent?: OnEvent | undefined;
    readonly timeoutMs?: number | undefined;
}
type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
type RandomBytes = (length: number) => Uint8Array;
interface EntraApplication {
    readonly tid: string;
    readonly oid: string;
    readonly roles: readonly string[];
}
type EntraAuthExtra = {
    readonly user?: VerifiedUser;
    readonly application?: EntraApplication;
};
interface EntraAuthInfo {
    token: string;
    clientId: string;
    scopes: string[];
    expiresAt: number;
    resource: URL;
    resourceMetadataUrl: string;
    extra: EntraAuthExtra;
}
interface CallerFacts {
    readonly tid: string;
    readonly oid: string;
    readonly clientId: string;
    readonly principalKey: string;
}
interface UserCaller extends CallerFacts {
    readonly kind: "user";
    readonly name?: string | undefined;
    readonly username?: string | undefined;
}
interface ApplicationCaller extends CallerFacts {
    readonly kind: "application";
    readonly roles: readonly string[];
}
type Caller = UserCaller | ApplicationCaller;
declare function callerOf(authInfo: {
    readonly clientId: string;
    readonly extra?: Readonly<Record<string, unknown>>;
} | undefined): Caller;
interface ToolRequirement {
    readonly scopes?: readonly string[];
    readonly roles?: readonly string[];
    readonly authContext?: string;
    readonly downstream?: readonly Preparable[];
    readonly claims?: string;
}
interface McpCall {
    readonly method: string;
    readonly tool?: string;
    readonly params: Readonly<Record<string, unknown>>;
    readonly caller: Caller;
}
interface McpServerApp {
    readonly tenantId: string;
    readonly clientId: string;
    readonly allowedTenants?: readonly string[] | AskTenant;
    readonly audiences?: readonly string[];
    readonly cloud?: Cloud;
}
interface McpServerOptions extends Pick<Runtime, "fetch" | "now" | "onEvent"> {
    readonly url: string | URL;
    readonly app: McpServerApp;
    readonly scopes: readonly string[];
    readonly tools?: Readonly<Record<string, ToolRequirement>>;
    readonly demand?: (call: McpCall, claims: TokenClaims) => ToolRequirement | undefined | Promise<ToolRequirement | undefined>;
    readonly clients?: readonly string[];
    readonly applications?: {
        readonly roles: readonly string[];
    };
    readonly browserOrigins?: readonly string[];
    readonly appIdUri?: string;
    readonly name?: string;
    readonly documentation?: string | URL;
    readonly maxBodyBytes?: number;
    readonly maxTokenBytes?: number;
    readonly clockToleranceS?: number;
    readonly timeoutMs?: number;
}
interface Refusal {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
}
type NodeMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
interface ResourceMetadata {
    readonly resource: string;
    readonly authorization_servers: readonly string[];
    readonly scopes_supported: readonly string[];
    readonly bearer_methods_supported: readonly [
        "header"
    ];
    readonly resource_name?: string | undefined;
    readonly resource_documentation?: string | undefined;
}
interface EntraTokenVerifier {
    verifyAccessToken(token: string): Promise<EntraAuthInfo>;
}
interface McpServerGate {
    readonly middleware: NodeMiddleware;
    readonly serveMetadata: NodeMiddleware;
    readonly metadataUrl: string;
    readonly metadata: ResourceMetadata;
    fetch(request: Request, next: (options: FetchOptions) => Response | Promise<Response>): Promise<Response>;
    verifier(invalidToken: (message: string) => Error): EntraTokenVerifier;
    insufficientClaims(demand: {
        readonly authContext: string;
    } | {
        readonly claims: string;
    }, authInfo?: EntraAuthInfo): Refusal;
    insufficientScope(scopes: readonly string[]): Refusal;
}
declare function protectMcpServer(options: McpServerOptions): McpServerGate;
interface FetchOptions {
    authInfo: EntraAuthInfo;
    parsedBody?: unknown;
}
export { callerOf, protectMcpServer };
export
    type {
    ApplicationCaller,
    Caller,
    EntraApplication,
    EntraAuthExtra,
    EntraAuthInfo,
    EntraTokenVerifier,
    FetchOptions,
    McpCall,
    McpServerApp,
    McpServerGate,
    McpServerOptions,
    NodeMiddleware,
    Refusal,
    ResourceMetadata,
    ToolRequirement,
    UserCaller
};
