import ts from "typescript";
import { lineOf, type SourceFile } from "./tree.js";

/** A function with its length in lines of code: blank lines and comments do not count, functions inside it do. */
export interface MeasuredFunction {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  readonly length: number;
}

/** Every function of a file. Counts as oxlint's `max-lines-per-function` does with its two `skip` options. */
export function functionsOf({ path, text, ast }: SourceFile): readonly MeasuredFunction[] {
  const coded = codeLines(text, ast);
  const found: MeasuredFunction[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = lineOf(ast, node);
      const last = ast.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
      let length = 0;
      for (let line = first; line <= last; line++) if (coded.has(line)) length++;
      found.push({ path, line: first, name: nameOf(node), length });
    }
    ts.forEachChild(node, visit);
  };
  visit(ast);
  return found;
}

/** The lines that hold more than white space and comments. */
function codeLines(text: string, ast: ts.SourceFile): ReadonlySet<number> {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (node.getChildCount(ast) === 0 && node.getWidth(ast) > 0) {
      const from = ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
      const to = ast.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
      // A template of many lines may have blank ones.
      for (let line = from; line <= to; line++) {
        const start = ast.getPositionOfLineAndCharacter(line - 1, 0);
        if (/\S/.test(text.slice(start).split("\n", 1)[0] ?? "")) lines.add(line);
      }
    }
    for (const child of node.getChildren(ast)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(ast);
  return lines;
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named = node.name ?? ("name" in node.parent ? (node.parent.name as ts.Node | undefined) : undefined);
  return named === undefined ? "(unnamed)" : named.getText();
}
