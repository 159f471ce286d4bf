/** The ids of headings, as GitHub makes them, so that one link serves there and on the site. */

/** The id of a heading, by its text. */
export function headingId(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");
}

/** The ids of all headings of a page in Markdown: one that comes again is numbered. */
export function headingIds(markdown: string): ReadonlySet<string> {
  const ids = new Set<string>();
  const withoutCode = markdown.replaceAll(/^[ \t]*(`{3,})[^]*?^[ \t]*\1`*[ \t]*$/gm, "");
  for (const [, heading = ""] of withoutCode.matchAll(/^#{1,6} +(.+?)[ #]*$/gm)) {
    const id = headingId(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, ""));
    let unique = id;
    for (let number = 1; ids.has(unique); number += 1) unique = `${id}-${number}`;
    ids.add(unique);
  }
  return ids;
}
