import { invalid, unexpected } from "../../options/invalid.js";
import { optional, record } from "../../options/checks.js";
import type { OptionCheck } from "../../options/option-table.js";
import { english } from "./english.js";
import { french } from "./french.js";
import { german } from "./german.js";
import { spanish } from "./spanish.js";
import type { SignInText, SignInTexts } from "./texts.js";

/**
 * The texts of the pages in the languages that are there without an option: English, German, French and Spanish. Start
 * from one of them for another language, or to change single texts.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { signInTexts, type SignInOptions } from "hosted-agent-identity/sign-in";
 *
 * export const languages: SignInOptions["languages"] = {
 *   en: { ...signInTexts.en, linkButton: "Continue to your Contoso account" },
 * };
 * ```
 * @group Sign-in
 */
export const signInTexts: Readonly<Record<"en" | "de" | "fr" | "es", SignInTexts>> = {
  en: english,
  de: german,
  fr: french,
  es: spanish,
};

/** A language that the pages speak. */
export interface Language {
  /** BCP 47, for example `pt-BR`. */
  readonly tag: string;
  readonly direction: "ltr" | "rtl";
  readonly texts: SignInTexts;
  /** Made when they are first needed: each takes about a millisecond. */
  formats(): Formats;
}

/** How a language writes times. */
interface Formats {
  readonly relative: Intl.RelativeTimeFormat;
  readonly date: Intl.DateTimeFormat;
  readonly minutes: Intl.NumberFormat;
}

/** All languages. One of the operator's replaces ours with the same tag. */
export function languagesOf(own?: Readonly<Record<string, SignInTexts>>): readonly Language[] {
  const texts = new Map(Object.entries(signInTexts));
  for (const [tag, of] of Object.entries(own ?? {})) texts.set(canonical(tag) ?? tag, of);
  return [...texts].map(([tag, of]) => language(tag, of));
}

function language(tag: string, texts: SignInTexts): Language {
  let made: Formats | undefined;
  const formats = (): Formats =>
    (made ??= {
      relative: new Intl.RelativeTimeFormat(tag, { numeric: "auto" }),
      date: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }),
      minutes: new Intl.NumberFormat(tag, { style: "unit", unit: "minute", unitDisplay: "long" }),
    });
  return { tag, direction: directionOf(tag), texts, formats };
}

/** A longer header is no list of languages. In characters. */
const maxHeaderLength = 512;

/**
 * The language that a browser prefers: its first that is there, or whose beginning is (`de-AT` gets `de`, and `pt` gets
 * `pt-BR`). Source: RFC 9110 section 12.5.4, RFC 4647 section 3.4 (lookup).
 */
export function languageFor(header: string | null, languages: readonly Language[]): Language {
  const ranges = (header ?? "").length > maxHeaderLength ? [] : (header ?? "").split(",").map(rangeOf);
  for (const { range } of ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality)) {
    for (let tag = range; tag !== ""; tag = tag.slice(0, Math.max(0, tag.lastIndexOf("-")))) {
      const found = languages.find((one) => one.tag.toLowerCase() === tag);
      if (found !== undefined) return found;
    }
    const wider = languages.find((one) => one.tag.toLowerCase().startsWith(`${range}-`));
    if (wider !== undefined && range !== "") return wider;
  }
  return languages.find(({ tag }) => tag === "en") ?? language("en", english);
}

function rangeOf(item: string): { readonly range: string; readonly quality: number } {
  const [range = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((one) => one.startsWith("q="));
  const quality = given === undefined ? 1 : Number(given.slice(2));
  return { range, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

function canonical(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

/** The scripts of living languages that run from right to left. Source: Unicode Standard, Bidi_Class R and AL. */
const fromTheRight = new Set(["Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"]);

function directionOf(tag: string): Language["direction"] {
  return fromTheRight.has(new Intl.Locale(tag).maximize().script ?? "") ? "rtl" : "ltr";
}

/** The longest text, in characters. */
const maxTextLength = 1_000;

/** The texts of one language: all of them, each with its placeholders. */
const textsCheck: OptionCheck<SignInTexts> = {
  kind: "object",
  expected: "the texts of a language: start from signInTexts.en",
  optional: false,
  read(value, at) {
    const given = ownTexts(value);
    if (given === undefined) throw unexpected(at, textsCheck.expected, value, "");
    const names = Object.keys(english).filter(isText);
    const missing = names.filter((name) => given[name] === undefined);
    if (missing.length > 0)
      throw invalid(at, `${missing.length} of ${names.length} texts are missing: ${missing.join(", ")}.`);
    return readTexts(names, given, at);
  },
};

function readTexts(
  names: readonly SignInText[],
  given: Partial<Record<string, unknown>>,
  at: string,
): SignInTexts {
  const read: Record<SignInText, string> = { ...english };
  for (const name of names) {
    const text = given[name];
    const expected = `a text of at most ${maxTextLength} characters`;
    if (typeof text !== "string" || text.trim() === "" || text.length > maxTextLength)
      throw unexpected(`${at}.${name}`, expected, text, "");
    const wanted = placeholdersOf(english[name]);
    if (placeholdersOf(text).join() !== wanted.join())
      throw invalid(
        `${at}.${name}`,
        wanted.length === 0
          ? "expected a text without placeholders in braces."
          : `expected a text with the placeholders ${wanted.join(", ")}, and no others.`,
      );
    read[name] = text;
  }
  return read;
}

function ownTexts(value: unknown): Partial<Record<string, unknown>> | undefined {
  try {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // A getter or proxy of the value has thrown.
    return undefined;
  }
}

function isText(name: string): name is SignInText {
  return Object.hasOwn(english, name);
}

function placeholdersOf(text: string): readonly string[] {
  return [...new Set(text.match(/\{[^}]*\}/g) ?? [])].sort();
}

const byLanguage = record(textsCheck);

/** The option `languages`. */
export const languagesOption: OptionCheck<Readonly<Record<string, SignInTexts>> | undefined> = optional({
  ...byLanguage,
  read(value, at) {
    const read = byLanguage.read(value, at);
    const tags = Object.keys(read).map(canonical);
    if (tags.includes(undefined) || new Set(tags).size < tags.length)
      throw invalid(at, 'expected each language once, under its BCP 47 tag, for example "nl" or "pt-BR".');
    return read;
  },
});
