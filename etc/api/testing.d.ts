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
type AppRef = string | {
    readonly clientId: string;
};
type UserRef = string | {
    readonly oid: string;
};
type EntraGrant = "authorization_code" | "refresh_token" | "client_credentials" | "on_behalf_of" | "managed_identity";
interface PolicyTarget {
    readonly user?: UserRef;
    readonly client?: AppRef;
    readonly resource?: AppRef;
    readonly grant?: EntraGrant;
    readonly endpoint?: "token" | "keys" | "discovery" | "authorize";
    readonly times?: number;
}
type EntraPolicy = PolicyTarget & ({
    readonly type: "mfa";
} | {
    readonly type: "auth_context";
    readonly value: string;
} | {
    readonly type: "blocked";
} | {
    readonly type: "disabled";
} | {
    readonly type: "revoked";
} | {
    readonly type: "sign_in_frequency";
} | {
    readonly type: "refuse";
    readonly codes: readonly number[];
    readonly error?: string;
    readonly suberror?: string;
    readonly claims?: string;
    readonly status?: number;
    readonly description?: string;
    readonly retryAfterS?: number;
} | {
    readonly type: "throttled";
    readonly retryAfterS?: number;
} | {
    readonly type: "transient";
    readonly status?: number;
} | {
    readonly type: "slow";
    readonly delayMs: number;
} | {
    readonly type: "hang";
} | {
    readonly type: "html";
    readonly status?: number;
} | {
    readonly type: "reset";
} | {
    readonly type: "swap";
});
interface EntraRequest {
    readonly at: number;
    readonly method: string;
    readonly path: string;
    tenant?: string;
    grantType?: string;
    client?: string;
    clientAuth?: string;
    user?: string;
    oid?: string;
    scopes?: readonly string[];
    resource?: string;
    assertionAudience?: string;
    params?: Readonly<Record<string, string>>;
    headers?: Readonly<Record<string, string>>;
    status: number;
    error?: string;
    errorCodes?: readonly number[];
}
interface EntraOptions {
    readonly tenants?: readonly EntraTenantOptions[];
    readonly apps: readonly EntraAppOptions[];
    readonly users: readonly EntraUserOptions[];
    readonly managedIdentities?: readonly ManagedIdentityOptions[];
    readonly policies?: readonly EntraPolicy[];
    readonly port?: number;
    readonly cloud?: "global" | "us_gov" | "china";
    readonly tls?: {
        readonly cert: string;
        readonly key: string;
    };
    readonly now?: () => number;
    readonly accessTokenLifetimeS?: number;
    readonly refreshInS?: number;
    readonly log?: (entry: EntraRequest) => void;
}
interface EntraTenantOptions {
    readonly id?: string;
    readonly name?: string;
    readonly domain?: string;
}
interface EntraAppOptions {
    readonly name: string;
    readonly clientId?: string;
    readonly tenant?: string;
    readonly installedIn?: readonly string[];
    readonly multiTenant?: boolean;
    readonly identifierUris?: readonly string[];
    readonly scopes?: readonly (string | EntraScopeOptions)[];
    readonly accessTokenVersion?: 1 | 2;
    readonly optionalClaims?: readonly string[];
    readonly secrets?: readonly (string | {
        readonly value: string;
        readonly expiresAt: number;
    })[];
    readonly certificates?: readonly string[];
    readonly federatedCredentials?: readonly FederatedCredentialOptions[];
    readonly redirectUris?: readonly (string | RedirectUriOptions)[];
    readonly preAuthorized?: readonly {
        readonly client: string;
        readonly scopes: readonly string[];
    }[];
    readonly knownClients?: readonly string[];
    readonly requiredAccess?: readonly {
        readonly resource: string;
        readonly scopes?: readonly string[];
        readonly roles?: readonly string[];
    }[];
    readonly assignmentRequired?: boolean;
    readonly assignedUsers?: readonly string[];
    readonly publicClient?: boolean;
    readonly disabled?: boolean;
    readonly agentIdentities?: readonly (string | AgentIdentityOptions)[];
    readonly inheritablePermissions?: readonly {
        readonly resource: string;
        readonly scopes?: readonly string[];
    }[];
}
interface AgentIdentityOptions {
    readonly name: string;
    readonly clientId?: string;
    readonly tenant?: string;
    readonly idTokens?: boolean;
}
interface EntraScopeOptions {
    readonly name: string;
    readonly description?: string;
    readonly adminOnly?: boolean;
}
interface RedirectUriOptions {
    readonly uri: string;
    readonly type: "web" | "spa" | "native";
}
interface FederatedCredentialOptions {
    readonly issuer?: string;
    readonly subject?: string;
    readonly audience?: string;
    readonly managedIdentity?: string;
}
interface EntraUserOptions {
    readonly name: string;
    readonly upn?: string;
    readonly oid?: string;
    readonly tenant?: string;
    readonly guestIn?: readonly string[];
    readonly admin?: boolean;
}
interface ManagedIdentityOptions {
    readonly name: string;
    readonly clientId?: string;
    readonly objectId?: string;
    readonly resourceId?: string;
    readonly tenant?: string;
    readonly systemAssigned?: boolean;
    readonly federated?: boolean;
}
interface EntraTenant {
    readonly id: string;
    readonly name: string;
    readonly domain: string;
}
interface EntraApp {
    readonly name: string;
    readonly clientId: string;
    readonly objectId: string;
    readonly tenantId: string;
    readonly installedIn: readonly string[];
    readonly multiTenant: boolean;
    readonly identifierUris: readonly string[];
    readonly scopes: readonly Required<EntraScopeOptions>[];
    readonly accessTokenVersion: 1 | 2;
    readonly optionalClaims: readonly string[];
    readonly isBlueprint: boolean;
    readonly blueprintId?: string;
    readonly options: EntraAppOptions;
}
interface EntraUser {
    readonly name: string;
    readonly upn: string;
    readonly oid: string;
    readonly tenantId: string;
    readonly guestOids: Readonly<Record<string, string>>;
    readonly admin: boolean;
}
interface ManagedIdentity {
    readonly name: string;
    readonly clientId: string;
    readonly objectId: string;
    readonly resourceId: string;
    readonly tenantId: string;
    readonly systemAssigned: boolean;
    readonly federated: boolean;
}
declare class IssuedSecret {
    #private;
    readonly kind: "access_token" | "id_token" | "refresh_token" | "authorization_code" | "client_secret" | "identity_header";
    constructor(kind: IssuedSecret["kind"], value: string);
    get value(): string;
}
type ActivePolicy = EntraPolicy & {
    readonly id: string;
    left: number;
};
interface EntraPolicies {
    add(policy: EntraPolicy): ActivePolicy;
    remove(policy: string | {
        readonly id: string;
    }): void;
    clear(): void;
    list(): readonly ActivePolicy[];
}
interface EntraEmulator {
    readonly origin: string;
    readonly cloud: {
        readonly loginEndpoint: string;
        readonly stsEndpoint: string;
        readonly tokenExchangeAudience: string;
    };
    readonly tenants: readonly EntraTenant[];
    readonly apps: readonly EntraApp[];
    readonly users: readonly EntraUser[];
    readonly policies: EntraPolicies;
    readonly requests: readonly EntraRequest[];
    readonly issued: readonly IssuedSecret[];
    readonly managedIdentity: {
        readonly identities: readonly ManagedIdentity[];
        readonly env: {
            readonly IDENTITY_ENDPOINT: string;
            readonly IDENTITY_HEADER: string;
        };
    };
    app(ref: AppRef): EntraApp;
    user(ref: UserRef): EntraUser;
    issueUserToken(request: UserTokenRequest): Promise<string>;
    issueAppToken(request: AppTokenRequest): Promise<string>;
    grantConsent(consent: ConsentChange & {
        readonly scopes: readonly string[];
    }): void;
    revokeConsent(consent: ConsentChange & {
        readonly scopes?: readonly string[];
    }): void;
    revokeSessions(user: UserRef): void;
    rotateKeys(options?: {
        readonly keepOld?: boolean;
    }): Promise<void>;
    addRedirectUri(app: AppRef, uri: string | RedirectUriOptions): void;
    addFederatedCredential(app: AppRef, credential: FederatedCredentialOptions): void;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
interface UserTokenRequest {
    readonly user: UserRef;
    readonly app: AppRef;
    readonly client?: AppRef;
    readonly scopes?: readonly string[];
    readonly tenant?: string;
    readonly expiresInS?: number;
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly version?: 1 | 2;
    readonly key?: "current" | "unknown";
    readonly claimsChallenge?: string;
}
interface AppTokenRequest {
    readonly app: AppRef;
    readonly client: AppRef;
    readonly tenant?: string;
    readonly roles?: readonly string[];
    readonly expiresInS?: number;
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly version?: 1 | 2;
}
interface ConsentChange {
    readonly user?: UserRef;
    readonly allUsers?: boolean;
    readonly client: AppRef;
    readonly resource: AppRef;
    readonly tenant?: string;
}
declare function startEntra(options: EntraOptions): Promise<EntraEmulator>;
interface TestUserContextOptions {
    readonly tid?: string;
    readonly oid?: string;
    readonly name?: string;
    readonly username?: string;
    readonly token?: string | false;
    readonly audience?: string;
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly use?: "app" | "resource";
    readonly platform?: Partial<PlatformContext>;
    readonly clientHeaders?: Readonly<Record<string, string>>;
}
declare function testUserContext(options?: TestUserContextOptions): UserContext;
interface StoreUnderTest {
    get(key: string): Promise<string | undefined>;
    setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
    increment(key: string, ttlMs: number): Promise<number>;
    compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
    take(key: string): Promise<string | undefined>;
    delete(key: string): Promise<void>;
    scan?(prefix: string, cursor: string | undefined, limit: number): Promise<{
        readonly records: readonly (readonly [
            key: string,
            value: string
        ])[];
        readonly next: string | undefined;
    }>;
    readonly replicated?: ((key: string) => Promise<void>) | undefined;
    readonly shared: boolean;
    start?(): Promise<void>;
    close?(): Promise<void>;
}
interface SignInStoreSuiteOptions {
    readonly name: string;
    readonly open: () => Promise<readonly [
        StoreUnderTest,
        StoreUnderTest
    ]>;
    readonly close?: () => Promise<void>;
    readonly wait?: (ms: number) => Promise<void>;
    readonly races?: number;
}
interface SignInStoreCheck {
    readonly name: string;
    run(): Promise<void>;
}
declare function signInStoreSuite(options: SignInStoreSuiteOptions): readonly SignInStoreCheck[];
interface Random {
    (): number;
    below(n: number): number;
    chance(share: number): boolean;
    shuffled<T>(of: readonly T[]): T[];
}
interface Gate {
    pass(gone: AbortSignal): Promise<void>;
    hold(options: Holding): () => void;
}
interface Holding {
    readonly random: Random;
    readonly crowd: () => number;
    readonly gatherMs?: number;
}
interface WitnessedToken {
    readonly token: "none" | "refused" | "other_audience" | "application" | "person";
    readonly oid?: string;
    readonly replayed?: true;
}
interface WitnessOptions {
    readonly entra: EntraEmulator;
    readonly app: AppRef;
    readonly tools?: readonly string[];
    readonly result?: (facts: WitnessFacts) => Readonly<Record<string, unknown>>;
    readonly sessions?: boolean;
}
interface WitnessFacts {
    readonly oid: string;
    readonly name: string;
    readonly tool: string;
    readonly receipt: string;
}
interface WitnessCall {
    readonly method: string;
    readonly token: WitnessedToken["token"];
    readonly oid?: string;
    readonly replayed?: true;
    readonly sessionOf?: string | undefined;
    readonly nonces: readonly string[];
    readonly receipt?: string | undefined;
}
interface Witness {
    readonly url: string;
    readonly resource: {
        readonly url: string;
        readonly serverLabel: string;
        readonly scopes: readonly string[];
        readonly audiences: readonly string[];
    };
    readonly calls: readonly WitnessCall[];
    dropSessions(): void;
    wearOut(oid: string): void;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
    readonly [witnessGate]: Gate;
}
declare const witnessGate: unique symbol;
declare function startWitness(options: WitnessOptions): Promise<Witness>;
interface IsolationOptions {
    readonly agent: string | URL | ((request: Request) => Response | Promise<Response>);
    readonly entra: EntraEmulator;
    readonly witness: Witness;
    readonly agentApp?: AppRef;
    readonly users?: readonly UserRef[];
    readonly turns?: number;
    readonly prompt?: (nonce: string, user: EntraUser) => string;
    readonly tokenHeader?: string;
    readonly seed?: number;
    readonly timeoutMs?: number;
    readonly sharedConversations?: boolean;
    readonly cancelPath?: (responseId: string) => string;
    readonly troubles?: readonly IsolationTrouble[];
}
interface IsolationTrouble {
    readonly name: string;
    begin(): void | Promise<void>;
    end(): void | Promise<void>;
}
interface IsolationReport {
    readonly faults: readonly IsolationFault[];
    readonly seed: number;
    readonly questions: number;
    readonly answered: number;
    readonly tokensChecked: number;
    readonly answersChecked: number;
    readonly elicitationsChecked: number;
    readonly replaysChecked: number;
    readonly cancelsChecked: number;
    readonly troubles: Readonly<Record<string, number>>;
}
interface IsolationFault {
    readonly kind: "wrong_token" | "wrong_answer" | "shared_session" | "token_shown" | "replayed_token" | "cancelled_turn" | "unanswered";
    readonly who: string;
    readonly whose?: string | undefined;
    readonly turn?: number;
    readonly text: string;
}
declare function checkIsolation(options: IsolationOptions): Promise<IsolationReport>;
interface FoundryFault {
    readonly on: "gateway" | "toolbox";
    readonly kind: "throttled" | "unavailable" | "internal" | "reset";
    readonly times?: number;
    readonly retryAfterS?: number;
    readonly rpc?: string;
}
interface FoundryRequest {
    readonly at: number;
    readonly side: "caller" | "container" | "toolbox" | "source" | "consent" | "storage";
    readonly method: string;
    readonly path: string;
    headers?: Readonly<Record<string, string>>;
    caller?: string;
    userId?: string;
    callId?: string;
    sessionId?: string;
    rpc?: string | undefined;
    tool?: string | undefined;
    toolbox?: string;
    source?: string;
    status: number;
    responseId?: string;
    refusal?: string;
    rpcError?: number;
    violations?: readonly string[];
}
type InProcessServer = (request: Request) => Response | Promise<Response>;
interface ToolboxOptions {
    readonly name: string;
    readonly sources: readonly ToolSourceOptions[];
    readonly versions?: readonly string[];
    readonly consentAt?: "initialize" | "tools/list";
    readonly consentMessage?: "link" | "prose";
    readonly consentFor?: "caller" | "container";
    readonly sessions?: "agent" | "user" | "none";
    readonly toolSearch?: {
        readonly pinned?: readonly string[];
    };
    readonly answers?: "stream" | "json";
}
interface ToolSourceOptions {
    readonly name: string;
    readonly type?: "mcp" | "a2a_preview";
    readonly url?: string;
    readonly server?: InProcessServer;
    readonly auth: ToolSourceAuth;
    readonly tools?: readonly ToolDefinition[];
    readonly requireApproval?: "always" | "never" | Readonly<Record<string, "always" | "never">>;
    readonly failing?: SourceFailure;
}
type ToolSourceAuth = {
    readonly type: "oauth2";
    readonly app: AppRef;
    readonly scopes: readonly string[];
    readonly connection?: string;
} | {
    readonly type: "agent";
    readonly audience: string;
} | {
    readonly type: "user_entra_token";
} | {
    readonly type: "none";
};
interface ToolDefinition {
    readonly name: string;
    readonly description?: string;
    readonly inputSchema?: Readonly<Record<string, unknown>>;
}
interface SourceFailure {
    readonly code: string;
    readonly message?: string;
}
interface FoundryOptions {
    readonly entra: EntraEmulator;
    readonly agentUrl?: string | URL;
    readonly agent?: InProcessServer;
    readonly project?: string;
    readonly agentName?: string;
    readonly agentVersion?: string;
    readonly tenant?: string;
    readonly agentIdentity?: string;
    readonly blueprint?: AppRef;
    readonly environment?: Readonly<Record<string, string>>;
    readonly toolboxes?: readonly ToolboxOptions[];
    readonly consumers?: "everybody" | readonly string[];
    readonly impersonators?: readonly string[];
    readonly readiness?: "probe" | "skip";
    readonly readinessTimeoutMs?: number;
    readonly choosesResponseIds?: boolean;
    readonly consentLinkLifetimeMs?: number;
    readonly consentLinks?: "loopback" | "platform";
    readonly port?: number;
    readonly now?: () => number;
    readonly fetch?: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
    readonly onRequest?: (entry: FoundryRequest) => void;
}
interface FoundryEmulator {
    readonly url: string;
    readonly projectEndpoint: string;
    readonly responsesUrl: string;
    readonly invocationsUrl: string;
    toolboxUrl(name: string, version?: string): string;
    readonly env: Readonly<Record<string, string>>;
    readonly log: readonly FoundryRequest[];
    readonly liveCalls: number;
    readonly storedResponses: readonly string[];
    connectAgent(agent: string | URL | InProcessServer): void;
    userId(who: {
        readonly name: string;
    } | {
        readonly delegated: string;
    }): string;
    openableLink(link: string): string;
    giveConsent(request: {
        readonly link: string;
        readonly user: UserRef;
    }): Promise<void>;
    revokeGrants(request: {
        readonly toolbox: string;
        readonly source: string;
        readonly user?: UserRef;
    }): void;
    failSource(source: {
        readonly toolbox: string;
        readonly source: string;
    }, failure: SourceFailure | undefined): void;
    addFault(fault: FoundryFault): void;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
declare function startFoundry(options: FoundryOptions): Promise<FoundryEmulator>;
export { IssuedSecret, checkIsolation, signInStoreSuite, startEntra, startFoundry, startWitness, testUserContext };
export
    type {
    ActivePolicy,
    AgentIdentityOptions,
    AppRef,
    AppTokenRequest,
    ConsentChange,
    EntraApp,
    EntraAppOptions,
    EntraEmulator,
    EntraGrant,
    EntraOptions,
    EntraPolicies,
    EntraPolicy,
    EntraRequest,
    EntraScopeOptions,
    EntraTenant,
    EntraTenantOptions,
    EntraUser,
    EntraUserOptions,
    FederatedCredentialOptions,
    FoundryEmulator,
    FoundryFault,
    FoundryOptions,
    FoundryRequest,
    InProcessServer,
    IsolationFault,
    IsolationOptions,
    IsolationReport,
    IsolationTrouble,
    ManagedIdentity,
    ManagedIdentityOptions,
    PolicyTarget,
    RedirectUriOptions,
    SignInStoreCheck,
    SignInStoreSuiteOptions,
    SourceFailure,
    StoreUnderTest,
    TestUserContextOptions,
    ToolDefinition,
    ToolSourceAuth,
    ToolSourceOptions,
    ToolboxOptions,
    UserRef,
    UserTokenRequest,
    Witness,
    WitnessCall,
    WitnessFacts,
    WitnessOptions
};
