import { check, optional, record, text } from "../options/checks.js";
import { nested, type OptionCheck } from "../options/option-table.js";

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
export type LinkVerdict = "allowed" | "another host" | `is allowed, but not ${string}`;

/** Makes the rule of an allowed link. The link's form has been checked. */
export function linkRule({ origin, path, parameters = {} }: AllowedConsentLink): (url: URL) => LinkVerdict {
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

/** An allowed link of an option. */
export const allowedLinkOption: OptionCheck<AllowedConsentLink> = /* @__PURE__ */ nested<AllowedConsentLink>({
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
