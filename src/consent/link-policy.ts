import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import { consentLinkRefusedCauses } from "../errors/causes/set-up.js";
import type { ErrorCause } from "../errors/facts.js";
import { redacted } from "../errors/redact.js";
import type { IdentityEvent } from "../events/events.js";
import { check, list, made, optional, record, text, isSecureUrl } from "../options/checks.js";
import { readOptions, type OptionCheck, type OptionTable, nested } from "../options/option-table.js";

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

/** An allowed link of an option. */
const allowedLinkOption: OptionCheck<AllowedConsentLink> = /* @__PURE__ */ nested<AllowedConsentLink>({
  origin: /* @__PURE__ */ check<string>(
    "text",
    "an https origin, with a star in its first label at most",
    (value: string) => {
      const plain = value.replace(/^(https:\/\/[a-z0-9-]*)\*/i, "$1x");
      return /^https:\/\/[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?$/i.test(plain) && URL.canParse(plain);
    },
  ),
  path: /* @__PURE__ */ text("a path, where a star is a whole segment", /^(\/(\*|[\w.~-]+))+$/),
  parameters: /* @__PURE__ */ optional(/* @__PURE__ */ record(/* @__PURE__ */ text())),
});

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

/**
 * Links that may be shown at a host of which the rest may not: a path, and parameters that have to be as they are
 * said to be.
 * @group Consent
 */
export interface AllowedConsentLink {
  /**
   * An https origin. A star in its first label stands for letters, digits and dashes, and for no dot:
   * `https://logic-*.consent.azure-apihub.net`.
   */
  readonly origin: string;
  /** The whole path, for example `/login`. A star stands for one segment. */
  readonly path: string;
  /** Parameters that have to be there, each once and with this value. Others may be there, too. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** What a rule says of a link. Anything else completes "its origin …" as a fault. */
type LinkVerdict = "allowed" | "another host" | `is allowed, but not ${string}`;

/** Makes the rule of an allowed link. The link's form has been checked. */
function linkRule({ origin, path, parameters = {} }: AllowedConsentLink): (url: URL) => LinkVerdict {
  const [origins, paths] = [pattern(origin.toLowerCase(), "[a-z0-9-]+"), pattern(path, "[A-Za-z0-9._~-]+")];
  return (url) => {
    if (!origins.test(url.origin)) return "another host";
    if (!paths.test(url.pathname)) return "is allowed, but not this path";
    const other = Object.entries(parameters).find(([name, value]) => !isOnly(url.searchParams, name, value));
    return other === undefined ? "allowed" : `is allowed, but not with another ${other[0]}`;
  };
}

/** Servers differ in whether the case of a name counts: two of one name are one too many. */
function isOnly(parameters: URLSearchParams, name: string, value: string): boolean {
  const given = [...parameters].filter(([one]) => one.toLowerCase() === name.toLowerCase());
  return given.length === 1 && given[0]?.[0] === name && given[0][1] === value;
}

function pattern(text: string, star: string): RegExp {
  const plain = text.split("*").map((part) => part.replace(/[^\w/-]/g, "\\$&"));
  return new RegExp(`^${plain.join(star)}$`);
}

const maxShown = 200;

/**
 * The event of a link that was not shown: its origin and path, so that somebody can see where it would have led. Never
 * its query, which may sign somebody in, nor what in a path looks random.
 */
export function consentLinkRefused(
  from: "run" | "toolbox" | "turn" | "elicitation",
  link: unknown,
  serverLabel: unknown,
): IdentityEvent {
  const label = typeof serverLabel === "string" ? { serverLabel: serverLabel.slice(0, maxShown) } : {};
  return { type: "consent_link_refused", from, ...label, ...placeOf(link) };
}

function placeOf(link: unknown): { readonly origin?: string; readonly path?: string } {
  if (typeof link !== "string" || link.length > maxLinkLength || !URL.canParse(link)) return {};
  const { protocol, host, pathname } = new URL(link);
  if (host === "") return {};
  return {
    // Not `origin`, which is "null" for what is not of the web.
    origin: `${protocol}//${host}`.slice(0, maxShown),
    path: redacted(pathname.slice(0, maxShown)),
  };
}
