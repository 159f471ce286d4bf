import type { Language } from "../texts/languages.js";
import type { SignInText } from "../texts/texts.js";
import { html, type Html } from "./html.js";

/** What takes the place of a text's placeholders. */
type Values = Readonly<Record<string, string | Html>>;

/**
 * A text of a language with its values, each isolated, so that a name in another script does not turn the direction of
 * what stands around it.
 */
export function say({ texts }: Language, name: SignInText, values: Values = {}): Html {
  // Placeholders are at the odd places.
  const parts = texts[name].split(/\{(\w+)\}/).map((part, at) => {
    if (at % 2 === 0) return html`${part}`;
    const value = Object.hasOwn(values, part) ? values[part] : undefined;
    return typeof value === "string" ? html`<bdi>${value}</bdi>` : value;
  });
  return html`${parts}`;
}

/** The same as plain text, for titles and attributes. It is not escaped. */
export function plainly(
  { texts }: Language,
  name: SignInText,
  values: Readonly<Record<string, string>> = {},
): string {
  return texts[name].replace(/\{(\w+)\}/g, (_all, placeholder: string) => values[placeholder] ?? "");
}

/** A value that stands out. */
export function strong(value: string): Html {
  return html`<strong><bdi>${value}</bdi></strong>`;
}

/** An account name that breaks at its signs, where it has to, and not in the middle of `.com`. */
export function account(username: string): Html {
  const parts = username
    .split(/(?=[@.])/)
    .map((part, at) => (at === 0 ? html`${part}` : html`<wbr />${part}`));
  return html`<strong><bdi>${parts}</bdi></strong>`;
}

/** An account name that its owner recognizes and nobody else learns: `a•••@c•••.com`. */
export function masked(username: string): string {
  const [local = "", domain] = username.split("@");
  if (domain === undefined) return hidden(local);
  const dot = domain.lastIndexOf(".");
  const [name, ending] = dot > 0 ? [domain.slice(0, dot), domain.slice(dot)] : [domain, ""];
  return `${hidden(local)}@${hidden(name)}${ending}`;
}

/** As many dots as letters would tell how long the name is, so there are always as many. */
function hidden(text: string): string {
  return `${text.slice(0, 1)}•••`;
}

/** How long ago, and when exactly. The server does not know the reader's time zone, so it says UTC. */
export function time(language: Language, at: number, now: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${ago(language, now - at)}</time>
    <small>(${exact(language, at)})</small>`;
}

/** When exactly. */
export function moment(language: Language, at: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${exact(language, at)}</time>`;
}

/** A number of minutes in words. */
export function minutes(language: Language, count: number): string {
  return language.formats().minutes.format(count);
}

function exact(language: Language, at: number): string {
  return `${language.formats().date.format(at)} UTC`;
}

function ago(language: Language, ms: number): string {
  const { relative } = language.formats();
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return relative.format(0, "second");
  if (minutes < 60) return relative.format(-minutes, "minute");
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? relative.format(-hours, "hour") : relative.format(-Math.floor(hours / 24), "day");
}
