import { HostedAgentIdentityError } from "../../../src/errors.js";

/** No so many characters of a secret may stand in an error, one after the other. */
export const windowLength = 24;

/** A window of a secret that stands in a text, or `undefined`. `known` may be shown. */
export function leaked(secrets: readonly string[], text: string, known = ""): string | undefined {
  if (text.length < windowLength) return undefined;
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

/** One character again and again tells nothing; and no token, code or link has quotes or white space in it. */
function isTelling(window: string): boolean {
  return new Set(window).size >= 8 && !/["\\\s]/.test(window);
}

/** Everything that an error shows: its JSON, what it prints, and what it was made from. */
export function shown(error: unknown): string {
  const texts: string[] = [];
  let one = error;
  for (let depth = 0; depth < 6 && one instanceof Error; depth += 1) {
    texts.push(one.message, one.stack ?? "", JSON.stringify(one) ?? "");
    if (one instanceof HostedAgentIdentityError) texts.push(one.help);
    one = one.cause;
  }
  return texts.join("\n");
}
