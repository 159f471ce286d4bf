import { systemClock } from "../async/clocks.js";
import { unexpected } from "./invalid.js";
import type { OptionCheck, OptionKind } from "./option-table.js";

/** A check from a kind, words and a test. A value for which the test throws is refused. */
export function check<T>(
  kind: OptionKind,
  expected: string,
  accepts: (value: never) => boolean,
  hint?: (value: unknown) => string | undefined,
): OptionCheck<T> {
  return {
    kind,
    expected,
    optional: false,
    read(value, at) {
      if (isOfKind(kind, value) && passes(accepts as (value: unknown) => boolean, value)) return value as T;
      // Functions and objects do not come from environment variables, so the usual hint does not apply.
      const usual = kind === "function" || kind === "object" ? "" : undefined;
      throw unexpected(at, expected, value, hint?.(value) ?? (value === undefined ? usual : undefined));
    },
  };
}

/** An option that may be left out. `null` is refused, because it is usually the result of a failed lookup. */
export function optional<T>(inner: OptionCheck<T>): OptionCheck<T | undefined> {
  return {
    ...inner,
    optional: true,
    read: (value, at) => (value === undefined ? undefined : inner.read(value, at)),
  };
}

/** An option with a default. */
export function orElse<T>(inner: OptionCheck<T>, otherwise: T): OptionCheck<T> {
  return {
    ...inner,
    optional: true,
    otherwise,
    read: (value, at) => (value === undefined ? otherwise : inner.read(value, at)),
  };
}

/** The longest time that a timer of Node.js waits, in milliseconds. It fires at once for a longer one. */
export const longestTimerMs: number = 2 ** 31 - 1;

/** A duration in milliseconds. */
export function milliseconds(least = 1, most: number = longestTimerMs): OptionCheck<number> {
  return check<number>(
    "number",
    `milliseconds, a number from ${least} to ${most}`,
    inRange(least, most),
    (value) => (typeof value === "string" && value !== "" ? "Give 30 seconds as 30_000." : undefined),
  );
}

/** A size in bytes, whole. */
export function bytes(least = 1, most: number = Number.MAX_SAFE_INTEGER): OptionCheck<number> {
  return check<number>(
    "number",
    `bytes, a whole number from ${least} to ${most}`,
    (value: number) => Number.isInteger(value) && inRange(least, most)(value),
    (value) => (typeof value === "string" && value !== "" ? "Give 4 MiB as 4 * 1024 * 1024." : undefined),
  );
}

/** How many of something, whole. */
export function count(least = 1, most: number = Number.MAX_SAFE_INTEGER): OptionCheck<number> {
  return check<number>(
    "number",
    `a whole number from ${least} to ${most}`,
    (value: number) => Number.isInteger(value) && inRange(least, most)(value),
  );
}

/** Seconds, where the protocol counts in them. */
export function seconds(least: number, most: number): OptionCheck<number> {
  return check<number>("number", `seconds, a number from ${least} to ${most}`, inRange(least, most));
}

// Marked as pure, as all checks made beside what clients in browsers load: a bundler may leave them out.

/** `true` or `false`. */
export const flag: OptionCheck<boolean> = /* @__PURE__ */ check("boolean", "true or false", () => true);

/** A text that is not blank, in a form where one is given. */
export function text(expected = "a text that is not empty", form: RegExp = /\S/): OptionCheck<string> {
  return check<string>("text", expected, (value: string) => value.trim() !== "" && form.test(value));
}

/** A text that users see. */
export function label(most = 128): OptionCheck<string> {
  const expected = `1 to ${most} characters, none of them a control character or one that is not seen`;
  return check<string>("text", expected, (value: string) => value.length <= most && isPlainText(value));
}

/** A function of any kind. */
export function func<F>(expected = "a function"): OptionCheck<F> {
  return check<F>("function", expected, () => true);
}

/** One of some texts. */
export function oneOf<T extends string>(...names: readonly T[]): OptionCheck<T> {
  const expected = names.map((name) => JSON.stringify(name)).join(" or ");
  return check<T>("text", expected, (value: T) => names.includes(value));
}

/** A list, each item checked. */
export function list<T>(item: OptionCheck<T>, least = 0): OptionCheck<readonly T[]> {
  const expected = `a list of ${least > 0 ? `at least ${least}: ` : ""}${item.expected}`;
  return {
    kind: "list",
    expected,
    optional: false,
    parts: item.parts,
    read(value, at) {
      if (!isOfKind("list", value) || (value as unknown[]).length < least)
        throw unexpected(at, expected, value);
      return Array.from(value as unknown[], (one, index) => item.read(one, `${at}[${index}]`));
    },
  };
}

