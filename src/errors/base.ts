import { brandClass, hasBrand } from "./brand.js";
import { errorCodes, type ErrorCategory, type ErrorCode } from "./codes.js";

/** What every error of this package is made from. */
export interface HostedAgentIdentityErrorOptions {
  /** Overrides the category of the code, where the same code has several causes. */
  readonly category?: ErrorCategory | undefined;
  readonly cause?: unknown;
  /** Overrides the next step of the catalogue with a more precise one. */
  readonly help?: string | undefined;
  /** After how many milliseconds another try makes sense. */
  readonly retryAfterMs?: number | undefined;
  /** How the person should have signed in, where a resource says so. */
  readonly authentication?: AuthenticationDemand | undefined;
}

/**
 * How a resource wants a person to have signed in, where it does not say so in claims that Entra understands.
 * Source: RFC 9470.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export interface AuthenticationDemand {
  /** Authentication context class references, in order of preference. */
  readonly acrValues?: readonly string[];
  /** How long ago the sign-in may be, in seconds. */
  readonly maxAgeS?: number;
}

/**
 * The base of every error this package throws. Branded with `Symbol.for`, so that the guards work in minified
 * bundles, across duplicate installs, and for classes of your own that extend it. Safe to log and to turn into
 * JSON: it never holds a token, code, secret or link.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { isHostedAgentIdentityError } from "hosted-agent-identity";
 *
 * export function describe(error: unknown): string {
 *   return isHostedAgentIdentityError(error) ? `${error.code}: ${error.help}` : String(error);
 * }
 * ```
 * @group Errors
 */
export class HostedAgentIdentityError extends Error {
  static {
    brandClass(this, "HostedAgentIdentityError");
  }

  override readonly name: string = "HostedAgentIdentityError";
  /** The documented code; switch on this. */
  readonly code: ErrorCode;
  /** Who can end the trouble: the user, an admin, the developer, or time. */
  readonly category: ErrorCategory;
  /** What to do next, in one sentence. */
  readonly help: string;
  /** After how many milliseconds another try makes sense, if that is known. */
  declare readonly retryAfterMs?: number;
  /** How the person should have signed in, in a resource's words: to relay, not to log. With `step_up_required` only. */
  declare readonly authentication?: AuthenticationDemand;

  constructor(code: ErrorCode, message?: string, options: HostedAgentIdentityErrorOptions = {}) {
    const facts = errorCodes[code];
    super(message ?? facts.title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.category = options.category ?? facts.category;
    this.help = options.help ?? facts.help;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.authentication !== undefined) this.authentication = options.authentication;
  }

  /** A JSON-safe picture of the error: no cause, no stack, nothing secret. */
  toJSON(): Record<string, unknown> {
    const { name, code, category, message, help, retryAfterMs } = this;
    return { name, code, category, message, help, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
}

/**
 * Whether a value is an error of this package, from this copy or another one.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export function isHostedAgentIdentityError(value: unknown): value is HostedAgentIdentityError {
  return hasBrand(value, "HostedAgentIdentityError");
}
