import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** One TypeScript file. */
export interface SourceFile {
  /** From the repository, with forward slashes: `src/index.ts`. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

/** A file of text, parsed. */
export function parsed(path: string, text: string): SourceFile {
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
}

/** The TypeScript files of a folder and of what is in it, without what npm or a test run puts there. */
export function filesUnder(folder: string, base: string = root): readonly SourceFile[] {
  return readdirSync(join(base, folder), { withFileTypes: true })
    .filter(({ name }) => !/^(?:node_modules|\..*|compiled-.*)$/.test(name))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesUnder(path, base);
      return entry.name.endsWith(".ts") ? [parsed(path, readFileSync(join(base, path), "utf8"))] : [];
    });
}

/** One import or re-export of a file by its relative path. */
export interface LocalImport {
  readonly target: string;
  /** The names as the target exports them; empty for `import "./x.js"` and `export *`. */
  readonly names: readonly string[];
  readonly line: number;
}

/** What a file imports by relative path, types and `import()` included. */
export function localImports({ path, ast }: SourceFile): readonly LocalImport[] {
  const found: LocalImport[] = [];
  const add = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier) || !specifier.text.startsWith("."))
      return;
    const target = relative(".", join(dirname(path), specifier.text)).replace(/\.js$/, ".ts");
    found.push({ target, names, line: lineOf(ast, specifier) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, importedNames(node.importClause?.namedBindings));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, importedNames(node.exportClause));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, []);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], []);
    ts.forEachChild(node, visit);
  };
  visit(ast);
  return found;
}

function importedNames(
  names: ts.NamedImportBindings | ts.NamedExportBindings | undefined,
): readonly string[] {
  if (names === undefined || !("elements" in names)) return [];
  return names.elements.map((one) => (one.propertyName ?? one.name).text);
}

/** The line a node begins on, from 1. */
export function lineOf(ast: ts.SourceFile, node: ts.Node): number {
  return ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
}
