/** The error of a JSON-RPC response. Everything in it is as the server wrote it. */
export interface JsonRpcError {
  readonly id: unknown;
  readonly code: unknown;
  readonly message: unknown;
}

/**
 * The error of a JSON-RPC response; `undefined` for anything else: a result, whatever its content says, a
 * request, a notification. Source: JSON-RPC 2.0, section 5.
 */
export function jsonRpcError(message: unknown): JsonRpcError | undefined {
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  const { jsonrpc, id, error } = message as Record<string, unknown>;
  if (jsonrpc !== "2.0" || "result" in message || "method" in message) return undefined;
  if (typeof error !== "object" || error === null) return undefined;
  const { code, message: text } = error as Record<string, unknown>;
  return { id, code, message: text };
}

/**
 * Whether bytes may hold the error of a response. Said without its first letters, of which texts are full: each takes
 * a step of the search.
 */
export function mayHoldError(bytes: Buffer): boolean {
  return bytes.includes('rror"') || mayHideWords(bytes);
}

/** Whether a letter is escaped, as only somebody does who hides a word. */
export function mayHideWords(bytes: Buffer): boolean {
  return bytes.includes("u00") && /\\u00[4-7]/.test(bytes.toString("latin1"));
}
