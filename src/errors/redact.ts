/**
 * Takes out of a text what may be a secret, for texts that others wrote: messages and stacks of foreign errors.
 * Each step reads the text once, so the work grows no worse than linearly with it. GUIDs stay: they name
 * tenants, people and requests, and open nothing. What is random but shorter than 20 characters cannot be told
 * from a name, and stays as well.
 */
export function redacted(text: string): string {
  let safe = text.slice(0, maxText);
  for (const step of steps) safe = step(safe);
  return text.length > maxText ? `${safe} [cut]` : safe;
}

/** Takes JSON Web Tokens out of a text, also where their dots are URL-encoded. */
export function withoutTokens(text: string, instead: string = hidden): string {
  return text.replace(dottedWords, (word) => {
    const parts = word.split(/(\.|%2e)/i);
    // Parts and the dots between them take turns.
    for (let at = 0; at + 2 < parts.length; at += 2) {
      const part = parts[at] as string;
      const start = part.indexOf("eyJ");
      if (start < 0 || part.length - start < 11 || (parts[at + 2] as string).length < 8) continue;
      return [...parts.slice(0, at), part.slice(0, start), instead].join("");
    }
    return word;
  });
}

const maxText = 8_192;
const hidden = "[redacted]";

// A pattern that could begin anywhere in a long word would read the word again from each of its characters: these
// begin where a word begins, or have a bound.
const dottedWords = /(?<![\w-])[\w-]+(?:(?:\.|%2e)[\w-]+)+/gi;
const privateKeys = /-----BEGIN [^]*/g;
const headers =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}token)(["']?\s{0,8}[:=]\s{0,8})[^\r\n]+/gi;
const schemes = /\b(bearer|dpop|basic)((?:\s|%20|\+){1,8})([\w.~+/=%-]{8,})/gi;
const urls = /([a-z][a-z0-9+.-]{1,15}):\/\/([^\s"'<>`]+)/gi;
const queries = /\?[^\s"'<>=?]{0,200}=[^\s"'<>]*/g;
const named =
  /(?<![\w-])([\w-]{0,40}?(?:secret|password|passwd|pwd|(?:api|access|account)[-_]?key|assertion|code_verifier|(?:refresh|access|id|user|session)[-_]?token)["']?\s{0,8}[:=]\s{0,8}["']?)[^\s"'&,;)}\]]+/gi;
const parameters = /(?<![\w-])((?:code|state|token|key|sig|signature|nonce|ticket)=)[^\s"'&,;)}\]]{8,}/gi;
const modelKeys = /\b[sr]k[-_][\w-]{8,}/g;
/** As sign-in shows it, in any spelling a person may type; one without a digit is no code. */
const chatCodes = /(?<![\w-])(?=[a-z-]{0,10}\d)[a-z0-8]{3}-[a-z0-8]{3}-[a-z0-8]{3}(?![\w-])/gi;
const clientSecrets = /[\w.~-]{3}\dQ~[\w.~-]{30,}/g;
const longWords = /[\w~+%=-]{20,}/g;
const guids = /[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}/gi;

/** In this order: what has a name around it goes before what only looks random. */
const steps: readonly ((text: string) => string)[] = [
  (text) => text.replace(privateKeys, hidden),
  (text) => text.replace(headers, `$1$2${hidden}`),
  (text) =>
    text.replace(schemes, (all, scheme: string, space: string, word: string) =>
      // "Bearer authentication failed" says nothing.
      /^[a-z]{1,15}$/i.test(word) ? all : `${scheme}${space}${hidden}`,
    ),
  (text) => withoutTokens(text),
  (text) => text.replace(urls, (_all, scheme: string, rest: string) => bareUrl(scheme, rest)),
  (text) => text.replace(queries, `?${hidden}`),
  (text) => text.replace(named, `$1${hidden}`),
  (text) => text.replace(parameters, `$1${hidden}`),
  (text) => text.replace(modelKeys, hidden),
  (text) => text.replace(chatCodes, hidden),
  (text) => text.replace(clientSecrets, hidden),
  (text) => text.replace(longWords, (word) => (looksRandom(word) ? hidden : word)),
];

/** A URL without user info, query and fragment. */
function bareUrl(scheme: string, rest: string): string {
  const tail = rest.search(/[?#]/);
  const before = tail < 0 ? rest : rest.slice(0, tail);
  const slash = before.indexOf("/");
  // The password of a connection string may have a slash in it; the path of a web page, or of a file, may have an @.
  const userInfo = slash < 0 || !/^(?:https?|wss?|file)$/i.test(scheme) ? before : before.slice(0, slash);
  const at = userInfo.lastIndexOf("@");
  const place = at < 0 ? before : `${hidden}${before.slice(at)}`;
  return `${scheme}://${place}${tail < 0 ? "" : `?${hidden}`}`;
}

/** So many letters and digits in a row are looked at together. */
const windowSize = 20;
/** In so many in a row, so many changes are too many: names keep changing less the longer they are. */
const windows: readonly (readonly [size: number, changes: number])[] = [
  [windowSize, 9],
  [30, 12],
  [40, 14],
];

/**
 * Whether a word has a piece that nobody would write: where lower case, upper case and digits change more often
 * than in names and versions, or digits only.
 */
function looksRandom(word: string): boolean {
  const characters = word.replace(guids, "-").replace(/[^a-z0-9]/gi, "");
  /** For each character: how many changes and how many digits there are up to it. */
  const changes = [0];
  const digits = [0];
  let before: number | undefined;
  for (let at = 0; at < characters.length; at += 1) {
    const kind = kindOf(characters.charCodeAt(at));
    changes.push((changes[at] as number) + (before === undefined || before === kind ? 0 : 1));
    digits.push((digits[at] as number) + (kind === digit ? 1 : 0));
    before = kind;
    const changedIn = (size: number): number =>
      (changes[at + 1] as number) - (changes[at + 2 - size] as number);
    if (windows.some(([size, most]) => at + 1 >= size && changedIn(size) >= most)) return true;
    if (at + 1 < windowSize) continue;
    const numbers = (digits[at + 1] as number) - (digits[at + 1 - windowSize] as number);
    if ((numbers >= 3 && changedIn(windowSize) >= 5) || numbers === windowSize) return true;
  }
  return false;
}

const digit = 0;

function kindOf(code: number): number {
  if (code < 58) return digit;
  return code < 91 ? 1 : 2;
}
