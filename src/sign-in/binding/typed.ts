/** A longer message is no code and no answer, and none is looked for in it. In characters (UTF-16 code units). */
export const maxMessageLength = 100_000;

/**
 * Long runs of combining marks, and of the two other characters that become one. Unicode sorts the marks of a run,
 * which takes quadratic time: 400 kB of them would stop the process for half a minute. No word has so many.
 */
const marks = /[\p{M}\uff9e\uff9f]{9,}/gu;
/** A mark that nothing is composed with (U+034F): what stood around a run is still not side by side. */
const oneMark = "\u034f";
/** Invisible characters come along when something is copied out of a page. Emoji are made of some. */
const invisible = /[\p{Cf}\ufe00-\ufe0f\u20e3]/gu;

const entities: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** A message as its author sees it: entities are characters, and look-alikes of letters and digits are those. */
export function visibleText(text: string): string {
  return text
    .replace(/&(?:(lt|gt|amp|quot|apos|nbsp)|#(\d{1,7})|#x([\da-f]{1,6}));/gi, character)
    .replace(marks, oneMark)
    .normalize("NFKC")
    .replace(invisible, "");
}

function character(entity: string, name = "", decimal = "", hex = ""): string {
  if (name !== "") return entities[name.toLowerCase()] ?? entity;
  const code = decimal === "" ? Number.parseInt(hex, 16) : Number(decimal);
  return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? entity : String.fromCodePoint(code);
}

/** Mentions that have the name between two tags: Teams, Webex, and Teams in HTML. */
const namedMentions = [
  /<(at|spark-mention)\b[^<>]{0,500}>[^<>]{0,200}<\/\1\s*>/gi,
  /<span\b[^<>]{0,500}\bMention\b[^<>]{0,500}>[^<>]{0,200}<\/span\s*>/gi,
  // Matrix, as Markdown and as HTML.
  /\[[^[\]]{0,200}\]\(https:\/\/matrix\.to\/[^()\s]{0,300}\)/gi,
  /<a\b[^<>]{0,50}https:\/\/matrix\.to\/[^<>]{0,300}>[^<>]{0,200}<\/a\s*>/gi,
];
/** Mentions and emoji in one pair of brackets: Slack, Discord, Google Chat. */
const bracketed = /<(?:[@!#&][^<>]{1,200}|a?:\w{1,40}:\d{1,30}|users\/[^<>]{1,100})>/gi;
/** HTML, as Teams sends it. An address in brackets is none, and stays. */
const tags = /<\/?[a-z][a-z\d-]*(?:\s[^<>]{0,500})?\/?>/gi;
const shortcodes = /(?<!\S):[a-z\d_+-]{1,40}:(?!\S)/gi;

/**
 * What the author of a message wrote: without the mentions, the layout and the quoted message that a channel puts
 * into its text.
 */
export function ownText(visible: string): string {
  const said = unquoted(outsideOf(visible, "<blockquote", "</blockquote>"));
  return [...namedMentions, bracketed, tags, shortcodes]
    .reduce((text, form) => text.replace(form, " "), said)
    .trim();
}

/** Without the parts between two marks. A message that is nothing else is left as it is. */
function outsideOf(text: string, open: string, close: string): string {
  if (!text.includes("<")) return text;
  const lower = text.toLowerCase();
  // Characters that change their length in lower case would shift the places.
  if (lower.length !== text.length) return text;
  let rest = "";
  let from = 0;
  for (let at = lower.indexOf(open); at !== -1; at = lower.indexOf(open, from)) {
    const end = lower.indexOf(close, at);
    if (end === -1) break;
    rest += `${text.slice(from, at)}\n`;
    from = end + close.length;
  }
  rest += text.slice(from);
  return /[\p{L}\p{N}]/u.test(rest) ? rest : text;
}

/** Without the lines in front that quote another message, unless there is nothing else. */
function unquoted(text: string): string {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => !/^\s{0,10}(?:>|$)/.test(line));
  return first > 0 && lines.slice(0, first).some((line) => line.includes(">"))
    ? lines.slice(first).join("\n")
    : text;
}

/** In a longer one nobody answers. Mentions that are plain text are looked for in shorter ones only. */
const maxPlainLength = 1_000;
/** A name in plain text may have as many words more, if they begin with a capital letter. */
const moreWords = [0, 1, 2, 3] as const;

/**
 * What a message may say, each time with another reading of where a plain `@name` in it ends, as words with one
 * separator between: `-` for dashes, `,` for what ends a clause, else a space. Layout, quotation marks and emoji are
 * gone. Words are as they were typed.
 */
export function readings(own: string, agent = ""): readonly string[] {
  const without =
    own.length > maxPlainLength || !own.includes("@")
      ? [own]
      : moreWords.map((more) => withoutName(own, more));
  return [...new Set(without)].flatMap((text) => {
    const words = plainWords(text);
    const rest = afterName(words, agent);
    return rest === undefined ? [words] : [words, rest];
  });
}

function withoutName(text: string, more: number): string {
  const name = String.raw`[\p{L}\p{M}\p{N}_.'-]{1,64}`;
  return text.replace(
    new RegExp(
      String.raw`(?<![^\s,;:(])@${name}(?:[ \t]{1,5}(?=[\p{Lu}\p{Lt}\p{Lo}\p{N}])${name}){${more}}`,
      "gu",
    ),
    " ",
  );
}

/** Words with one separator between. */
export function plainWords(text: string): string {
  return text
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, (run) =>
      /[-‐-―−]/.test(run) ? "-" : /[,;:.?!()。、¿¡…]/.test(run) ? "," : " ",
    )
    .replace(/^[ ,-]|[ ,-]$/g, "");
}

/** What stands behind the agent's name. */
function afterName(words: string, agent: string): string | undefined {
  const [name, said] = [plainWords(agent), words].map((text) => text.replace(/[,-]/g, " ").toLowerCase());
  if (name === undefined || name === "" || said?.startsWith(`${name} `) !== true) return undefined;
  // The same length in either case, or the place is not the same.
  return said.length === words.length ? words.slice(name.length + 1) : undefined;
}
