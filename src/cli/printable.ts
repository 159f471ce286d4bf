/** Control, format (text direction among them), line and paragraph separators, surrogates without their half. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of a stranger as a terminal may show it: escape sequences, line breaks and marks that turn text around
 * become visible. `except` is left as it is.
 */
export function printable(text: string, except = ""): string {
  return text.replace(unprintable, (character) =>
    except.includes(character) ? character : escaped(character),
  );
}

/** As JSON escapes, so that escaped JSON is still the same JSON. */
function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at += 1)
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return text;
}
