import ts from "typescript";
import { lineOf, type SourceFile } from "./tree.js";

/** A place in a file. */
export interface Place {
  readonly path: string;
  readonly line: number;
}

/**
 * Spreads that leave a field out where it is undefined: `...(x === undefined ? {} : { x })`. Where types say
 * `x?: T | undefined`, the field itself does. What goes out as JSON or is a form needs no spread either, because
 * `JSON.stringify` drops it; {@link onTheWire} names the files whose objects are compared or shown key by key.
 */
export function conditionalSpreads({ path, ast }: SourceFile): readonly Place[] {
  const found: Place[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isSpreadAssignment(node) && isConditional(node.expression))
      found.push({ path, line: lineOf(ast, node) });
    ts.forEachChild(node, visit);
  };
  visit(ast);
  return found;
}

function isConditional(expression: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(expression)) return isConditional(expression.expression);
  if (ts.isConditionalExpression(expression)) {
    const { whenTrue, whenFalse } = expression;
    return (isEmpty(whenTrue) || isEmpty(whenFalse)) && asksForPresence(expression.condition);
  }
  // `...(x !== undefined && { x })`
  return (
    ts.isBinaryExpression(expression) &&
    expression.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken &&
    ts.isObjectLiteralExpression(expression.right) &&
    asksForPresence(expression.left)
  );
}

function isEmpty(expression: ts.Expression): boolean {
  return ts.isObjectLiteralExpression(expression) && expression.properties.length === 0;
}

function asksForPresence(condition: ts.Expression): boolean {
  return /[!=]==? (undefined|null)$/.test(condition.getText());
}
