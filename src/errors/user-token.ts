import {
  HostedAgentIdentityError,
  type HostedAgentIdentityErrorOptions,
  brandClass,
  hasBrand,
} from "./base.js";
import type { ErrorCode } from "./codes.js";

/** What is wrong with a user token: facts that are safe to show to the caller. */
export interface UserTokenFault {
  /** What would have been accepted, for example the audiences of this app. */
  readonly expected?: readonly string[] | undefined;
  /** What the token had, for example its audience. */
  readonly actual?: string | undefined;
}

/**
 * The request's user token is missing or was not accepted: answer 401. Contains what was expected and what
 * was sent, never the token itself.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export class UserTokenError extends HostedAgentIdentityError {
  static {
    brandClass(this, "UserTokenError");
  }

  override readonly name: string = "UserTokenError";
  /** The HTTP status to answer with: 401, or 503 when keys could not be fetched. */
  readonly status: number;
  declare readonly expected?: readonly string[];
  declare readonly actual?: string;

  constructor(
    code: ErrorCode,
    message?: string,
    fault: UserTokenFault = {},
    options: HostedAgentIdentityErrorOptions = {},
  ) {
    super(code, message, options);
    this.status = this.category === "retry" ? 503 : 401;
    if (fault.expected !== undefined) this.expected = Object.freeze([...fault.expected]);
    if (fault.actual !== undefined) this.actual = fault.actual;
  }

  override toJSON(): Record<string, unknown> {
    const { status, expected, actual } = this;
    return { ...super.toJSON(), status, expected, actual };
  }
}

/**
 * Whether a value is a {@link UserTokenError}, from this copy of the package or another one.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export function isUserTokenError(value: unknown): value is UserTokenError {
  return hasBrand(value, "UserTokenError");
}
