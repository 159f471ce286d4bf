import ts from "typescript";

/** One place where the program can go two ways, and one of those ways. */
export interface Branch {
  /** Below the root of the project. */
  readonly file: string;
  readonly line: number;
  /** The text of that line, by which an exception names it. */
  readonly text: string;
  /** The top-level function it is in; empty at the top level. */
  readonly within: string;
}

/** Where the counters are while the compiled code runs. */
export const countersName = "__fuzzCounters";

/**
 * Compiles a module and counts each of its branches: function bodies, both ways of an `if`, the arms of `?:`,
 * the right side of `&&`, `||` and `??`, defaults, clauses of a `switch`, loops, `catch`. Exact for every single
 * input, which coverage that V8 reports would be only at the price of a message to the inspector each time.
 */
export function instrumented(file: string, source: string, branches: Branch[]): string {
  const { factory } = ts;
  const lines = source.split("\n");

  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (root) => {
    let within = "";
    const hit = (node: ts.Node): ts.Expression => {
      const { line } = root.getLineAndCharacterOfPosition(node.getStart(root));
      branches.push({ file, line: line + 1, text: (lines[line] ?? "").trim(), within });
      const counters = factory.createIdentifier(countersName);
      const counter = factory.createElementAccessExpression(counters, branches.length - 1);
      return factory.createPostfixIncrement(counter);
    };
    const statement = (node: ts.Node): ts.Statement => factory.createExpressionStatement(hit(node));
    const both = (counted: ts.Expression, value: ts.Expression): ts.Expression =>
      factory.createParenthesizedExpression(factory.createComma(counted, value));
    const counted = (node: ts.Expression): ts.Expression => both(hit(node), visit(node) as ts.Expression);
    const block = (node: ts.Statement): ts.Block => {
      const first = statement(node);
      const rest = ts.isBlock(node)
        ? node.statements.map((one) => visit(one) as ts.Statement)
        : [visit(node) as ts.Statement];
      return factory.createBlock([first, ...rest], true);
    };

    const body = (node: ts.ConciseBody): ts.ConciseBody => (ts.isBlock(node) ? block(node) : counted(node));

    const children = (node: ts.Node): ts.Node => ts.visitEachChild(node, visit, context);

    function visit(node: ts.Node): ts.Node {
      if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
        return node;
      if (ts.isFunctionDeclaration(node) && node.body !== undefined) {
        const { modifiers, asteriskToken, name, typeParameters, type } = node;
        const parameters = node.parameters.map((one) => visit(one) as ts.ParameterDeclaration);
        return factory.updateFunctionDeclaration(
          node,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          block(node.body),
        );
      }
      if (ts.isFunctionExpression(node)) {
        const { modifiers, asteriskToken, name, typeParameters, type } = node;
        const parameters = node.parameters.map((one) => visit(one) as ts.ParameterDeclaration);
        return factory.updateFunctionExpression(
          node,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          block(node.body),
        );
      }
      if (ts.isArrowFunction(node)) {
        const { modifiers, typeParameters, type, equalsGreaterThanToken } = node;
        const parameters = node.parameters.map((one) => visit(one) as ts.ParameterDeclaration);
        return factory.updateArrowFunction(
          node,
          modifiers,
          typeParameters,
          parameters,
          type,
          equalsGreaterThanToken,
          body(node.body),
        );
      }
      if (ts.isMethodDeclaration(node) && node.body !== undefined) {
        const { modifiers, asteriskToken, name, questionToken, typeParameters, type } = node;
        const parameters = node.parameters.map((one) => visit(one) as ts.ParameterDeclaration);
        return factory.updateMethodDeclaration(
          node,
          modifiers,
          asteriskToken,
          name,
          questionToken,
          typeParameters,
          parameters,
          type,
          block(node.body),
        );
      }
      if (ts.isIfStatement(node)) {
        const test = visit(node.expression) as ts.Expression;
        const then = block(node.thenStatement);
        const otherwise =
          node.elseStatement === undefined
            ? factory.createBlock([statement(node)], true)
            : block(node.elseStatement);
        return factory.updateIfStatement(node, test, then, otherwise);
      }
      if (ts.isConditionalExpression(node)) {
        const { questionToken, colonToken } = node;
        const test = visit(node.condition) as ts.Expression;
        return factory.updateConditionalExpression(
          node,
          test,
          questionToken,
          counted(node.whenTrue),
          colonToken,
          counted(node.whenFalse),
        );
      }
      if (ts.isBinaryExpression(node) && shortCircuits.has(node.operatorToken.kind)) {
        const left = visit(node.left) as ts.Expression;
        return factory.updateBinaryExpression(node, left, node.operatorToken, counted(node.right));
      }
      if (ts.isParameter(node) && node.initializer !== undefined) {
        const { modifiers, dotDotDotToken, questionToken, type } = node;
        const name = visit(node.name) as ts.BindingName;
        return factory.updateParameterDeclaration(
          node,
          modifiers,
          dotDotDotToken,
          name,
          questionToken,
          type,
          counted(node.initializer),
        );
      }
      if (ts.isBindingElement(node) && node.initializer !== undefined) {
        const name = visit(node.name) as ts.BindingName;
        return factory.updateBindingElement(
          node,
          node.dotDotDotToken,
          node.propertyName,
          name,
          counted(node.initializer),
        );
      }
      if (ts.isCaseClause(node)) {
        const statements = [statement(node), ...node.statements.map((one) => visit(one) as ts.Statement)];
        return factory.updateCaseClause(node, visit(node.expression) as ts.Expression, statements);
      }
      if (ts.isDefaultClause(node)) {
        return factory.updateDefaultClause(node, [
          statement(node),
          ...node.statements.map((one) => visit(one) as ts.Statement),
        ]);
      }
      if (ts.isCatchClause(node)) {
        return factory.updateCatchClause(node, node.variableDeclaration, block(node.block));
      }
      return children(node);
    }

    const nameOf = (node: ts.Node): string => {
      if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && node.name !== undefined)
        return node.name.text;
      const [first] = ts.isVariableStatement(node) ? node.declarationList.declarations : [];
      return first !== undefined && ts.isIdentifier(first.name) ? first.name.text : "";
    };
    const statements = root.statements.map((node) => {
      within = nameOf(node);
      return visit(node) as ts.Statement;
    });
    const declared = ts.factory.createVariableDeclaration(
      countersName,
      undefined,
      undefined,
      factory.createPropertyAccessExpression(factory.createIdentifier("globalThis"), countersName),
    );
    const list = factory.createVariableDeclarationList([declared], ts.NodeFlags.Const);
    return factory.updateSourceFile(root, [factory.createVariableStatement(undefined, list), ...statements]);
  };
  return compiled(source, file, [transformer]);
}

/** Compiles a module as it is. */
export function compiled(
  source: string,
  file: string,
  before: ts.TransformerFactory<ts.SourceFile>[] = [],
): string {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(source, { fileName: file, compilerOptions, transformers: { before } }).outputText;
}

/** The texts and numbers that a module compares with: what an input has to hold to get past them. */
export function wordsOf(source: string): string[] {
  const words = new Set<string>();
  const walk = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return;
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddle(node) ||
      ts.isTemplateTail(node)
    )
      words.add(node.text);
    if (ts.isNumericLiteral(node)) words.add(node.text);
    // `const { code } = error` and `error.code`: names of fields.
    if (ts.isBindingElement(node)) words.add((node.propertyName ?? node.name).getText());
    if (ts.isPropertyAccessExpression(node)) words.add(node.name.text);
    if (ts.isRegularExpressionLiteral(node))
      for (const word of node.text.match(/[\w-]{3,}/g) ?? []) words.add(word);
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile("words.ts", source, ts.ScriptTarget.ES2023, true));
  // Shorter than a window of a secret: otherwise an input could hold our own prose, and so seem to be shown.
  return [...words].filter((word) => word.length > 0 && word.length < 24);
}

const shortCircuits: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.AmpersandAmpersandEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
]);
