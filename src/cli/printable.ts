/** Control, format (text direction among them), line and paragraph separators, surrogates without their half. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Untrusted text, safe for a terminal: escape sequences, line breaks and text-direction marks become visible.
 * `except` stays unchanged.
 */
export function printable(text: string, except = ""): string {
  return text.replace(unprintable, (character) =>
    except.includes(character) ? character : escaped(character),
  );
}

/** As JSON escapes, so that escaped JSON keeps its meaning. */
function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at += 1)
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return text;
}
