import {
  check,
  HostedAgentIdentityError,
  isSecureUrl,
  list,
  made,
  readOptions,
  type OptionCheck,
  type OptionTable,
} from "../errors.js";

/** Which links a person may be sent to. */
export interface ConsentLinkPolicyOptions {
  /**
   * Origins, for example `https://chat.example.com`; `https://*.example.com` stands for every host below
   * `example.com`, at any depth, and not for `example.com` itself. An empty list allows none.
   */
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
  const { allowedOrigins } = readOptions("consentLinkPolicy", linkPolicyOptions, options);
  const origins = new Set(allowedOrigins.map(normalizedOrigin));
  const below = [...origins].flatMap((origin) =>
    origin.startsWith(anyHostBelow) ? [origin.slice(anyHostBelow.length - 1)] : [],
  );
  return Object.freeze<ConsentLinkPolicy>({
    allowedOrigins: Object.freeze([...origins]),
    check(link) {
      checkLinkForm(link);
      const { origin, host } = new URL(link);
      // The suffix begins with a dot: whole labels only. Its scheme is https, since no such host is loopback.
      const isBelow = below.some((suffix) => host.length > suffix.length && host.endsWith(suffix));
      if (!isBelow && !origins.has(origin))
        throw refused(`its origin ${JSON.stringify(origin)} is not allowed`);
    },
  });
}

const anyHostBelow = "https://*.";

/** The checks that hold for every link, whoever made it. Throws `consent_link_refused`. */
export function checkLinkForm(link: string): void {
  const fault = linkFault(link);
  if (fault !== undefined) throw refused(fault);
}

/** In characters. Browsers and servers take no longer ones for sure. */
export const maxLinkLength = 8_192;
const authority = /^https?:\/\/([^/?#]*)/i;
const plainHost = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[1-9]\d{0,4})?$/;

/**
 * What is wrong with a link, or `undefined`. The text is checked as well as the parsed URL, because clients
 * parse it again, each in its own way. Source: agent-framework, `_responses.py`, the hosts' own check.
 */
export function linkFault(link: unknown): string | undefined {
  if (typeof link !== "string" || link === "") return "it is not a text";
  if (link.length > maxLinkLength) return `it is longer than ${maxLinkLength} characters`;
  if (!/^[!-~]+$/.test(link)) return "it has whitespace, control or non-ASCII characters";
  if (link.includes("\\")) return "it has a backslash";
  const host = authority.exec(link)?.[1];
  if (host === undefined) return "it is not an absolute https link";
  if (host.includes("@")) return "it has user information";
  if (host.includes("%") || !plainHost.test(host) || !URL.canParse(link)) return "its host is not plain";
  return isSecureUrl(new URL(link)) ? undefined : "http is for loopback hosts only";
}

/** A policy of {@link consentLinkPolicy}, or one of your own. */
export const policyOption: OptionCheck<ConsentLinkPolicy> = /* @__PURE__ */ made<ConsentLinkPolicy>(
  "what consentLinkPolicy() returned",
  { check: "function" },
);

/** The options of {@link consentLinkPolicy}. */
export const linkPolicyOptions: OptionTable<ConsentLinkPolicyOptions> = {
  allowedOrigins: /* @__PURE__ */ list(
    /* @__PURE__ */ check<string>(
      "text",
      "an https origin (http only for a loopback host)",
      (value: string) => {
        const plain = plainOrigin(value);
        if (linkFault(plain) !== undefined) return false;
        const { href, origin, hostname } = new URL(plain);
        return href === `${origin}/` && (plain === value || isDomain(hostname));
      },
    ),
  ),
};

/** An origin without the star of a wild one. */
function plainOrigin(value: string): string {
  return value.startsWith(anyHostBelow) ? `https://${value.slice(anyHostBelow.length)}` : value;
}

function normalizedOrigin(value: string): string {
  const { origin, host } = new URL(plainOrigin(value));
  return value.startsWith(anyHostBelow) ? `${anyHostBelow}${host}` : origin;
}

/** At least two labels and no address: `https://*.com` would allow nearly everybody. */
function isDomain(hostname: string): boolean {
  return /^[^.[\]]+(?:\.[^.[\]]+)*\.[a-z][^.[\]]*$/i.test(hostname);
}

function refused(fault: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("consent_link_refused", `A consent link was refused: ${fault}.`);
}
