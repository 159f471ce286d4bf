/** Where errors keep what they wrap: causes, aggregates, framework wrappers, settled promises. */
const wrapperFields = ["cause", "errors", "error", "originalError", "lastError", "reason"] as const;
const maxDepth = 16;
const maxObjects = 256;

/**
 * Everything an error wraps, itself first, each object once, nearest first. Bounded, so that neither a cycle
 * nor a hostile graph costs time.
 */
export function* errorChain(error: unknown): Generator<object> {
  const seen = new Set<object>();
  let level: unknown[] = [error];
  for (let depth = 0; depth <= maxDepth && level.length > 0; depth += 1) {
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null || seen.has(value)) continue;
      if (seen.size >= maxObjects) return;
      seen.add(value);
      yield value;
      next.push(...wrapped(value));
    }
    level = next;
  }
}

function wrapped(value: object): unknown[] {
  if (Array.isArray(value)) return value.slice(0, maxObjects);
  return wrapperFields.map((field) => read(value, field));
}

/** A property, or `undefined` where reading it throws. */
export function read(value: object, field: string): unknown {
  try {
    return (value as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}
