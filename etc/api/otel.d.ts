import { TracerProvider, MeterProvider } from '@opentelemetry/api';
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
interface OpenTelemetryOptions {
    readonly tracerProvider?: TracerProvider;
    readonly meterProvider?: MeterProvider;
    readonly principalKey?: string | Uint8Array;
    readonly onEvent?: (event: IdentityEvent) => void;
}
declare function openTelemetry(options?: OpenTelemetryOptions): OnEvent;
export { openTelemetry };
export type { OpenTelemetryOptions };
