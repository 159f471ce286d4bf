import { basename, dirname } from "node:path";
import ts from "typescript";
import type { SourceFile } from "./tree.js";
import { localImports } from "./tree.js";

/** One name that a test takes from a file of `src`. */
export interface TestImport {
  readonly test: string;
  readonly line: number;
  readonly target: string;
  readonly name: string;
  /** `public`: an entry has it. `mirrored`: internal, from the folder that the test stands for. `elsewhere`: neither. */
  readonly kind: "public" | "mirrored" | "elsewhere";
}

/**
 * What tests import from `src` by path. A public name belongs to an entry of the package, so that a file can move
 * without its tests; what is internal is tested beside where it is.
 */
export function testImports(
  tests: readonly SourceFile[],
  isPublic: (target: string, name: string) => boolean,
): readonly TestImport[] {
  return tests.flatMap((test) =>
    localImports(test)
      .filter(({ target }) => target.startsWith("src/"))
      .flatMap(({ target, names, line }) =>
        names.map((name) => ({
          test: test.path,
          line,
          target,
          name,
          kind: isPublic(target, name)
            ? ("public" as const)
            : mirrors(test.path, target)
              ? ("mirrored" as const)
              : ("elsewhere" as const),
        })),
      ),
  );
}

/** `test/sign-in/grants/x.test.ts` mirrors `src/sign-in`: its folder, as far as it goes, is the target's. */
function mirrors(test: string, target: string): boolean {
  const [, folder = ""] = test.split("/");
  return target.startsWith(`src/${folder}/`) || basename(dirname(target)) === folder;
}

/** Tells of a file and a name in it whether an entry passes that very thing on. */
export function publicNames(
  entries: readonly string[],
  files: ReadonlyMap<string, SourceFile>,
): (target: string, name: string) => boolean {
  const known = new Set<string>();
  for (const entry of entries) {
    const file = files.get(entry);
    if (file === undefined) throw new Error(`There is no entry ${entry}.`);
    for (const name of exportedBy(file)) passOn(entry, name, files, known);
  }
  return (target, name) => known.has(`${target} ${name}`);
}

/** Follows a name from file to file, to where it is declared. */
function passOn(
  path: string,
  name: string,
  files: ReadonlyMap<string, SourceFile>,
  known: Set<string>,
): void {
  if (known.has(`${path} ${name}`)) return;
  known.add(`${path} ${name}`);
  const file = files.get(path);
  if (file === undefined) return;
  for (const { target, names } of reExports(file)) {
    if (names === "all" || names.has(name)) {
      passOn(target, names === "all" ? name : (names.get(name) ?? name), files, known);
    }
  }
}

/** What a file passes on: the name it gives it, and the name it has there. */
function reExports(file: SourceFile): readonly {
  readonly target: string;
  readonly names: ReadonlyMap<string, string> | "all";
}[] {
  const found: { target: string; names: ReadonlyMap<string, string> | "all" }[] = [];
  for (const statement of file.ast.statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) continue;
    const [{ target } = { target: "" }] = localImports({ ...file, ast: only(file, statement) });
    const clause = statement.exportClause;
    const names =
      clause !== undefined && ts.isNamedExports(clause)
        ? new Map(clause.elements.map((one) => [one.name.text, (one.propertyName ?? one.name).text]))
        : "all";
    found.push({ target, names });
  }
  return found;
}

function only({ path }: SourceFile, statement: ts.Statement): ts.SourceFile {
  return ts.createSourceFile(path, statement.getText(), ts.ScriptTarget.ES2023, true);
}

function exportedBy({ ast }: SourceFile): readonly string[] {
  return ast.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined) {
      return ts.isNamedExports(statement.exportClause)
        ? statement.exportClause.elements.map(({ name }) => name.text)
        : [];
    }
    const exported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (exported !== true) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    const named = (statement as { readonly name?: ts.Identifier }).name;
    return named === undefined ? [] : [named.text];
  });
}
