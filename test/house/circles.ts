import { localImports, type SourceFile } from "./tree.js";

/** Circles among files, type-only imports included: the shortest through each file that none of the others shows. */
export function circles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const known = new Set(files.map(({ path }) => path));
  const imports = new Map(
    files.map((file) => [
      file.path,
      [...new Set(localImports(file).map(({ target }) => target))].filter((target) => known.has(target)),
    ]),
  );
  const left = new Set(known);
  const found: (readonly string[])[] = [];
  for (const file of known) {
    if (!left.has(file)) continue;
    const circle = wayBack(file, imports);
    if (circle === undefined) continue;
    for (const member of circle) left.delete(member);
    found.push(circle);
  }
  return found;
}

/** The shortest way from a file to itself. */
function wayBack(
  file: string,
  imports: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [file];
  for (const here of queue) {
    for (const next of imports.get(here) ?? []) {
      if (next === file) {
        const way = [here];
        for (let at = here; at !== file; way.unshift(at)) at = cameFrom.get(at) ?? file;
        return way;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, here);
      queue.push(next);
    }
  }
  return undefined;
}
