import { KeyObject } from 'node:crypto';
type ErrorCategory = "consent" | "signin" | "stepup" | "blocked" | "admin" | "config" | "cred" | "retry" | "throttle" | "loop" | "input";
type ResourceCode = "url_not_allowed"
    | "redirect_refused"
    | "resource_unauthorized"
    | "insufficient_scope"
    | "shared_session"
    | "mcp_server_unreachable"
    | "mcp_server_failed"
    | "pool_busy"
    | "call_id_missing"
    | "toolbox_source_failed";
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
    | "store_unavailable"
    | "store_unsuitable"
    | "store_corrupt";
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
    | "identity_header_repeated"
    | "identity_header_invalid";
type ErrorCode = UserTokenCode | SetUpCode | TokenCode | ResourceCode | TurnCode | SignInCode;
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
declare const consentReasons: readonly [
    "consent",
    "admin_consent",
    "sign_in",
    "step_up"
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
interface CloudEndpoints {
    readonly loginEndpoint: string;
    readonly stsEndpoint?: string;
    readonly issuerAliases?: readonly string[];
    readonly tokenExchangeAudience?: string;
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
    readonly reason: "idle" | "no_room" | "session_gone" | "forgotten" | "pool_closed";
} | {
    readonly type: "consent_link_refused";
    readonly from: "run" | "toolbox" | "turn";
    readonly serverLabel?: string;
    readonly origin?: string;
    readonly path?: string;
} | {
    readonly type: "run_event_dropped";
    readonly eventType: string;
} | {
    readonly type: "grant_stored" | "grant_ended";
    readonly oid: string;
    readonly reason: "signed_in" | "signed_out" | "revoked" | "account_disabled";
} | {
    readonly type: "long_running_started" | "long_running_used" | "long_running_ended";
    readonly purpose: string;
    readonly principal: string;
    readonly work: string;
    readonly until: number;
} | {
    readonly type: "sign_in_refused";
    readonly reason: string;
} | {
    readonly type: "sign_in_failed";
    readonly code: ErrorCode | "unexpected";
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
    readonly call: "tokens" | "redeem" | "prompt" | "sign-out";
    readonly code: ErrorCode | "unexpected";
    readonly category: ErrorCategory;
    readonly agent?: string | undefined;
    readonly principal?: string | undefined;
} | {
    readonly type: "sign_in_service_failed";
    readonly call: "tokens" | "redeem" | "prompt" | "sign-out";
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
}
type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
type RandomBytes = (length: number) => Uint8Array;
interface Runtime {
    readonly fetch?: FetchLike | undefined;
    readonly now?: (() => number) | undefined;
    readonly random?: RandomBytes | undefined;
    readonly onEvent?: OnEvent | undefined;
    readonly timeoutMs?: number | undefined;
}
interface EntraAppFacts {
    readonly tenantId: string;
    readonly clientId: string;
    readonly allowedTenants: readonly string[];
    readonly audiences: readonly string[];
    readonly cloud: Required<CloudEndpoints>;
}
interface VerifiedUserToken {
    readonly user: VerifiedUser;
    readonly assertion: Assertion;
}
type UserTokenVerifier = (token: string) => Promise<VerifiedUserToken>;
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
interface MadeConsentLink {
    readonly link: string;
    readonly expiresAt?: number;
}
interface EntraApp extends EntraAppFacts {
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
interface TokenCredentialLike {
    getToken(scopes: string | string[], options?: {
        abortSignal?: AbortSignal;
        claims?: string | undefined;
    }): Promise<{
        token: string;
        expiresOnTimestamp: number;
    } | null>;
}
interface ProtectedResource {
    readonly url: string;
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly sameTrust?: true;
}
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
    forget?(principalKey: string, token: string | undefined): void;
    subscribe?(changed: (principalKey: string) => void): () => void;
}
interface Account {
    readonly tid: string;
    readonly oid: string;
    readonly username?: string | undefined;
    readonly name?: string | undefined;
}
interface SignInStore {
    get(key: string): Promise<string | undefined>;
    setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
    increment(key: string, ttlMs: number): Promise<number>;
    compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
    take(key: string): Promise<string | undefined>;
    delete(key: string): Promise<void>;
    readonly shared: boolean;
    start?(): Promise<void>;
    close?(): Promise<void>;
}
interface SignInAgent {
    readonly publicKeys: readonly (string | KeyObject)[];
    readonly scopes: readonly string[];
}
interface SignInPending {
    readonly agent: string;
    readonly principal: Principal;
    readonly serverLabel: string;
}
interface SignInBound extends SignInPending {
    readonly account: Account;
}
type Redeemed = {
    readonly status: "not_a_code";
} | {
    readonly status: "wrong_code";
    readonly triesLeft: number;
    readonly say: string;
} | {
    readonly status: "confirm";
    readonly account: Account;
    readonly serverLabel: string;
    readonly say: string;
} | {
    readonly status: "bound";
    readonly account: Account;
    readonly serverLabel: string;
    readonly say: string;
    readonly prompt?: string | undefined;
} | {
    readonly status: "refused";
    readonly reason: RefusedCode;
    readonly say: string;
};
declare const refusedCodes: readonly [
    "nothing_waiting",
    "expired",
    "too_many_tries",
    "other_account",
    "declined"
];
type RefusedCode = (typeof refusedCodes)[number];
interface LongRunningOptions {
    readonly purpose: string;
    readonly until: Date;
}
interface LongRunningTurn {
    readonly context: UserContext;
    readonly signal: AbortSignal;
}
interface SignInOptions extends Pick<Runtime, "now" | "random" | "onEvent"> {
    readonly app: EntraApp;
    readonly publicUrl: string | URL;
    readonly resources: readonly ProtectedResource[];
    readonly store: SignInStore;
    readonly encryptionKeys: readonly (string | Uint8Array)[];
    readonly agentName?: string;
    readonly signingKey?: string | KeyObject;
    readonly agents?: Readonly<Record<string, SignInAgent>>;
    readonly longRunningMs?: number;
    readonly onPending?: (event: SignInPending) => void;
    readonly onSignedIn?: (event: SignInBound) => void;
}
type SignInStatus = "waiting" | "code" | "done" | "expired" | "unknown";
interface SignIn {
    tokens(): TokenSource;
    link(context: UserContext, resource: ProtectedResource): Promise<MadeConsentLink>;
    redeem(context: UserContext, text: string): Promise<Redeemed>;
    keepPrompt(context: UserContext, prompt: string): Promise<void>;
    readonly handler: (request: Request) => Promise<Response>;
    signOut(principal: Principal): Promise<void>;
    unpin(principal: Principal): Promise<void>;
    forgetAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
    status(link: string): Promise<SignInStatus>;
    longRunning(context: UserContext, options: LongRunningOptions): Promise<string>;
    runAs<T>(id: string, options: {
        readonly purpose: string;
    }, run: (turn: LongRunningTurn) => T | Promise<T>): Promise<T>;
    stopLongRunning(id: string): Promise<void>;
    ready(): Promise<void>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function createSignIn(options: SignInOptions): SignIn;
interface FileStoreOptions extends Pick<Runtime, "now"> {
    readonly path: string;
    readonly maxEntries?: number;
    readonly maxBytes?: number;
}
declare function fileStore(options: FileStoreOptions): SignInStore;
interface MemoryStoreOptions extends Pick<Runtime, "now"> {
    readonly maxEntries?: number;
    readonly maxBytes?: number;
    readonly quiet?: boolean;
    readonly onEvent?: OnEvent;
}
declare function memoryStore(options?: MemoryStoreOptions): SignInStore;
interface RedisClient {
    readonly isOpen: boolean;
    readonly isReady?: boolean;
    connect(): Promise<unknown>;
    close(): Promise<unknown>;
    destroy(): unknown;
    on(event: "error", listener: (error: unknown) => void): unknown;
    withCommandOptions(options: RedisCallOptions): RedisCommands;
}
interface RedisCallOptions {
    abortSignal?: AbortSignal;
    timeout: number;
    typeMapping: Record<never, never>;
}
interface RedisCommands {
    get(key: string): Promise<unknown>;
    del(key: string): Promise<unknown>;
    eval(script: string, options: {
        keys: string[];
        arguments: string[];
    }): Promise<unknown>;
    info(section: string): Promise<unknown>;
}
interface RedisStoreOptions {
    readonly keyPrefix?: string;
    readonly timeoutMs?: number;
    readonly maxmemoryPolicy?: "noeviction";
}
declare function redisStore(client: RedisClient, options?: RedisStoreOptions): SignInStore;
interface RemoteSignInOptions extends Pick<Runtime, "fetch" | "now"> {
    readonly url: string | URL;
    readonly credential: TokenCredentialLike;
    readonly scope: string;
    readonly timeoutMs?: number;
    readonly onEvent?: OnEvent;
}
interface RemoteSignIn {
    tokens(): TokenSource;
    redeem(context: UserContext, text: string): Promise<Redeemed>;
    keepPrompt(context: UserContext, prompt: string): Promise<void>;
    signOut(context: UserContext): Promise<void>;
}
declare function remoteSignIn(options: RemoteSignInOptions): RemoteSignIn;
interface ServedSignIn {
    tokens(): TokenSource;
    redeem(context: UserContext, text: string): Promise<Redeemed>;
    keepPrompt(context: UserContext, prompt: string): Promise<void>;
    signOut(principal: Principal): Promise<void>;
}
interface ServedAgent {
    readonly name: string;
    readonly clientIds: readonly string[];
    readonly signIn: ServedSignIn;
    readonly resources: readonly ProtectedResource[];
    readonly platformProject?: string;
    readonly newUsersPerMinute?: number;
}
interface SignInApiOptions extends Pick<Runtime, "fetch" | "now"> {
    readonly app: EntraAppFacts;
    readonly verify: UserTokenVerifier;
    readonly agents: readonly ServedAgent[];
    readonly onEvent?: OnEvent;
}
type SignInApi = (request: Request) => Promise<Response | undefined>;
declare function signInApi(options: SignInApiOptions): SignInApi;
export { createSignIn, fileStore, memoryStore, redisStore, remoteSignIn, signInApi };
export
    type {
    Account,
    FileStoreOptions,
    LongRunningOptions,
    LongRunningTurn,
    MemoryStoreOptions,
    Redeemed,
    RedisCallOptions,
    RedisClient,
    RedisCommands,
    RedisStoreOptions,
    RefusedCode,
    RemoteSignIn,
    RemoteSignInOptions,
    ServedAgent,
    ServedSignIn,
    SignIn,
    SignInAgent,
    SignInApi,
    SignInApiOptions,
    SignInBound,
    SignInOptions,
    SignInPending,
    SignInStatus,
    SignInStore
};
