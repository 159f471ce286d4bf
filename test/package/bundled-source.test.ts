import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/**
 * What works from `src` and breaks in a bundle: build tools rename classes and functions, move files, cannot see
 * computed imports, and put two copies of a class into one process. No test of the sources notices.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly peerDependencies: Record<string, string>;
};
const peers = Object.keys(manifest.peerDependencies);
/** Entries that are nothing without a peer, which they import at once. */
const entriesOfPeers: Readonly<Record<string, string>> = { "src/otel/": "@opentelemetry/api" };
/** Classes that people and other copies of the package also have: guards tell them. */
const publicClasses = new Set([
  "HostedAgentIdentityError",
  "ConsentRequiredError",
  "NoTokenError",
  "TokenExchangeError",
  "UserTokenError",
  "ConsentRequest",
  "UserContext",
]);

const faults = {
  constructorName: "`constructor` names a class as a minifier called it: brand the class",
  classInstance: "`instanceof` does not know another copy of the package: use the guard",
  nameCompared: "`name` compared with a class of our own: use the guard",
  functionName: "`toString()` of a function is what a minifier wrote",
  fileMoved: "a bundle moves files: no paths relative to a module",
  computedImport: "a bundler cannot see a computed import",
  requiredPeer:
    "an optional peer is loaded by `try { return await import(…) } catch`, or builds without it fail",
  unreleasedTimer: "timers are numbers in Workers and jsdom: use inBackground()",
  definedField: "an optional field without `declare` is an own `undefined`",
} as const;
type Fault = keyof typeof faults;

interface Found {
  readonly fault: Fault;
  readonly at: string;
}

/** The faults of one file. */
function faultsIn(file: string, code: string): Found[] {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const note = (fault: Fault, node: ts.Node): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push({ fault, at: `${file}:${line + 1}: ${node.getText(source).slice(0, 80)}` });
  };
  const visit = (node: ts.Node): void => {
    for (const [fault, holds] of checks) if (holds(node, file)) note(fault, node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const checks: readonly (readonly [Fault, (node: ts.Node, file: string) => boolean])[] = [
  ["constructorName", (node) => ts.isPropertyAccessExpression(node) && node.name.text === "constructor"],
  ["constructorName", (node) => ts.isMetaProperty(node) && node.name.text === "target"],
  [
    "classInstance",
    (node) =>
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword &&
      publicClasses.has(node.right.getText()),
  ],
  [
    "nameCompared",
    (node) =>
      ts.isBinaryExpression(node) &&
      [node.left, node.right].some(
        (side) => ts.isPropertyAccessExpression(side) && side.name.text === "name",
      ) &&
      [node.left, node.right].some(
        (side) => ts.isStringLiteral(side) && /^(?:Refused|.*Error)$/.test(side.text),
      ) &&
      // What the platform's own errors are called is written in its standards.
      !/"(?:Abort|Timeout|Type|Syntax)Error"/.test(node.getText()),
  ],
  [
    "functionName",
    (node) =>
      ts.isPropertyAccessExpression(node) &&
      node.name.text === "prototype" &&
      node.expression.getText() === "Function",
  ],
  ["fileMoved", (node) => ts.isMetaProperty(node) && node.name.text === "meta"],
  [
    "fileMoved",
    (node) => ts.isIdentifier(node) && ["__dirname", "__filename", "createRequire"].includes(node.text),
  ],
  ["fileMoved", (node) => ts.isNewExpression(node) && node.expression.getText() === "Worker"],
  ["computedImport", (node) => isImportCall(node) && specifier(node) === undefined],
  [
    "requiredPeer",
    (node) =>
      isImportCall(node) && peers.some((peer) => isOf(specifier(node), peer)) && !isAwaitedInTry(node),
  ],
  [
    "requiredPeer",
    (node, file) =>
      ts.isImportDeclaration(node) &&
      node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      peers.some((peer) => isOf((node.moduleSpecifier as ts.StringLiteral).text, peer)) &&
      !Object.entries(entriesOfPeers).some(
        ([folder, peer]) =>
          file.startsWith(folder) && isOf((node.moduleSpecifier as ts.StringLiteral).text, peer),
      ),
  ],
  [
    "unreleasedTimer",
    (node) =>
      ts.isPropertyAccessExpression(node) &&
      node.name.text === "unref" &&
      node.questionDotToken === undefined &&
      !(ts.isCallExpression(node.parent) && node.parent.questionDotToken !== undefined),
  ],
  [
    "definedField",
    (node) =>
      ts.isPropertyDeclaration(node) &&
      node.questionToken !== undefined &&
      node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) !== true,
  ],
];

function isImportCall(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** The module that an `import()` names, if it does; `as` leaves nothing in what is built. */
function specifier(call: ts.CallExpression): string | undefined {
  let [argument] = call.arguments as readonly (ts.Expression | undefined)[];
  if (argument !== undefined && ts.isAsExpression(argument)) argument = argument.expression;
  return argument !== undefined && ts.isStringLiteral(argument) ? argument.text : undefined;
}

const isOf = (name: string | undefined, peer: string): boolean =>
  name === peer || name?.startsWith(`${peer}/`) === true;

/** `try { … await import(…) … } catch`, which esbuild, webpack and Turbopack take as optional. */
function isAwaitedInTry(call: ts.CallExpression): boolean {
  if (!ts.isAwaitExpression(call.parent)) return false;
  for (let node: ts.Node = call; !ts.isFunctionLike(node) && !ts.isSourceFile(node); node = node.parent) {
    if (ts.isTryStatement(node.parent) && node.parent.tryBlock === node)
      return node.parent.catchClause !== undefined;
  }
  return false;
}

it("nothing in the sources depends on what a build tool changes", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join("src", file));
  expect(files.length).toBeGreaterThan(200);
  const found = files.flatMap((file) => faultsIn(file, readFileSync(join(root, file), "utf8")));
  expect(found.map(({ fault, at }) => `${at}\n    ${faults[fault]}`)).toEqual([]);
});

