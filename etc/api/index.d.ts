type ErrorCategory = "consent" | "signin" | "stepup" | "blocked" | "admin" | "config" | "cred" | "retry" | "throttle" | "loop" | "input";
interface ErrorCodeFacts {
    readonly category: ErrorCategory;
    readonly title: string;
    readonly help: string;
}
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
declare const errorCodes: Readonly<Record<ErrorCode, ErrorCodeFacts>>;
interface HostedAgentIdentityErrorOptions {
    readonly category?: ErrorCategory | undefined;
    readonly cause?: unknown;
    readonly help?: string | undefined;
    readonly retryAfterMs?: number | undefined;
    readonly authentication?: AuthenticationDemand | undefined;
}
interface AuthenticationDemand {
    readonly acrValues?: readonly string[];
    readonly maxAgeS?: number;
}
declare class HostedAgentIdentityError extends Error {
    readonly name: string;
    readonly code: ErrorCode;
    readonly category: ErrorCategory;
    readonly help: string;
    readonly retryAfterMs?: number;
    readonly authentication?: AuthenticationDemand;
    constructor(code: ErrorCode, message?: string, options?: HostedAgentIdentityErrorOptions);
    toJSON(): Record<string, unknown>;
}
declare function isHostedAgentIdentityError(value: unknown): value is HostedAgentIdentityError;
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
declare class ConsentRequiredError extends HostedAgentIdentityError {
    readonly name: string;
    readonly requests: readonly ConsentRequest[];
    constructor(requests: readonly ConsentRequest[], options?: HostedAgentIdentityErrorOptions);
    toJSON(): Record<string, unknown>;
}
declare function isConsentRequiredError(value: unknown): value is ConsentRequiredError;
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
declare function principalKey(principal: Principal): string;
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
type AskTenant = (tid: string) => boolean | Promise<boolean>;
interface CloudEndpoints {
    readonly loginEndpoint: string;
    readonly stsEndpoint?: string;
    readonly issuerAliases?: readonly string[];
    readonly tokenExchangeAudience?: string;
}
type Cloud = CloudName | CloudEndpoints;
type CloudName = "global" | "us_gov" | "china";
interface EntraAppFacts {
    readonly tenantId: string;
    readonly clientId: string;
    readonly allowedTenants: readonly string[] | AskTenant;
    readonly audiences: readonly string[];
    readonly cloud: Required<CloudEndpoints>;
}
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
type SkipReason = "no_user"
    | "no_user_token"
    | "wrong_audience"
    | "wrong_tenant"
    | "expired"
    | "app_only"
    | "no_delegated_scope"
    | "not_hosted"
    | "hosted"
    | "not_opted_in"
    | "needs_interaction"
    | "claims_not_supported";
