import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** A source file, and what of it survives a formatter. */
export interface Source {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly code: Compact;
  /** What is declared at the top level, and class members as `Class.member`. */
  readonly declarations: readonly Declaration[];
}

/** Code without its layout: no whitespace, no comment, no comma or parenthesis that only comes with a line break. */
export interface Compact {
  readonly text: string;
  /** Where each character of `text` stands in the original. */
  readonly offsets: readonly number[];
}

export interface Declaration {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const layout: ReadonlySet<string> = new Set(" \t\r\n");
const closing: ReadonlySet<string> = new Set(")]}");

/** Reads every TypeScript file below a folder. */
export function readSourceTree(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => readSource(join(folder, path)));
}

/** Text that need not be a whole piece of syntax. */
export function compactFragment(text: string): string {
  return compact([{ text, start: 0 }]).text;
}

/** What does not parse kills every mutant, and proves nothing. */
export function syntaxError(text: string): string | undefined {
  const file: ts.SourceFile & { readonly parseDiagnostics?: readonly ts.Diagnostic[] } = parse(
    "patched.ts",
    text,
  );
  const [first] = file.parseDiagnostics ?? [];
  return first && ts.flattenDiagnosticMessageText(first.messageText, " ");
}

function readSource(path: string): Source {
  const text = readFileSync(path, "utf8");
  const file = parse(path, text);
  return {
    path,
    text,
    code: compact(tokensOf(file)),
    declarations: file.statements.flatMap((one) => declared(one, file)),
  };
}

function parse(path: string, text: string): ts.SourceFile {
  // Comments do not count, and reading those of the documentation takes most of the time.
  const jsDocParsingMode = ts.JSDocParsingMode.ParseNone;
  return ts.createSourceFile(path, text, { languageVersion: ts.ScriptTarget.Latest, jsDocParsingMode });
}

interface Token {
  readonly text: string;
  readonly start: number;
}

/** Comments stand between the tokens. */
function tokensOf(file: ts.SourceFile): Token[] {
  const tokens: Token[] = [];
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(file);
    if (children.length === 0) {
      const start = node.getStart(file);
      tokens.push({ text: file.text.slice(start, node.end), start });
    }
    const kept = isBroken(node, file) ? children.slice(1, -1) : children;
    kept.forEach(visit);
  };
  visit(file);
  return tokens;
}

/** A formatter puts parentheses around what it breaks into lines, as after `return`. */
function isBroken(node: ts.Node, file: ts.SourceFile): boolean {
  return ts.isParenthesizedExpression(node) && /^\(\s*\n/.test(node.getText(file));
}

function compact(tokens: readonly Token[]): Compact {
  const chars: string[] = [];
  const offsets: number[] = [];
  for (const token of tokens) {
    for (let at = 0; at < token.text.length; at += 1) {
      const char = token.text.charAt(at);
      if (layout.has(char)) continue;
      if (closing.has(char) && chars.at(-1) === ",") {
        chars.pop();
        offsets.pop();
      }
      chars.push(char);
      offsets.push(token.start + at);
    }
  }
  return { text: chars.join(""), offsets };
}

function declared(statement: ts.Statement, file: ts.SourceFile): Declaration[] {
  const span = (node: ts.Node) => ({ start: node.getStart(file), end: node.end });
  if (ts.isVariableStatement(statement)) {
    const { declarations } = statement.declarationList;
    return declarations.map(({ name }) => ({ name: name.getText(file), ...span(statement) }));
  }
  if (ts.isFunctionDeclaration(statement)) return [{ name: nameOf(statement), ...span(statement) }];
  if (!ts.isClassDeclaration(statement)) return [];
  const name = nameOf(statement);
  const members = statement.members.map((member) => ({
    name: `${name}.${member.name?.getText(file) ?? "constructor"}`,
    ...span(member),
  }));
  return [...members, { name, ...span(statement) }];
}

function nameOf({ name }: ts.FunctionDeclaration | ts.ClassDeclaration): string {
  return name?.text ?? "default";
}
