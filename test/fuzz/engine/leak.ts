import { HostedAgentIdentityError } from "hosted-agent-identity";

/** No so many characters of a secret may stand in an error, one after the other. */
export const windowLength = 24;

/** A window of a secret that stands in a text, or `undefined`. `known` may be shown. */
export function leaked(secrets: readonly string[], text: string, known = ""): string | undefined {
  if (text.length < windowLength) return undefined;
  let places = 0;
  for (const secret of secrets) {
    // Every window holds one of these blocks whole.
    for (let at = 0; at + blockLength <= secret.length; at += blockLength) {
      const block = secret.slice(at, at + blockLength);
      for (let place = text.indexOf(block); place >= 0; place = text.indexOf(block, place + 1)) {
        const window = windowAround(secret, at, text, place, known);
        if (window !== undefined) return window;
        // A text that repeats itself has every block everywhere.
        if ((places += 1) > maxPlaces) return leakedOfAll(secrets, text, known);
      }
    }
  }
  return undefined;
}

const blockLength = windowLength / 2;
const maxPlaces = 2_000;

/** The same, window by window: slower on most texts, and no slower on any. */
function leakedOfAll(secrets: readonly string[], text: string, known: string): string | undefined {
  const windows = new Set<string>();
  for (let at = 0; at + windowLength <= text.length; at += 1) windows.add(text.slice(at, at + windowLength));
  for (const secret of secrets) {
    for (let at = 0; at + windowLength <= secret.length; at += 1) {
      const window = secret.slice(at, at + windowLength);
      if (windows.has(window) && isTelling(window) && !known.includes(window)) return window;
    }
  }
  return undefined;
}

/** A telling window in what secret and text have in common around two places where they are the same. */
function windowAround(
  secret: string,
  at: number,
  text: string,
  place: number,
  known: string,
): string | undefined {
  let [before, after] = [0, blockLength];
  while (
    before < windowLength &&
    secret[at - before - 1] === text[place - before - 1] &&
    at > before &&
    place > before
  )
    before += 1;
  while (
    after < blockLength + windowLength &&
    at + after < secret.length &&
    secret[at + after] === text[place + after]
  )
    after += 1;
  for (let from = at - before; from + windowLength <= at + after; from += 1) {
    const window = secret.slice(from, from + windowLength);
    if (isTelling(window) && !known.includes(window)) return window;
  }
  return undefined;
}

/** One character again and again tells nothing; and no token, code or link has quotes or white space in it. */
function isTelling(window: string): boolean {
  return new Set(window).size >= 8 && !/["\\\s]/.test(window);
}

/** Everything that an error shows: its JSON, what it prints, and what it was made from. */
export function shown(error: unknown): string {
  const texts: string[] = [];
  let one = error;
  for (let depth = 0; depth < 6 && one instanceof Error; depth += 1) {
    // Of the stack what stands before its first frame.
    texts.push(one.message, one.stack?.split("\n    at ", 1)[0] ?? "", JSON.stringify(one) ?? "");
    if (one instanceof HostedAgentIdentityError) texts.push(one.help);
    one = one.cause;
  }
  return texts.join("\n");
}
