import { isSecureUrl } from "../entra/clouds.js";
import { HostedAgentIdentityError } from "../errors.js";

/** Which links a person may be sent to. */
export interface ConsentLinkPolicyOptions {
  /** Origins, for example `https://chat.example.com`. An empty list allows none. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Decides whether a link may be shown. Made by {@link consentLinkPolicy}.
 * @group Consent
 */
export interface ConsentLinkPolicy {
  readonly allowedOrigins: readonly string[];
  /** Throws `consent_link_refused`; the message says what is wrong, and never shows the link. */
  check(link: string): void;
}

/**
 * A policy for consent links: https (http only on a loopback host), no user information, no whitespace or
 * control character, a plain host name, and one of the allowed origins. Throws `invalid_option` for an
 * allowed origin that is none.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { consentLinkPolicy, findConsentRequired } from "hosted-agent-identity";
 *
 * const policy = consentLinkPolicy({ allowedOrigins: ["https://login.microsoftonline.com"] });
 *
 * export function needsConsent(error: unknown): boolean {
 *   return findConsentRequired(error, { policy }) !== undefined;
 * }
 * ```
 * @group Consent
 */
export function consentLinkPolicy(options: ConsentLinkPolicyOptions): ConsentLinkPolicy {
  const origins = new Set(options.allowedOrigins.map(checkedOrigin));
  return Object.freeze<ConsentLinkPolicy>({
    allowedOrigins: Object.freeze([...origins]),
    check(link) {
      checkLinkForm(link);
      const { origin } = new URL(link);
      if (!origins.has(origin)) throw refused(`its origin ${JSON.stringify(origin)} is not allowed`);
    },
  });
}

/** The checks that hold for every link, whoever made it. Throws `consent_link_refused`. */
export function checkLinkForm(link: string): void {
  const fault = linkFault(link);
  if (fault !== undefined) throw refused(fault);
}

const maxLength = 8_192;
const authority = /^https?:\/\/([^/?#]*)/i;
const plainHost = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/**
 * What is wrong with a link, or `undefined`. The text is checked as well as the parsed URL, because clients
 * parse it again, each in its own way. Source: agent-framework, `_responses.py`, the hosts' own check.
 */
export function linkFault(link: unknown): string | undefined {
  if (typeof link !== "string" || link === "") return "it is not a text";
  if (link.length > maxLength) return `it is longer than ${maxLength} characters`;
  if (!/^[!-~]+$/.test(link)) return "it has whitespace, control or non-ASCII characters";
  if (link.includes("\\")) return "it has a backslash";
  const host = authority.exec(link)?.[1];
  if (host === undefined) return "it is not an absolute https link";
  if (host.includes("@")) return "it has user information";
  if (host.includes("%") || !plainHost.test(host) || !URL.canParse(link)) return "its host is not plain";
  return isSecureUrl(new URL(link)) ? undefined : "http is for loopback hosts only";
}

function checkedOrigin(value: string): string {
  const fault = linkFault(value);
  if (fault !== undefined || new URL(value).href !== `${new URL(value).origin}/`) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      `allowedOrigins: expected an https origin (http only for a loopback host), got ${JSON.stringify(value)}.`,
    );
  }
  return new URL(value).origin;
}

function refused(fault: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("consent_link_refused", `A consent link was refused: ${fault}.`);
}
