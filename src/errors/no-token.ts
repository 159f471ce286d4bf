import {
  HostedAgentIdentityError,
  type HostedAgentIdentityErrorOptions,
  brandClass,
  hasBrand,
} from "./base.js";

/** Why a token source did not apply to a user. */
export type SkipReason =
  | "no_user"
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

/** A source that did not apply. */
export interface SkippedSource {
  /** The kind of the source, for example `on_behalf_of`. */
  readonly source: string;
  readonly reason: SkipReason;
  /** Expected and actual values and what to change; safe to log. */
  readonly detail: string;
}

/**
 * No token source could get a token for this user. `skipped` says why, source by source.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export class NoTokenError extends HostedAgentIdentityError {
  static {
    brandClass(this, "NoTokenError");
  }

  override readonly name: string = "NoTokenError";
  readonly skipped: readonly SkippedSource[];

  constructor(skipped: readonly SkippedSource[], options: HostedAgentIdentityErrorOptions = {}) {
    const reasons = skipped.map(({ source, detail }) => `${source}: ${detail}`).join(" ");
    super("no_token", `No token source could serve this user. ${reasons}`.trim(), options);
    this.skipped = Object.freeze([...skipped]);
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), skipped: this.skipped };
  }
}

/**
 * Whether a value is a {@link NoTokenError}, from this copy of the package or another one.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export function isNoTokenError(value: unknown): value is NoTokenError {
  return hasBrand(value, "NoTokenError");
}
