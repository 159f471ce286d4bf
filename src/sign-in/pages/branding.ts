import { check, either, isSecureUrl, label, optional, record, secureUrl } from "../../options/checks.js";
import type { OptionCheck, OptionTable } from "../../options/option-table.js";
import { surfaces } from "./style.js";

/**
 * Whose pages these are. Users give their account to a page they recognize.
 * @group Sign-in
 */
export interface SignInBranding {
  /** The name of your organization or product, at the top of each page. */
  readonly name: string;
  /**
   * A picture beside the name, shown 40 pixels high: an https address without query, or a `data:image/…;base64,` URL
   * (png, jpeg, gif, webp or svg+xml, at most 64 kB). The host of an https address sees who opens a page.
   */
  readonly logo?: string | URL;
  /** The color of buttons and links, as `#rrggbb`, with a contrast of at least 4.5 to 1 on white and `#f3f4f6`. */
  readonly accent?: string;
  /** The same for dark pages (`#1c1f23` and `#121417`). Default: a lighter `accent`. */
  readonly accentDark?: string;
  /**
   * Where the chat is, for the link back to it: one address, or one for each agent by its name. May have a query, for
   * example a deep link of Teams.
   */
  readonly chatUrl?: string | URL | Readonly<Record<string, string | URL>>;
  /** Where users get help: https or `mailto:`. */
  readonly supportUrl?: string | URL;
  /** Your privacy statement. */
  readonly privacyUrl?: string | URL;
}

const pageUrl: OptionCheck<string | URL> = check<string | URL>(
  "url",
  "an https address without user name (http only for a loopback host)",
  (value: string | URL) => isSecureUrl(new URL(value)),
);

const supportUrl: OptionCheck<string | URL> = check<string | URL>(
  "url",
  "an https address without user name, or a mailto: address",
  (value: string | URL) => {
    const url = new URL(value);
    return isSecureUrl(url) || (url.protocol === "mailto:" && /^[^\s@<>"]+@[^\s@<>"]+$/.test(url.pathname));
  },
);

/** Every page carries it. In characters. */
const maxLogoLength = 65_536;
const dataImage = /^data:image\/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$/;
const imageUrl: OptionCheck<string | URL> = secureUrl<string | URL>();

const logo: OptionCheck<string | URL> = check<string | URL>(
  "url",
  `an https address without query, or data:image/… (png, jpeg, gif, webp or svg+xml) in base64 of at most ${maxLogoLength} characters`,
  (value: string | URL) => {
    const text = String(value);
    if (text.startsWith("data:")) return text.length <= maxLogoLength && dataImage.test(text);
    // Characters that would end the address in a Content-Security-Policy.
    return imageUrl.read(value, "logo") === value && !/[;,']/.test(new URL(text).pathname);
  },
);

/** WCAG 2.2, 1.4.3: text of ordinary size. */
const leastContrast = 4.5;

function color(on: readonly string[], better: string): OptionCheck<string> {
  return check<string>(
    "text",
    `a color as #rrggbb with a contrast of at least ${leastContrast} to 1 on ${on.join(" and ")}`,
    (value: string) => isHex(value) && contrastOn(value, on) >= leastContrast,
    (value) =>
      typeof value === "string" && isHex(value)
        ? `This one has ${Math.floor(contrastOn(value, on) * 10) / 10} to 1: choose a ${better} one.`
        : "",
  );
}

/** The option `branding`. */
export const brandingOptions: OptionTable<SignInBranding> = {
  name: label(60),
  logo: optional(logo),
  accent: optional(color(surfaces.light, "darker")),
  accentDark: optional(color(surfaces.dark, "lighter")),
  chatUrl: optional(either(pageUrl, record(pageUrl))),
  supportUrl: optional(supportUrl),
  privacyUrl: optional(pageUrl),
};

/** What the accents of a branding are: the dark one is the light one, mixed with white until it can be read. */
export function accentsOf({
  accent,
  accentDark,
}: SignInBranding): { light: string; dark: string } | undefined {
  if (accent === undefined) return accentDark === undefined ? undefined : { light: "", dark: accentDark };
  if (accentDark !== undefined) return { light: accent, dark: accentDark };
  for (let white = 0; white <= 1; white += 0.05) {
    const mixed = channels(accent).map((one) => Math.round(one + (255 - one) * white));
    const dark = `#${mixed.map((one) => one.toString(16).padStart(2, "0")).join("")}`;
    if (contrastOn(dark, surfaces.dark) >= leastContrast) return { light: accent, dark };
  }
  return { light: accent, dark: "#ffffff" };
}

function isHex(text: string): boolean {
  return /^#[0-9a-f]{6}$/i.test(text);
}

/** The lowest contrast of a color on some surfaces. Source: WCAG 2.2, "contrast ratio". */
function contrastOn(color: string, on: readonly string[]): number {
  return Math.min(
    ...on.map((surface) => {
      const [a, b] = [luminance(color), luminance(surface)];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }),
  );
}

/** Source: WCAG 2.2, "relative luminance". */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((one) => {
    const share = one / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function channels(color: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}
