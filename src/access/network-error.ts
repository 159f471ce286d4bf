import { isHostedAgentIdentityError } from "../errors.js";

/**
 * Whether an error is one of the network. Those of `fetch` are `TypeError`s with a cause, while a request that
 * cannot be made has none; other implementations give a code. Messages differ from runtime to runtime. An error of this
 * library is none: a context that has ended or a refused token does not pass by waiting.
 */
export function isNetworkError(error: unknown): boolean {
  if (typeof error !== "object" || error === null || isHostedAgentIdentityError(error)) return false;
  const { name, code, cause } = error as { name?: unknown; code?: unknown; cause?: unknown };
  if (name === "TypeError") return typeof cause === "object" && cause !== null;
  return name === "TimeoutError" || typeof code === "string";
}

/** Whether `fetch` of Node.js gave up because nothing came. Source: undici, headersTimeout and bodyTimeout. */
export function isOfSilence(error: unknown): true | undefined {
  const { code } = Object((error as { cause?: unknown } | null)?.cause ?? error) as { code?: unknown };
  return code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT" ? true : undefined;
}
