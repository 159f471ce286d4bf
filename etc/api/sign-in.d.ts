import { KeyObject } from 'node:crypto';
type AskTenant = (tid: string) => boolean | Promise<boolean>;
interface CloudEndpoints {
    readonly loginEndpoint: string;
    readonly stsEndpoint?: string;
    readonly issuerAliases?: readonly string[];
    readonly tokenExchangeAudience?: string;
}
interface EntraAppFacts {
    readonly tenantId: string;
    readonly clientId: string;
    readonly allowedTenants: readonly string[] | AskTenant;
    readonly audiences: readonly string[];
    readonly cloud: Required<CloudEndpoints>;
}
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
    ready(): Promise<void>;
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
interface AllowedElicitations {
    readonly allowedLinks: readonly string[];
}
interface ProtectedResource {
    readonly url: string;
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly sameTrust?: true;
    readonly elicitation?: AllowedElicitations;
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
interface VerifiedUserToken {
    readonly user: VerifiedUser;
    readonly assertion: Assertion;
}
type UserTokenVerifier = (token: string) => Promise<VerifiedUserToken>;
interface ChatAnswers {
    readonly yes?: readonly string[];
    readonly no?: readonly string[];
    readonly cancel?: readonly string[];
    readonly polite?: readonly string[];
}
interface SignInStore {
    get(key: string): Promise<string | undefined>;
    setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
    increment(key: string, ttlMs: number): Promise<number>;
    compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
    take(key: string): Promise<string | undefined>;
    delete(key: string): Promise<void>;
    readonly scan?: ((prefix: string, cursor: string | undefined, limit: number) => Promise<ScannedPage>) | undefined;
    readonly replicated?: ((key: string) => Promise<void>) | undefined;
    readonly shared: boolean;
    start?(): Promise<void>;
    close?(): Promise<void>;
}
interface ScannedPage {
    readonly records: readonly (readonly [
        key: string,
        value: string
    ])[];
    readonly next: string | undefined;
}
interface Account {
    readonly tid: string;
    readonly oid: string;
    readonly username?: string | undefined;
    readonly name?: string | undefined;
}
interface SignInAdmin {
    list(options: AdminListOptions): Promise<AdminPage>;
    export(options: AdminPersonOptions): Promise<AdminExport>;
    revoke(options: AdminRevokeOptions): Promise<AdminReceipt>;
    requireSignIn(options: AdminPersonOptions): Promise<AdminReceipt>;
    erase(options: AdminPersonOptions): Promise<AdminReceipt>;
}
type AdminPerson = {
    readonly tid: string;
    readonly oid: string;
} | {
    readonly platformUserId: string;
    readonly project?: string;
    readonly agent?: string;
};
interface AdminPersonOptions {
    readonly actor: string;
    readonly person: AdminPerson;
}
interface AdminListOptions {
    readonly actor: string;
    readonly person?: AdminPerson;
    readonly resource?: string;
    readonly olderThanMs?: number;
    readonly cursor?: string;
    readonly limit?: number;
}
interface AdminRevokeOptions {
    readonly actor: string;
    readonly grant: string;
}
interface AdminPage {
    readonly grants: readonly AdminGrant[];
    readonly next: string | undefined;
    readonly unreadable: number;
    readonly foreign: number;
}
interface AdminGrant {
    readonly grant: string;
    readonly agent: string;
    readonly account: Account;
    readonly principal?: Principal | undefined;
    readonly work?: string | undefined;
    readonly issuer: string;
    readonly resources: readonly string[];
    readonly scopes: readonly string[];
    readonly signedInAt: number;
    readonly updatedAt: number;
    readonly until?: number | undefined;
}
interface AdminExport {
    readonly v: 1;
    readonly at: number;
    readonly grants: readonly Omit<AdminGrant, "grant">[];
    readonly pins: readonly {
        readonly agent: string;
        readonly principal: Principal;
        readonly account: Account | "unreadable";
    }[];
    readonly works: readonly {
        readonly agent: string;
        readonly purpose: string;
        readonly until: number;
    }[];
    readonly waiting: readonly {
        readonly agent: string;
        readonly expiresAt: number;
    }[];
    readonly messages: readonly {
        readonly agent: string;
        readonly message?: string | undefined;
        readonly title: string;
        readonly earlier: readonly string[];
    }[];
    readonly unreadable: number;
}
interface AdminReceipt {
    readonly v: 1;
    readonly at: number;
    readonly actor: string;
    readonly action: "revoke" | "require_sign_in" | "erase";
    readonly grants: number;
    readonly works: number;
    readonly codes: number;
    readonly pins: number;
    readonly remains: readonly string[];
}
type AuditAction = "sign_in" | "connect" | "code" | "refresh" | "exchange" | "end" | "admin_list" | "admin_export" | "admin_revoke" | "admin_require_sign_in" | "admin_erase";
interface AuditRecord {
    readonly v: 1;
    readonly id: string;
    readonly at: number;
    readonly stage: "attempt" | "outcome";
    readonly action: AuditAction;
    readonly outcome?: "done" | "refused" | "failed" | undefined;
    readonly reason?: string | undefined;
    readonly agent: string;
    readonly principal?: string | undefined;
    readonly work?: string | undefined;
    readonly account?: {
        readonly tid: string;
        readonly oid: string;
    } | undefined;
    readonly resource?: string | undefined;
    readonly scopes?: readonly string[] | undefined;
    readonly actor?: string | undefined;
    readonly grants?: number | undefined;
}
interface SignInAudit {
    readonly write: (record: AuditRecord) => Promise<void>;
    readonly required?: boolean;
    readonly timeoutMs?: number;
}
interface SignInAgent {
    readonly publicKeys: readonly (string | KeyObject)[];
    readonly scopes: readonly string[];
}
type SignInText = "support"
    | "privacy"
    | "tryAgain"
    | "backToChat"
    | "reference"
    | "linkTitle"
    | "linkIntro"
    | "linkAgent"
    | "linkServer"
    | "linkTime"
    | "linkAccount"
    | "linkButton"
    | "linkCode"
    | "linkForwarded"
    | "openTitle"
    | "openIntro"
    | "openMessage"
    | "openAddress"
    | "openForeign"
    | "openButton"
    | "doneTitle"
    | "doneText"
    | "doneGuest"
    | "doneConnections"
    | "codeTitle"
    | "codeText"
    | "codeLabel"
    | "codeCopy"
    | "codeCopied"
    | "codeWarning"
    | "codeLives"
    | "codeLeft"
    | "codeOver"
    | "listTitle"
    | "listAccount"
    | "listEmpty"
    | "listUses"
    | "listUsesNothing"
    | "listSince"
    | "listUntil"
    | "listWork"
    | "listConsent"
    | "listApps"
    | "listProfile"
    | "listSignIn"
    | "listSignInButton"
    | "signOut"
    | "signOutText"
    | "disconnect"
    | "disconnectTitle"
    | "disconnectText"
    | "disconnectWork"
    | "disconnectTokens"
    | "changeAccount"
    | "changeTitle"
    | "changeText"
    | "keep"
    | "disconnected"
    | "changed"
    | "gone"
    | "reopen"
    | "nothingStored"
    | "askAgain"
    | "badLinkTitle"
    | "badLinkText"
    | "expiredTitle"
    | "expiredText"
    | "alreadyDoneTitle"
    | "alreadyDoneText"
    | "otherTabTitle"
    | "otherTabText"
    | "otherBrowserTitle"
    | "otherBrowserText"
    | "replayedTitle"
    | "replayedText"
    | "lostTitle"
    | "lostText"
    | "tooManyTitle"
    | "tooManyText"
    | "tooManyNext"
    | "wrongAccountTitle"
    | "wrongAccountText"
    | "wrongAccountNext"
    | "pinnedTitle"
    | "pinnedText"
    | "pinnedNext"
    | "cancelledTitle"
    | "cancelledText"
    | "cancelledNext"
    | "accessDeniedTitle"
    | "accessDeniedText"
    | "accessDeniedNext"
    | "adminNeededTitle"
    | "adminNeededText"
    | "adminNeededNext"
    | "adminNeededApp"
    | "wrongTenantTitle"
    | "wrongTenantText"
    | "wrongTenantNext"
    | "guestTitle"
    | "guestText"
    | "guestNext"
    | "troubleTitle"
    | "troubleText"
    | "troubleNext"
    | "approvedTitle"
    | "approvedText"
    | "approvedNext"
    | "notApprovedTitle"
    | "notApprovedText"
    | "notFoundTitle"
    | "notFoundText";
type SignInTexts = Readonly<Record<SignInText, string>>;
declare const signInTexts: Readonly<Record<"en" | "de" | "fr" | "es", SignInTexts>>;
interface SignInBranding {
    readonly name: string;
    readonly logo?: string | URL;
    readonly accent?: string;
    readonly accentDark?: string;
    readonly chatUrl?: string | URL | Readonly<Record<string, string | URL>>;
    readonly supportUrl?: string | URL;
    readonly privacyUrl?: string | URL;
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
    readonly status: "nearly_a_code";
    readonly say: string;
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
    "declined",
    "answered_before",
    "cancelled"
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
    readonly encryptionKeys: readonly (string | Uint8Array)[] | (() => readonly (string | Uint8Array)[] | Promise<readonly (string | Uint8Array)[]>);
    readonly agentName?: string;
    readonly signingKey?: string | KeyObject;
    readonly agents?: Readonly<Record<string, SignInAgent>>;
    readonly branding?: SignInBranding;
    readonly languages?: Readonly<Record<string, SignInTexts>>;
    readonly longRunningMs?: number;
    readonly answers?: ChatAnswers;
    readonly audit?: SignInAudit;
    readonly onPending?: (event: SignInPending) => void;
    readonly onSignedIn?: (event: SignInBound) => void;
}
interface KeepPromptOptions {
    readonly title?: string | undefined;
}
type SignInStatus = "waiting" | "code" | "done" | "expired" | "unknown";
interface SignIn {
    tokens(): TokenSource;
    link(context: UserContext, resource: ProtectedResource): Promise<MadeConsentLink>;
    redeem(context: UserContext, text: string): Promise<Redeemed>;
    keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
    settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
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
    readonly admin: SignInAdmin;
    ready(): Promise<void>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function createSignIn(options: SignInOptions): SignIn;
interface MemoryStoreOptions extends Pick<Runtime, "now"> {
    readonly maxEntries?: number;
    readonly maxBytes?: number;
    readonly quiet?: boolean;
    readonly onEvent?: OnEvent;
}
declare function memoryStore(options?: MemoryStoreOptions): SignInStore;
interface PostgresPool {
    readonly totalCount: number;
    connect(): Promise<PostgresConnection>;
    on(event: "error", listener: (error: Error) => void): unknown;
    listeners(event: "error"): readonly unknown[];
}
interface PostgresConnection {
    query(statement: {
        text: string;
        values: unknown[];
    }): Promise<{
        readonly rows: readonly unknown[];
    }>;
    on(event: "error", listener: (error: Error) => void): unknown;
    listeners(event: "error"): readonly unknown[];
    release(destroy?: boolean): unknown;
}
interface PostgresStoreOptions {
    readonly table?: string;
    readonly timeoutMs?: number;
}
declare function postgresStore(pool: PostgresPool, options?: PostgresStoreOptions): SignInStore;
interface RedisClient {
    readonly isOpen: boolean;
    readonly isReady?: boolean;
    readonly masters?: readonly RedisNode[];
    readonly replicas?: readonly RedisNode[];
    readonly slots?: readonly {
        readonly master: RedisNode;
    }[];
    connect(): Promise<unknown>;
    close(): Promise<unknown>;
    destroy(): unknown;
    on(event: "error" | "node-error", listener: (error: unknown) => void): unknown;
    withCommandOptions(options: RedisCallOptions): RedisCommands;
    duplicate?(): RedisClient;
    execute?<T>(work: (client: RedisNodeClient) => Promise<T>): Promise<T>;
    nodeClient?(node: RedisNode): RedisNodeClient | Promise<RedisNodeClient>;
}
interface RedisNode {
    readonly address: string;
}
interface RedisNodeClient {
    withCommandOptions(options: RedisCallOptions): RedisCommands;
}
interface RedisCallOptions {
    abortSignal?: AbortSignal;
    timeout: number;
    typeMapping: Record<never, never>;
}
interface RedisNodeCommands {
    info(section: string): Promise<unknown>;
    scan(cursor: string, options: {
        MATCH: string;
        COUNT: number;
    }): Promise<unknown>;
    wait(replicas: number, timeoutMs: number): Promise<unknown>;
}
interface RedisCommands extends RedisNodeCommands {
    get(key: string): Promise<unknown>;
    set(key: string, value: string, options: {
        NX: true;
        PX: number;
    }): Promise<unknown>;
    del(key: string): Promise<unknown>;
    evalSha(digest: string, options: {
        keys: string[];
        arguments: string[];
    }): Promise<unknown>;
    eval(script: string, options: {
        keys: string[];
        arguments: string[];
    }): Promise<unknown>;
}
interface RedisStoreOptions {
    readonly keyPrefix?: string;
    readonly timeoutMs?: number;
    readonly maxmemoryPolicy?: "noeviction";
}
declare function redisStore(client: RedisClient, options?: RedisStoreOptions): SignInStore;
interface SqliteStoreOptions extends Pick<Runtime, "now"> {
    readonly path: string;
    readonly maxBytes?: number;
}
declare function sqliteStore(options: SqliteStoreOptions): SignInStore;
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
    keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
    settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
    signOut(context: UserContext): Promise<void>;
}
declare function remoteSignIn(options: RemoteSignInOptions): RemoteSignIn;
interface ServedSignIn {
    tokens(): TokenSource;
    redeem(context: UserContext, text: string): Promise<Redeemed>;
    keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
    settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
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
export { createSignIn, memoryStore, postgresStore, redisStore, remoteSignIn, signInApi, signInTexts, sqliteStore };
export
    type {
    Account,
    AdminExport,
    AdminGrant,
    AdminListOptions,
    AdminPage,
    AdminPerson,
    AdminPersonOptions,
    AdminReceipt,
    AdminRevokeOptions,
    AuditAction,
    AuditRecord,
    ChatAnswers,
    KeepPromptOptions,
    LongRunningOptions,
    LongRunningTurn,
    MemoryStoreOptions,
    PostgresConnection,
    PostgresPool,
    PostgresStoreOptions,
    Redeemed,
    RedisCallOptions,
    RedisClient,
    RedisCommands,
    RedisNode,
    RedisNodeClient,
    RedisNodeCommands,
    RedisStoreOptions,
    RefusedCode,
    RemoteSignIn,
    RemoteSignInOptions,
    ScannedPage,
    ServedAgent,
    ServedSignIn,
    SignIn,
    SignInAdmin,
    SignInAgent,
    SignInApi,
    SignInApiOptions,
    SignInAudit,
    SignInBound,
    SignInBranding,
    SignInOptions,
    SignInPending,
    SignInStatus,
    SignInStore,
    SignInText,
    SignInTexts,
    SqliteStoreOptions
};