describe("each kind is seen", () => {
  it.each<readonly [Fault, string]>([
    ["constructorName", "const name = this.constructor.name;"],
    ["constructorName", "function Made() { return new.target.name; }"],
    ["classInstance", "if (error instanceof UserTokenError) throw error;"],
    ["nameCompared", 'const is = error.name === "ConsentRequiredError";'],
    ["functionName", "const text = Function.prototype.toString.call(run);"],
    ["fileMoved", 'const page = new URL("page.html", import.meta.url);'],
    ["fileMoved", "const here = __dirname;"],
    ["fileMoved", 'const work = new Worker("./work.js");'],
    ["computedImport", "const loaded = await import(name);"],
    ["requiredPeer", 'const loaded = await import("@azure/identity");'],
    ["requiredPeer", 'try { void (() => import("redis")); } catch {}'],
    ["requiredPeer", 'try { go(); } finally { await import("redis"); }'],
    ["requiredPeer", 'import { createClient } from "redis";'],
    ["unreleasedTimer", "setTimeout(run, 5).unref();"],
    ["definedField", "class Failure { readonly status?: number; }"],
  ])("%s: %s", (fault, code) => {
    expect(faultsIn("src/example.ts", code).map((one) => one.fault)).toContain(fault);
  });

  it.each([
    'try { return await import("@azure/identity" as string); } catch (cause) { throw failure(cause); }',
    'const jose = () => import("jose/jws/compact/verify");',
    'import type { Request } from "express";',
    'const isAbort = error.name === "AbortError";',
    "timer.unref?.();",
    "class Failure { declare readonly status?: number; }",
    "if (isUserTokenError(error)) throw error;",
  ])("and what holds is not one: %s", (code) => {
    expect(faultsIn("src/example.ts", code)).toEqual([]);
  });
});
