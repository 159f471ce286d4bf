import { IncomingMessage, ServerResponse } from 'node:http';
interface ConsentLinkPolicy {
    readonly allowedOrigins: readonly string[];
    check(link: string): void;
}
interface AgentReference {
    readonly type: "agent_reference";
    readonly name: string;
    readonly version?: string;
}
interface OutputItem {
    readonly type: string;
    readonly id?: string | undefined;
}
type ConsentReason = "consent" | "admin_consent" | "sign_in" | "step_up";
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
    readonly azp?: string;
    readonly appid?: string;
    readonly ver?: string;
    readonly name?: string;
    readonly preferred_username?: string;
    readonly upn?: string;
}
interface Assertion {
    readonly token: string;
    readonly hash: string;
    readonly claims: TokenClaims;
    readonly use: "app" | "resource";
}
type Principal = {
    readonly kind: "entra";
    readonly tid: string;
    readonly oid: string;
} | {
    readonly kind: "platform";
    readonly project: string;
    readonly agent: string;
    readonly id: string;
};
interface VerifiedUser {
    readonly tid: string;
    readonly oid: string;
    readonly name?: string;
    readonly username?: string;
}
interface PlatformContext {
    readonly hosted: boolean;
    readonly userId?: string;
    readonly callId?: string;
    readonly sessionId?: string;
    readonly conversationId?: string;
    readonly responseId?: string;
    readonly invocationId?: string;
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
type ResponseStatus = "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
interface ResponseFailure {
    readonly code: string;
    readonly message: string;
    readonly additionalInfo?: SignInInfo;
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
    readonly type: string;
}
interface VerifiedUserToken {
    readonly user: VerifiedUser;
    readonly assertion: Assertion;
}
type UserTokenVerifier = (token: string) => Promise<VerifiedUserToken>;
type RandomBytes = (length: number) => Uint8Array;
interface RunningTurns {
    readonly size: number;
    readonly draining: boolean;
    cancel(responseId: string, context: UserContext): Promise<ResponseObject | undefined>;
    drain(options?: DrainOptions): Promise<void>;
}
interface DrainOptions {
    readonly timeoutMs?: number;
}
interface TurnRequest {
    readonly body: Readonly<Record<string, unknown>>;
    readonly input: string;
    readonly previousResponseId?: string;
}
interface TurnSignIn {
    redeem(context: UserContext, text: string): Promise<RedeemedMessage>;
    keepPrompt(context: UserContext, prompt: string): Promise<void>;
}
interface RedeemedMessage {
    readonly status: string;
    readonly say?: string;
    readonly prompt?: string;
}
interface Turn {
    readonly signal: AbortSignal;
    readonly context: UserContext;
}
type RunOutput = AsyncIterable<string | RunEvent>;
interface Preparable {
    token(context: UserContext, options: {
        signal: AbortSignal;
    }): Promise<unknown>;
}
interface ResponsesTurn extends Turn {
    readonly input: string;
    readonly request: TurnRequest;
    readonly responseId: string;
}
interface ResponsesOptions {
    readonly prepare?: readonly Preparable[];
    readonly signIn?: TurnSignIn;
    readonly policy?: ConsentLinkPolicy;
    readonly agentReference?: AgentReference;
    readonly model?: string;
    readonly maxBodyBytes?: number;
    readonly turns?: RunningTurns;
    readonly keepAliveMs?: number;
    readonly onError?: (error: unknown) => void;
    readonly now?: () => number;
    readonly random?: RandomBytes;
}
type ResponsesRun = (turn: ResponsesTurn) => RunOutput;
interface FoundryEnvironment {
    readonly hosted: boolean;
    readonly projectEndpoint?: string;
    readonly agentName?: string;
    readonly agentVersion?: string;
    readonly sessionId?: string;
}
interface UserContextOptions {
    readonly verify: UserTokenVerifier | "none";
    readonly tokenHeader?: string;
    readonly require?: boolean;
    readonly platformUserId?: "one-person";
    readonly environment?: FoundryEnvironment;
}
type WebHandler = (request: Request) => Response | Promise<Response>;
declare function webHandler(handler: WebHandler): (request: IncomingMessage & {
    readonly originalUrl?: string;
}, response: ServerResponse, next?: (error: unknown) => void) => Promise<void>;
declare function responses(run: ResponsesRun, options?: ResponsesOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
type NodeUserContext = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
declare function userContext(options: UserContextOptions): NodeUserContext;
export { responses, userContext, webHandler };
export type { NodeUserContext, WebHandler };
