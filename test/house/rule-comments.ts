import type { Place } from "./spreads.js";
import type { SourceFile } from "./tree.js";

/** Where a comment or a text cites one of the rules by its number alone: nobody can look up what "rule 14" was. */
export function citedByNumber({ path, text }: Pick<SourceFile, "path" | "text">): readonly Place[] {
  return text
    .split("\n")
    .flatMap((line, at) => (/\brules? [A-Z]?\d/i.test(line) ? [{ path, line: at + 1 }] : []));
}
