import { check, list, made, optional } from "../options/checks.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import { readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { consentLinkRefusedCauses } from "../errors/causes/set-up.js";
import type { ErrorCause } from "../errors/facts.js";
import { allowedLinkOption, linkRule, type AllowedConsentLink } from "./allowed-link.js";
import { linkFault } from "./link-form.js";

/** Which links a person may be sent to. */
export interface ConsentLinkPolicyOptions {
  /**
   * Origins, for example `https://chat.example.com`; `https://*.example.com` stands for every host below
   * `example.com`, at any depth, and not for `example.com` itself. An empty list allows none.
   */
  readonly allowedOrigins: readonly string[];
  /**
   * Links that are allowed at a host of which the rest is not, for example `toolboxConsentLinks`: hosts that serve many
   * apps show anybody's page. Default: none.
   */
  readonly allowedLinks?: readonly AllowedConsentLink[];
}

/**
 * Decides whether a link may be shown. Made by {@link consentLinkPolicy}.
 * @group Consent
 */
export interface ConsentLinkPolicy {
  readonly allowedOrigins: readonly string[];
  readonly allowedLinks?: readonly AllowedConsentLink[];
  /** Throws `consent_link_refused`; the message says what is wrong, and never shows the link. */
  check(link: string): void;
}

/**
 * A policy for consent links: https (http only on a loopback host), no user information, no whitespace or
 * control character, a plain host name, and one of the allowed origins or links. Throws `invalid_option` for an
 * allowed origin or link that is none.
 *
 * Entry point: `hosted-agent-identity/consent`, which loads in browsers.
 *
 * @example
 * ```ts
 * import { findConsentRequired } from "hosted-agent-identity";
 * import { consentLinkPolicy } from "hosted-agent-identity/consent";
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
  const { allowedOrigins, allowedLinks = [] } = readOptions("consentLinkPolicy", linkPolicyOptions, options);
  const origins = new Set(allowedOrigins.map(normalizedOrigin));
  const below = [...origins].flatMap((origin) =>
    origin.startsWith(anyHostBelow) ? [origin.slice(anyHostBelow.length - 1)] : [],
  );
  const rules = allowedLinks.map(linkRule);
  return Object.freeze<ConsentLinkPolicy>({
    allowedOrigins: Object.freeze([...origins]),
    allowedLinks: Object.freeze([...allowedLinks]),
    check(link) {
      checkLinkForm(link);
      const url = new URL(link);
      const { origin, host } = url;
      // The suffix begins with a dot: whole labels only. Its scheme is https, since no such host is loopback.
      const isBelow = below.some((suffix) => host.length > suffix.length && host.endsWith(suffix));
      if (isBelow || origins.has(origin)) return;
      const verdicts = rules.map((rule) => rule(url));
      if (verdicts.includes("allowed")) return;
      const fault = verdicts.find((verdict) => verdict !== "another host") ?? "is not allowed";
      throw refused(`its origin ${JSON.stringify(origin)} ${fault}`);
    },
  });
}

const anyHostBelow = "https://*.";

/** The checks that hold for every link, whoever made it. Throws `consent_link_refused`. */
export function checkLinkForm(link: unknown): asserts link is string {
  const fault = linkFault(link);
  if (fault !== undefined) throw refused(fault, consentLinkRefusedCauses.form);
}

/**
 * Whether a link may leave: its form always, and what the policy says where there is one. Throws
 * `consent_link_refused`, also where a policy of one's own throws something else.
 */
export function checkLink(link: unknown, policy: ConsentLinkPolicy | undefined): asserts link is string {
  checkLinkForm(link);
  try {
    policy?.check(link);
  } catch (cause) {
    if (isHostedAgentIdentityError(cause)) throw cause;
    throw new HostedAgentIdentityError("consent_link_refused", undefined, { cause });
  }
}

/** Why a link may not leave; `undefined` for one that may. */
export function refusedLink(
  link: unknown,
  policy: ConsentLinkPolicy | undefined,
): HostedAgentIdentityError | undefined {
  try {
    checkLink(link, policy);
    return undefined;
  } catch (error) {
    return error as HostedAgentIdentityError;
  }
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
  allowedLinks: /* @__PURE__ */ optional(/* @__PURE__ */ list(allowedLinkOption)),
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

function refused(fault: string, cause?: ErrorCause): HostedAgentIdentityError {
  return new HostedAgentIdentityError("consent_link_refused", `A consent link was refused: ${fault}.`, cause);
}