interface SkippedSource {
    readonly source: string;
    readonly reason: SkipReason;
    readonly detail: string;
}
declare class NoTokenError extends HostedAgentIdentityError {
    readonly name: string;
    readonly skipped: readonly SkippedSource[];
    constructor(skipped: readonly SkippedSource[], options?: HostedAgentIdentityErrorOptions);
    toJSON(): Record<string, unknown>;
}
declare function isNoTokenError(value: unknown): value is NoTokenError;
interface ConsentLinkInput {
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly reason: ConsentReason;
    readonly user?: VerifiedUser | undefined;
    readonly claims?: string | undefined;
}
interface MadeConsentLink {
    readonly link: string;
    readonly expiresAt?: number;
}
interface ConsentLink {
    (input: ConsentLinkInput): MadeConsentLink | Promise<MadeConsentLink>;
    readonly kind: "user" | "admin";
    readonly allowedOrigins?: readonly string[];
}
interface CredentialRequest {
    readonly clientId: string;
    readonly tokenEndpoint: string;
    readonly tokenExchangeAudience: string;
    readonly refused: number;
    readonly now: () => number;
    readonly newId: () => string;
    readonly fetch: FetchLike;
    readonly signal: AbortSignal;
}
type ClientAuthentication = {
    readonly secret: string;
} | {
    readonly assertion: string;
    readonly expiresAt: number;
};
interface ClientCredential {
    readonly kind: "client_secret" | "certificate" | "federated" | "workload_identity_file";
    authenticate(request: CredentialRequest): Promise<ClientAuthentication>;
}
interface EntraConnections {
    readonly max?: number;
    readonly idleMs?: number;
}
interface EntraAppOptions extends Pick<Runtime, "fetch" | "now" | "random" | "onEvent"> {
    readonly tenantId: string;
    readonly clientId: string;
    readonly credential: ClientCredential;
    readonly allowedTenants?: readonly string[] | AskTenant;
    readonly audiences?: readonly string[];
    readonly cloud?: Cloud;
    readonly capabilities?: readonly string[];
    readonly timeoutMs?: number;
    readonly connections?: EntraConnections;
}
interface EntraApp extends EntraAppFacts {
    ready(): Promise<void>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function entraApp(options: EntraAppOptions): EntraApp;
interface TokenCredentialLike {
    getToken(scopes: string | string[], options?: {
        abortSignal?: AbortSignal;
        claims?: string | undefined;
    }): Promise<{
        token: string;
        expiresOnTimestamp: number;
    } | null>;
}
declare function federatedCredential(source: TokenCredentialLike | (() => Promise<string>)): ClientCredential;
declare function workloadIdentityFile(path?: string): ClientCredential;
interface AllowedElicitations {
    readonly allowedLinks: readonly string[];
}
interface ProtectedResourceInit {
    readonly url: string | URL;
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly sameTrust?: boolean;
    readonly elicitation?: AllowedElicitations;
}
interface ProtectedResource {
    readonly url: string;
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly sameTrust?: true;
    readonly elicitation?: AllowedElicitations;
}
declare function protectedResource(init: ProtectedResourceInit): ProtectedResource;
interface AccessToken {
    readonly token: string;
    readonly expiresAt: number;
    readonly refreshAt?: number | undefined;
    readonly useUntil?: number | undefined;
    readonly source: string;
    readonly shared?: boolean | undefined;
}
interface TokenRequest {
    readonly context: UserContext;
    readonly assertion: Assertion | undefined;
    readonly resource: ProtectedResource;
    readonly scopes: readonly string[];
    readonly claims: string | undefined;
    readonly signal: AbortSignal;
    readonly silent?: boolean;
}
type TokenAnswer = {
    readonly status: "token";
    readonly token: AccessToken;
} | {
    readonly status: "skipped";
    readonly reason: SkipReason;
    readonly detail: string;
} | {
    readonly status: "needs";
    readonly error: HostedAgentIdentityError;
    readonly requests: readonly ConsentRequest[];
};
interface ElicitationPage {
    readonly context: UserContext;
    readonly resource: ProtectedResource;
    readonly url: string;
    readonly message: string;
}
interface TokenSource {
    readonly kind: string;
    readonly provesUser: boolean;
    readonly cacheScope: string;
    readonly usesAssertion: boolean;
    readonly cached: boolean;
    skip(request: TokenRequest): {
        readonly reason: SkipReason;
        readonly detail: string;
    } | undefined;
    refusal?(request: TokenRequest): HostedAgentIdentityError | undefined;
    acquire(request: TokenRequest): Promise<TokenAnswer>;
    readonly allows?: ((context: UserContext) => boolean | Promise<boolean>) | undefined;
    forget?(principalKey: string, token: string | undefined): void;
    subscribe?(changed: (principalKey: string) => void): () => void;
    pageFor?(page: ElicitationPage): Promise<MadeConsentLink>;
}
interface AgentReference {
    readonly type: "agent_reference";
    readonly name: string;
    readonly version?: string | undefined;
}
interface OutputItem {
    readonly type: string;
    readonly id?: string | undefined;
}
interface OAuthConsentRequestItem extends OutputItem {
    readonly type: "oauth_consent_request";
    readonly id: string;
    readonly consent_link: string;
    readonly server_label?: string | undefined;
    readonly response_id?: string | undefined;
    readonly agent_reference?: AgentReference | undefined;
}
declare const responseEventTypes: readonly [
    "error",
    "response.audio.delta",
    "response.audio.done",
    "response.audio.transcript.delta",
    "response.audio.transcript.done",
    "response.code_interpreter_call.completed",
    "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call_code.done",
    "response.compaction.compacting",
    "response.completed",
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.failed",
    "response.file_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.image_generation_call.completed",
    "response.image_generation_call.generating",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.partial_image",
    "response.in_progress",
    "response.incomplete",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_list_tools.completed",
    "response.mcp_list_tools.failed",
    "response.mcp_list_tools.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.annotation.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.queued",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.reasoning_text.done",
    "response.refusal.delta",
    "response.refusal.done",
    "response.shell_call_command.added",
    "response.shell_call_command.delta",
    "response.shell_call_command.done",
    "response.shell_call_output_content.delta",
    "response.shell_call_output_content.done",
    "response.web_search_call.completed",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching"
];
type ResponseEventType = (typeof responseEventTypes)[number];
type ResponseStatus = "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
interface ResponseFailure {
    readonly code: string;
    readonly message: string;
    readonly additionalInfo?: SignInInfo | undefined;
}
interface SignInInfo {
    readonly claims?: string;
    readonly acr_values?: string;
    readonly max_age?: number;
}
interface ResponseObject {
    readonly id: string;
    readonly object: "response";
    readonly created_at: number;
    readonly status: ResponseStatus;
    readonly completed_at: number | null;
    readonly error: ResponseFailure | null;
    readonly incomplete_details: {
        readonly reason: string;
    } | null;
    readonly model: string;
    readonly output: readonly OutputItem[];
    readonly previous_response_id: string | null;
}
interface RunEvent {
    readonly type: "keepalive" | ResponseEventName;
}
type ResponseEventName = ResponseEventType | (`response.${string}` & {});
interface ConsentLinkPolicy {
    readonly allowedOrigins: readonly string[];
    readonly allowedLinks?: readonly AllowedConsentLink[];
    check(link: string): void;
}
interface AllowedConsentLink {
    readonly origin: string;
    readonly path: string;
    readonly parameters?: Readonly<Record<string, string>>;
}
interface Turn {
    readonly signal: AbortSignal;
    readonly context: UserContext;
    readonly operationId: string;
    readonly resumed?: ResumedTurn | undefined;
}
interface ResumedTurn {
    readonly tools: readonly ToolRun[];
}
interface ToolRun {
    readonly name: string;
    readonly serverLabel?: string;
    readonly state: "answered" | "failed" | "under_way" | "asked";
}
type RunOutput = AsyncIterable<string | RunEvent | (RunEvent & Readonly<Record<string, unknown>>)>;
interface Preparable {
    token(context: UserContext, options: {
        signal: AbortSignal;
    }): Promise<unknown>;
}
interface UserTokenVerifierOptions extends Pick<Runtime, "fetch" | "now" | "onEvent"> {
    readonly app: EntraAppFacts;
    readonly passthroughTo?: readonly PassthroughResource[];
    readonly requiredScopes?: readonly string[];
    readonly clients?: readonly string[];
    readonly maxTokenBytes?: number;
    readonly clockToleranceS?: number;
    readonly timeoutMs?: number;
}
interface PassthroughResource {
    readonly audiences: readonly string[];
    readonly sameTrust?: boolean;
}
interface VerifiedUserToken {
    readonly user: VerifiedUser;
    readonly assertion: Assertion;
}
type UserTokenVerifier = (token: string) => Promise<VerifiedUserToken>;
declare function userTokenVerifier(options: UserTokenVerifierOptions): UserTokenVerifier;
interface TurnRequest {
    readonly body: Readonly<Record<string, unknown>>;
    readonly input: string;
    readonly previousResponseId?: string;
}
interface RunningTurns {
    readonly size: number;
    readonly draining: boolean;
    cancel(responseId: string, context: UserContext): Promise<ResponseObject | undefined>;
    drain(options?: DrainOptions): Promise<void>;
}
interface DrainOptions {
    readonly timeoutMs?: number;
}
declare function runningTurns(): RunningTurns;
interface TurnSignIn {
    redeem(context: UserContext, text: string): Promise<RedeemedMessage>;
    keepPrompt(context: UserContext, prompt: string, named: {
        readonly title: string;
    }): Promise<void>;
    settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
}
interface RedeemedMessage {
    readonly status: string;
    readonly say?: string;
    readonly prompt?: string;
}
interface ResponsesTurn extends Turn {
    readonly input: string;
    readonly request: TurnRequest;
    readonly responseId: string;
}
interface ResponsesOptions extends Pick<Runtime, "now" | "random" | "onEvent"> {
    readonly prepare?: readonly Preparable[];
    readonly signIn?: TurnSignIn;
    readonly policy?: ConsentLinkPolicy;
    readonly agentReference?: AgentReference;
    readonly model?: string;
    readonly maxBodyBytes?: number;
    readonly turns?: RunningTurns;
    readonly keepAliveMs?: number;
    readonly turnTimeoutMs?: number;
    readonly idleTimeoutMs?: number;
    readonly windDownMs?: number;
    readonly onError?: (error: unknown) => void;
}
type ResponsesRun = (turn: ResponsesTurn) => RunOutput;
interface InvocationTurn extends Turn {
    readonly body: unknown;
    readonly input: string;
}
type InvocationRun = (turn: InvocationTurn) => RunOutput;
interface InvocationsOptions extends Omit<ResponsesOptions, "agentReference" | "model"> {
    readonly message?: (body: unknown) => string | undefined;
}
interface InvocationResult {
    readonly id: string;
    readonly status: "completed" | "consent_required" | "incomplete" | "failed" | "cancelled";
    readonly output_text: string;
    readonly consent?: readonly OAuthConsentRequestItem[];
    readonly error?: ResponseFailure;
}
declare function invocations(run: InvocationRun, options?: InvocationsOptions): (request: Request, context?: UserContext) => Promise<Response>;
interface FoundryEnvironment {
    readonly hosted: boolean;
    readonly projectEndpoint?: string;
    readonly agentName?: string;
    readonly agentVersion?: string;
    readonly sessionId?: string;
    readonly developer?: boolean;
}
type HeadersLike = Headers | Iterable<readonly [
    string,
    string
]> | Readonly<Record<string, string | readonly string[] | undefined>>;
interface UserContextOptions {
    readonly verify: UserTokenVerifier | "none";
    readonly tokenHeader?: string;
    readonly require?: boolean;
    readonly platformUserId?: "one-person";
    readonly unattended?: (platform: PlatformContext) => boolean | TurnOwner;
    readonly environment?: FoundryEnvironment;
    readonly onEvent?: OnEvent;
}
interface TurnOwner {
    readonly tid: string;
    readonly oid: string;
}
declare function createUserContext(input: HeadersLike | {
    readonly userToken: string | undefined;
}, options: CreateUserContextOptions): Promise<UserContext>;
interface CreateUserContextOptions extends UserContextOptions {
    readonly signal?: AbortSignal;
}
interface EntraRefusal {
    readonly status?: number | undefined;
    readonly error?: string | undefined;
    readonly suberror?: string | undefined;
    readonly errorCodes?: readonly number[] | undefined;
    readonly claims?: string | undefined;
    readonly traceId?: string | undefined;
    readonly correlationId?: string | undefined;
}
declare class TokenExchangeError extends HostedAgentIdentityError {
    readonly name: string;
    readonly status?: number;
    readonly error?: string;
    readonly suberror?: string;
    readonly errorCodes: readonly number[];
    readonly claims?: string;
    readonly traceId?: string;
    readonly correlationId?: string;
    constructor(code: ErrorCode, message: string, refusal: EntraRefusal, options?: HostedAgentIdentityErrorOptions);
    toJSON(): Record<string, unknown>;
}
declare function isTokenExchangeError(value: unknown): value is TokenExchangeError;
interface UserTokenFault {
    readonly expected?: readonly string[] | undefined;
    readonly actual?: string | undefined;
}
declare class UserTokenError extends HostedAgentIdentityError {
    readonly name: string;
    readonly status: number;
    readonly expected?: readonly string[];
    readonly actual?: string;
    constructor(code: ErrorCode, message?: string, fault?: UserTokenFault, options?: HostedAgentIdentityErrorOptions);
    toJSON(): Record<string, unknown>;
}
declare function isUserTokenError(value: unknown): value is UserTokenError;
interface RunLimits {
    readonly turnTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly windDownMs: number;
}
declare function getUserContext(request?: object): UserContext;
declare function tryGetUserContext(request?: object): UserContext | undefined;
declare function runWithUserContext<T>(context: UserContext, run: () => T): T;
declare function bindUserContext<A extends readonly unknown[], R>(run: (...args: A) => R, context?: UserContext): (...args: A) => R;
declare function bindUserContext<T>(iterable: AsyncIterable<T>, context?: UserContext): AsyncGenerator<T>;
type UserContextMiddleware = (request: Request, next: (request: Request) => Response | Promise<Response>) => Promise<Response>;
declare function userContext(options: UserContextOptions): UserContextMiddleware;
interface AdminConsentLinkOptions extends Pick<Runtime, "random"> {
    readonly app: EntraAppFacts;
    readonly redirectUri: string;
}
interface EntraConsentLinkOptions extends AdminConsentLinkOptions {
    readonly prompt?: "consent" | "select_account" | "login";
}
declare function entraConsentLink(options: EntraConsentLinkOptions): ConsentLink;
declare function adminConsentLink(options: AdminConsentLinkOptions): ConsentLink;
interface FindConsentRequiredOptions {
    readonly policy?: ConsentLinkPolicy;
    readonly toolbox?: {
        readonly serverLabel: string;
    };
}
declare function findConsentRequired(error: unknown, options?: FindConsentRequiredOptions): ConsentRequiredError | undefined;
type CertificateOptions = ({
    readonly pem: string;
} | {
    readonly path: string;
}) & {
    readonly sendX5c?: boolean;
    readonly passphrase?: string;
};
declare function certificate(options: CertificateOptions): ClientCredential;
declare function clientSecret(...secrets: readonly string[]): ClientCredential;
interface AgentOnBehalfOfOptions {
    readonly blueprint: EntraApp;
    readonly agentIdentityId: string;
    readonly tenantId?: string;
    readonly consentLink?: ConsentLink;
}
declare function agentOnBehalfOf(options: AgentOnBehalfOfOptions): TokenSource;
interface DeveloperOptions extends Pick<Runtime, "now"> {
    readonly environment?: Readonly<Record<string, string | undefined>>;
}
declare function developer(credential?: TokenCredentialLike, options?: DeveloperOptions): TokenSource;
interface OnBehalfOfOptions {
    readonly consentLink?: ConsentLink;
}
declare function onBehalfOf(app: EntraApp, options?: OnBehalfOfOptions): TokenSource;
declare function passthrough(): TokenSource;
interface SharedTokenStore {
    get(key: string): Promise<unknown>;
    set(key: string, value: string, ttlMs: number): Promise<unknown>;
    delete(key: string): Promise<unknown>;
    getMany?(keys: string[]): Promise<readonly unknown[]>;
}
interface SharedCacheOptions {
    readonly store: SharedTokenStore;
    readonly encryptionKeys: readonly (string | Uint8Array)[];
    readonly timeoutMs?: number;
    readonly agentName?: string;
}
interface TokenCacheLimits {
    readonly maxEntries?: number;
    readonly maxBytes?: number;
}
interface SourceExplanation {
    readonly source: string;
    readonly applies: boolean;
    readonly detail: string;
    readonly provesUser: boolean;
}
interface AccessExplanation {
    readonly serverLabel: string;
    readonly url: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly principal: string | undefined;
    readonly sources: readonly SourceExplanation[];
}
interface UserTokenCredential {
    getToken(scopes: string | string[], options?: {
        abortSignal?: AbortSignal | undefined;
        claims?: string | undefined;
    }): Promise<{
        token: string;
        expiresOnTimestamp: number;
    }>;
    readonly policy: OneUserPolicy;
}
interface OneUserPolicy {
    readonly name: string;
    sendRequest<T, R>(request: T, next: (request: T) => Promise<R>): Promise<R>;
}
interface TokenCredentialOptions {
    readonly askAgain?: "each-request" | "at-expiry";
}
interface UserAccess {
    readonly resource: ProtectedResource;
    readonly url: URL;
    readonly fetch: FetchLike;
    token(context?: UserContext, options?: {
        signal?: AbortSignal;
    }): Promise<AccessToken>;
    as(context: UserContext): UserAccess;
    explain(context?: UserContext): AccessExplanation;
    tokenCredential(context?: UserContext, options?: TokenCredentialOptions): UserTokenCredential;
    forget(context?: UserContext, token?: string): void;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
interface UserAccessOptions extends Runtime {
    readonly cache?: TokenCacheLimits;
    readonly sharedCache?: SharedCacheOptions;
    readonly timeoutMs?: number;
    readonly standaloneStream?: "pool" | "refuse" | "allow";
    readonly silenceMs?: number;
    readonly sharedSessions?: "refuse" | "allow";
}
declare function userAccess(resource: ProtectedResource, sources: readonly TokenSource[], options?: UserAccessOptions): UserAccess;
interface McpClientUser {
    readonly principalKey: string;
    readonly context: UserContext;
}
interface McpClientPoolOptions<C> extends Pick<Runtime, "now" | "onEvent"> {
    readonly open: (user: McpClientUser) => Promise<C>;
    readonly close: (client: C & {}) => Promise<void>;
    readonly max?: number;
    readonly idleMs?: number;
    readonly openMs?: number;
    readonly leaseWaitMs?: number;
}
interface McpClientLease<C> {
    readonly client: C;
    release(failure?: unknown): void;
    [Symbol.asyncDispose](): Promise<void>;
}
interface McpClientPool<C> {
    use<T>(run: (client: C) => T | Promise<T>): Promise<T>;
    lease(): Promise<McpClientLease<C>>;
    readonly size: number;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function mcpClientPool<C>(options: McpClientPoolOptions<C>): McpClientPool<C>;
interface ClosableMcpClient {
    readonly transport?: object | undefined;
    close(): Promise<void>;
}
declare function closeMcpClient(client: ClosableMcpClient): Promise<void>;
interface FoundryToolboxOptions extends Pick<Runtime, "fetch" | "now" | "random" | "onEvent"> {
    readonly name: string;
    readonly version?: string | number;
    readonly projectEndpoint?: string;
    readonly credential?: TokenCredentialLike;
    readonly scope?: string;
    readonly serverLabel?: string;
    readonly policy?: ConsentLinkPolicy;
    readonly entraConsent?: ToolboxEntraConsent;
    readonly maxRetries?: number;
    readonly maxRetryWaitMs?: number;
    readonly timeoutMs?: number;
    readonly standaloneStream?: "refuse" | "allow";
    readonly silenceMs?: number;
    readonly sharedSessions?: "refuse" | "allow";
    readonly environment?: FoundryEnvironment;
}
interface ToolboxEntraConsent {
    readonly clientId: string;
    readonly redirectUri: string;
}
interface FoundryToolbox {
    readonly url: URL;
    readonly serverLabel: string;
    readonly policy: ConsentLinkPolicy;
    readonly fetch: FetchLike;
    as(context: UserContext): FoundryToolbox;
    explain(context?: UserContext): AccessExplanation;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function foundryToolbox(options: FoundryToolboxOptions): FoundryToolbox;
type ToolApproval = "always" | "never";
interface ListedTool {
    readonly name: string;
    readonly _meta?: object | undefined;
}
interface ToolCallParams {
    readonly name: string;
    readonly arguments?: unknown;
}
declare function toolApproval(tool: {
    readonly name?: string | undefined;
    readonly _meta?: object | undefined;
}): ToolApproval;
declare function toolCallApproval(call: ToolCallParams, tools: readonly ListedTool[]): ToolApproval;
interface SdkV1AuthProvider {
    readonly redirectUrl: undefined;
    readonly clientMetadata: {
        readonly client_name: string;
        redirect_uris: string[];
    };
    tokens(): Promise<{
        access_token: string;
        token_type: string;
    }>;
    clientInformation(): never;
    saveTokens(): never;
    redirectToAuthorization(): never;
    saveCodeVerifier(): never;
    codeVerifier(): never;
    discoveryState(): never;
}
declare function sdkV1Auth(access: UserAccess): SdkV1AuthProvider;
interface SdkV2AuthProvider {
    token(): Promise<string>;
    onUnauthorized(): Promise<void>;
}
declare function sdkV2Auth(access: UserAccess): SdkV2AuthProvider;
declare function responses(run: ResponsesRun, options?: ResponsesOptions): (request: Request, context?: UserContext) => Promise<Response>;
export {
    ConsentRequest,
    ConsentRequiredError,
    HostedAgentIdentityError,
    NoTokenError,
    TokenExchangeError,
    UserContext,
    UserTokenError,
    adminConsentLink,
    agentOnBehalfOf,
    bindUserContext,
    certificate,
    clientSecret,
    closeMcpClient,
    createUserContext,
    developer,
    entraApp,
    entraConsentLink,
    errorCodes,
    federatedCredential,
    findConsentRequired,
    foundryToolbox,
    getUserContext,
    invocations,
    isConsentRequiredError,
    isHostedAgentIdentityError,
    isNoTokenError,
    isTokenExchangeError,
    isUserTokenError,
    mcpClientPool,
    onBehalfOf,
    passthrough,
    principalKey,
    protectedResource,
    responses,
    runWithUserContext,
    runningTurns,
    sdkV1Auth,
    sdkV2Auth,
    toolApproval,
    toolCallApproval,
    tryGetUserContext,
    userAccess,
    userContext,
    userTokenVerifier,
    workloadIdentityFile
};
export
    type {
    AccessExplanation,
    AccessToken,
    AdminConsentLinkOptions,
    AgentOnBehalfOfOptions,
    AgentReference,
    AllowedElicitations,
    AroundStep,
    Assertion,
    AuthenticationDemand,
    CertificateOptions,
    ClientAuthentication,
    ClientCredential,
    ClosableMcpClient,
    Cloud,
    CloudEndpoints,
    CloudName,
    ConsentLink,
    ConsentLinkInput,
    ConsentReason,
    ConsentRequestInit,
    CreateUserContextOptions,
    CredentialRequest,
    DeveloperOptions,
    DrainOptions,
    ElicitationPage,
    EntraApp,
    EntraAppFacts,
    EntraAppOptions,
    EntraConnections,
    EntraConsentLinkOptions,
    EntraRefusal,
    ErrorCategory,
    ErrorCode,
    ErrorCodeFacts,
    FetchLike,
    FindConsentRequiredOptions,
    FoundryEnvironment,
    FoundryToolbox,
    FoundryToolboxOptions,
    HeadersLike,
    HostedAgentIdentityErrorOptions,
    IdentityEvent,
    IdentityStep,
    InvocationResult,
    InvocationRun,
    InvocationTurn,
    InvocationsOptions,
    ListedTool,
    MadeConsentLink,
    McpClientLease,
    McpClientPool,
    McpClientPoolOptions,
    McpClientUser,
    OnBehalfOfOptions,
    OnEvent,
    OneUserPolicy,
    OutputItem,
    PassthroughResource,
    PlatformContext,
    Preparable,
    Principal,
    ProtectedResource,
    ProtectedResourceInit,
    RandomBytes,
    RedeemedMessage,
    ResponseEventName,
    ResponseEventType,
    ResponseFailure,
    ResponseObject,
    ResponseStatus,
    ResponsesOptions,
    ResponsesRun,
    ResponsesTurn,
    ResumedTurn,
    RunEvent,
    RunLimits,
    RunOutput,
    RunningTurns,
    Runtime,
    SdkV1AuthProvider,
    SdkV2AuthProvider,
    SharedCacheOptions,
    SharedTokenStore,
    SignInInfo,
    SkipReason,
    SkippedSource,
    SourceExplanation,
    StepEnd,
    StepError,
    TokenAnswer,
    TokenCacheLimits,
    TokenCacheUse,
    TokenClaims,
    TokenCredentialLike,
    TokenCredentialOptions,
    TokenRequest,
    TokenSource,
    TokenUse,
    ToolApproval,
    ToolCallParams,
    ToolRun,
    ToolboxEntraConsent,
    TraceHeaders,
    Turn,
    TurnOwner,
    TurnRequest,
    TurnSignIn,
    UserAccess,
    UserAccessOptions,
    UserContextMiddleware,
    UserContextOptions,
    UserTokenCredential,
    UserTokenFault,
    UserTokenVerifier,
    UserTokenVerifierOptions,
    VerifiedUser,
    VerifiedUserToken
};
