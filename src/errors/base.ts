import { errorCodes, type ErrorCategory, type ErrorCode } from "./codes.js";

/** Names no build tool can change, the same in every copy of this package. */
const brands: Readonly<Record<BrandedClass, symbol>> = {
  HostedAgentIdentityError: Symbol.for("hosted-agent-identity/error/1"),
  ConsentRequiredError: Symbol.for("hosted-agent-identity/error/1/ConsentRequiredError"),
  NoTokenError: Symbol.for("hosted-agent-identity/error/1/NoTokenError"),
  TokenExchangeError: Symbol.for("hosted-agent-identity/error/1/TokenExchangeError"),
  UserTokenError: Symbol.for("hosted-agent-identity/error/1/UserTokenError"),
};

/**
 * Brands the errors of a class and of the classes derived from it. `constructor.name` cannot tell what an error
 * is, because minifiers rename classes, and neither can `instanceof`, because another copy of the package has
 * classes of its own.
 */
export function brandClass(errorClass: { readonly prototype: object }, name: BrandedClass): void {
  Object.defineProperty(errorClass.prototype, brands[name], { value: true });
  // Node prints the name of the class: out of a minified bundle, an error would be logged as "c [UserTokenError]".
  Object.defineProperty(errorClass, "name", { value: name, configurable: true });
}

/** Whether a value is an error of this class or of one derived from it, from this copy or another one. */
export function hasBrand(value: unknown, name: BrandedClass): boolean {
  if (typeof value !== "object" || value === null) return false;
  return (value as { readonly [brand: symbol]: unknown })[brands[name]] === true;
}

/** The input of every error of this package. */
export interface HostedAgentIdentityErrorOptions {
  /** Overrides the code's category, for a code with several causes. */
  readonly category?: ErrorCategory | undefined;
  readonly cause?: unknown;
  /** Overrides the catalog's next step with a more precise one. */
  readonly help?: string | undefined;
  /** Milliseconds to wait before another try. */
  readonly retryAfterMs?: number | undefined;
  /** How the resource wants the user to sign in, if it says so. */
  readonly authentication?: AuthenticationDemand | undefined;
}

/**
 * How a resource wants the user to sign in, if it does not say so in claims that Entra understands.
 * Source: RFC 9470.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export interface AuthenticationDemand {
  /** Authentication context class references, in order of preference. */
  readonly acrValues?: readonly string[];
  /** Maximum age of the sign-in, in seconds. */
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
  /** Who can fix it: the user, an admin, the developer, or time. */
  readonly category: ErrorCategory;
  /** What to do next, in one sentence. */
  readonly help: string;
  /** Milliseconds to wait before another try, if known. */
  declare readonly retryAfterMs?: number;
  /** How the resource wants the user to sign in, in its own words: relay it, do not log it. Only with `step_up_required`. */
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

  /** The error as JSON: no cause, no stack, no secret. */
  toJSON(): Record<string, unknown> {
    const { name, code, category, message, help, retryAfterMs } = this;
    return { name, code, category, message, help, retryAfterMs };
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

type BrandedClass =
  | "HostedAgentIdentityError"
  | "ConsentRequiredError"
  | "NoTokenError"
  | "TokenExchangeError"
  | "UserTokenError";
