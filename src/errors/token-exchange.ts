import {
  HostedAgentIdentityError,
  type HostedAgentIdentityErrorOptions,
  brandClass,
  hasBrand,
} from "./base.js";
import type { ErrorCode } from "./codes.js";

/** Entra's refusal. Nothing in it is secret; `error_description` is never kept. */
export interface EntraRefusal {
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  /** OAuth `error`, for example `invalid_grant`. */
  readonly error?: string | undefined;
  readonly suberror?: string | undefined;
  /** The numeric AADSTS codes, for example `[65001]`. */
  readonly errorCodes?: readonly number[] | undefined;
  /** The claims challenge, a JSON string, if there was one. */
  readonly claims?: string | undefined;
  readonly traceId?: string | undefined;
  readonly correlationId?: string | undefined;
}

/**
 * Entra refused to issue a token, or could not be reached. Microsoft support asks for `errorCodes`, `traceId`
 * and `correlationId`.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: Microsoft Entra authentication and authorization error codes (learn.microsoft.com,
 * identity-platform/reference-error-codes).
 * @group Errors
 */
export class TokenExchangeError extends HostedAgentIdentityError {
  static {
    brandClass(this, "TokenExchangeError");
  }

  override readonly name: string = "TokenExchangeError";
  declare readonly status?: number;
  declare readonly error?: string;
  declare readonly suberror?: string;
  readonly errorCodes: readonly number[];
  /** A claims challenge to relay to the caller (step-up), as the JSON string Entra sent. */
  declare readonly claims?: string;
  declare readonly traceId?: string;
  declare readonly correlationId?: string;

  constructor(
    code: ErrorCode,
    message: string,
    refusal: EntraRefusal,
    options: HostedAgentIdentityErrorOptions = {},
  ) {
    super(code, message, options);
    this.errorCodes = Object.freeze([...(refusal.errorCodes ?? [])]);
    if (refusal.status !== undefined) this.status = refusal.status;
    if (refusal.error !== undefined) this.error = refusal.error;
    if (refusal.suberror !== undefined) this.suberror = refusal.suberror;
    if (refusal.claims !== undefined) this.claims = refusal.claims;
    if (refusal.traceId !== undefined) this.traceId = refusal.traceId;
    if (refusal.correlationId !== undefined) this.correlationId = refusal.correlationId;
  }

  override toJSON(): Record<string, unknown> {
    const { status, error, suberror, errorCodes, traceId, correlationId } = this;
    const details = { status, error, suberror, errorCodes, traceId, correlationId };
    return {
      ...super.toJSON(),
      ...Object.fromEntries(Object.entries(details).filter(([, v]) => v !== undefined)),
    };
  }
}

/**
 * Whether a value is a {@link TokenExchangeError}, from this copy of the package or another one.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export function isTokenExchangeError(value: unknown): value is TokenExchangeError {
  return hasBrand(value, "TokenExchangeError");
}