/** An object whose values are checked, whatever their names. */
export function record<T>(item: OptionCheck<T>): OptionCheck<Readonly<Record<string, T>>> {
  const expected = `an object whose values are ${item.expected}`;
  return {
    kind: "object",
    expected,
    optional: false,
    read(value, at) {
      if (!isOfKind("object", value) || !passes((one) => Object.entries(one as object).length >= 0, value))
        throw unexpected(at, expected, value);
      const entries = Object.entries(value as object).map(
        ([name, one]) => [name, item.read(one, `${at}[${JSON.stringify(name)}]`)] as const,
      );
      return Object.fromEntries(entries);
    },
  };
}

/** Either of two checks: the first, where the value is of its kind. */
export function either<A, B>(first: OptionCheck<A>, second: OptionCheck<B>): OptionCheck<A | B> {
  return {
    kind: "mixed",
    expected: `${first.expected}, or ${second.expected}`,
    optional: false,
    parts: first.parts ?? second.parts,
    read: (value, at) =>
      isOfKind(second.kind, value) && !isOfKind(first.kind, value)
        ? second.read(value, at)
        : isOfKind(first.kind, value)
          ? first.read(value, at)
          : fail(at, `${first.expected}, or ${second.expected}`, value),
  };
}

/** What a member has to be. */
type MemberKind = "string" | "boolean" | "number" | "function" | "object" | "list";

/**
 * An object with the members that are used. Its class is not checked, because another copy of this package or a test
 * double may have created it.
 */
export function made<T>(expected: string, members: { readonly [K in keyof T]?: MemberKind }): OptionCheck<T> {
  return check<T>("object", expected, (value: object) =>
    Object.entries(members).every(([name, kind]) => {
      const member = (value as Record<string, unknown>)[name];
      return kind === "list" ? Array.isArray(member) : typeof member === kind && member !== null;
    }),
  );
}

/** A URL that secrets may be sent to: https, or http on a loopback host, without user name, query and fragment. */
export function secureUrl<T extends string | URL>(): OptionCheck<T> {
  const expected = "an https address (http only for a loopback host) without user name, query and fragment";
  return check<T>("url", expected, (value: string | URL) => {
    const url = new URL(String(value));
    return isSecureUrl(url) && url.search === "" && url.hash === "";
  });
}

const inRange =
  (least: number, most: number) =>
  (value: number): boolean =>
    value >= least && value <= most;

function isOfKind(kind: OptionKind, value: unknown): boolean {
  if (kind === "mixed") return true;
  if (kind === "text") return typeof value === "string";
  if (kind === "url") return typeof value === "string" || passes((one) => one instanceof URL, value);
  if (kind === "list") return passes(Array.isArray, value);
  if (kind === "object")
    return typeof value === "object" && value !== null && passes((one) => !Array.isArray(one), value);
  return typeof value === kind;
}

function passes(accepts: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return accepts(value);
  } catch {
    // A getter or proxy of the value has thrown.
    return false;
  }
}

function fail(at: string, expected: string, value: unknown): never {
  throw unexpected(at, expected, value);
}

/** The wall clock of a factory. `clocksOf()` adds the steady clock that ages what is kept. */
export const clock: OptionCheck<() => number> = /* @__PURE__ */ orElse(
  /* @__PURE__ */ func<() => number>("a function that gives milliseconds since 1970"),
  systemClock,
);

/** A signal to stop at. */
export const abortSignal: OptionCheck<AbortSignal> = /* @__PURE__ */ made<AbortSignal>("an AbortSignal", {
  aborted: "boolean",
  addEventListener: "function",
  removeEventListener: "function",
});

/** Whether a URL may be given a secret: https, or http on a loopback host, and without user information. */
export function isSecureUrl({ protocol, hostname, username, password }: URL): boolean {
  const secure = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return secure && username === "" && password === "";
}

/** Whether a host name of a parsed URL names this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Characters that change how a text is read without being seen: control characters (C0, DEL, C1), line
 * separators, lone surrogates, zero-width spaces, and those that turn the direction of what follows. The joiners
 * U+200C and U+200D are left alone: Persian and emoji need them. Source: Unicode Technical Report 36, section 2.
 */
const unseen = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;

/** Whether a text can be shown to people, and written into logs, as one line that reads as it is. */
function isPlainText(text: string): boolean {
  return text.trim() !== "" && !unseen.test(text);
}
