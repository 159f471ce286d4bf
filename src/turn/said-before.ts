import type { OutputItem } from "../foundry/items.js";

/** So many times the text is searched through at most, for messages that are not where they are expected. */
const maxSearches = 50;

/**
 * Tells of each message that a model call lists whether the run has yielded its text itself. They are listed in the
 * order in which they were said, so each is looked for behind the one before: searching the whole text for each
 * would take quadratic time. A message that is not found counts as new, so nothing is lost.
 */
export function saidBefore(text: () => string): (item: OutputItem) => boolean {
  let said: string | undefined;
  let end = 0;
  let left = 0;
  const search = (whole: string, text: string, from: number): number => {
    if (left <= 0) return -1;
    const found = whole.indexOf(text, from);
    left -= (found === -1 ? whole.length : found) - from;
    return found;
  };
  return (item) => {
    if (item.type !== "message") return false;
    if (said === undefined) {
      said = text();
      left = said.length * maxSearches;
    }
    if (said === "") return false;
    const wanted = textOf(item);
    let found = said.startsWith(wanted, end) ? end : search(said, wanted, end);
    if (found === -1) found = search(said, wanted, 0);
    if (found === -1) return false;
    end = found + wanted.length;
    return true;
  };
}

function textOf(item: OutputItem): string {
  const { content } = item as { readonly content?: unknown };
  return (Array.isArray(content) ? (content as readonly unknown[]) : [])
    .map((part) => (Object(part) as { text?: unknown }).text)
    .filter((text) => typeof text === "string")
    .join("");
}
