import { types } from "node:util";

/** Why a value cannot be sent as JSON, in words that complete "the value holds …". */
class NotPlain extends Error {}

/** A copy of a value as plain data, or why there is none. */
export type PlainCopy =
  | { readonly value: unknown; readonly problem?: never }
  | { readonly problem: string; readonly value?: never };

/** Far deeper than any event or tool result, and far from where the stack ends. */
const maxDepth = 100;
/** A DAG whose levels share their children doubles with each level: the count ends it. */
const maxValues = 1_000_000;

/**
 * Copies a value the way `JSON.stringify` reads it: `toJSON` is called, functions, symbols and `undefined` are left
 * out. What was copied can always be serialized, and nobody else can change it afterwards. Runs in linear time and
 * never throws, whatever getters, proxies or `toJSON` do.
 */
export function plainCopy(value: unknown): PlainCopy {
  const budget = { left: maxValues };
  try {
    return { value: copyOf(value, 0, "", budget) };
  } catch (error) {
    return { problem: error instanceof NotPlain ? error.message : "a getter or toJSON() that throws" };
  }
}

interface Budget {
  left: number;
}

function copyOf(value: unknown, depth: number, key: string, budget: Budget): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      // JSON has no -0, either.
      return Number.isFinite(value) ? value + 0 : null;
    case "bigint":
      throw new NotPlain("a BigInt");
    case "object":
      return value === null ? null : copyOfObject(value, depth, key, budget);
    default:
      return undefined;
  }
}

function copyOfObject(value: object, depth: number, key: string, budget: Budget): unknown {
  if (depth >= maxDepth) throw new NotPlain(`a cycle, or more than ${maxDepth} levels`);
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON !== "function") return copyOfParts(value, depth, budget);
  const json: unknown = Reflect.apply(toJSON, value, [key]);
  // Not asked for its own toJSON: JSON calls one only.
  const isObject = typeof json === "object" && json !== null;
  return isObject ? copyOfParts(json, depth, budget) : copyOf(json, depth, key, budget);
}

function copyOfParts(value: object, depth: number, budget: Budget): unknown {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) throw new NotPlain("binary data");
  if (types.isBoxedPrimitive(value)) return copyOf(value.valueOf(), depth, "", budget);
  return Array.isArray(value) ? copyOfList(value, depth, budget) : copyOfFields(value, depth, budget);
}

function copyOfList(list: readonly unknown[], depth: number, budget: Budget): unknown[] {
  spend(budget, list.length);
  const copy: unknown[] = [];
  for (let at = 0; at < list.length; at += 1)
    copy.push(copyOf(list[at], depth + 1, String(at), budget) ?? null);
  return copy;
}

function copyOfFields(fields: object, depth: number, budget: Budget): Record<string, unknown> {
  const names = Object.keys(fields);
  spend(budget, names.length);
  const copy: Record<string, unknown> = {};
  for (const name of names) {
    const value = copyOf((fields as Record<string, unknown>)[name], depth + 1, name, budget);
    if (value === undefined) continue;
    // An assignment to `__proto__` would change the copy's prototype.
    if (name === "__proto__") Object.defineProperty(copy, name, { value, enumerable: true });
    else copy[name] = value;
  }
  return copy;
}

function spend(budget: Budget, values: number): void {
  budget.left -= values;
  if (budget.left < 0) throw new NotPlain(`more than ${maxValues} values`);
}
