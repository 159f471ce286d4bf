import { func } from "../options/checks.js";
import { type ConsentReason } from "../errors.js";
import { type OptionCheck } from "../options/option-table.js";
import type { VerifiedUser } from "../context/user-context.js";

/** What a consent link is asked for. */
export interface ConsentLinkInput {
  /** The MCP server's label, for the page that the link opens. */
  readonly serverLabel: string;
  /** Fully qualified scopes of one resource. */
  readonly scopes: readonly string[];
  readonly reason: ConsentReason;
  /** The person who has to open it, when known: for `login_hint` and the tenant. */
  readonly user?: VerifiedUser | undefined;
  /** A claims challenge of Entra that the sign-in has to meet, as a JSON string. */
  readonly claims?: string | undefined;
}

/** A made link and when it stops working (milliseconds since the epoch). */
export interface MadeConsentLink {
  readonly link: string;
  readonly expiresAt?: number;
}

/**
 * Makes the link a person has to open. `kind` tells whether the person or an administrator consents;
 * `allowedOrigins` where its links may lead, the login host of the app's cloud unless it says otherwise.
 */
export interface ConsentLink {
  (input: ConsentLinkInput): MadeConsentLink | Promise<MadeConsentLink>;
  readonly kind: "user" | "admin";
  readonly allowedOrigins?: readonly string[];
}

/** The option `consentLink`. */
export const consentLinkOption: OptionCheck<ConsentLink> = func<ConsentLink>(
  "what entraConsentLink() or adminConsentLink() returned",
);
