import { isUtf8 } from "node:buffer";
import { excessInText, excessInValue, excessText, type JsonExcess } from "../input/json-limits.js";
import { requestError, type RequestError } from "./error-envelope.js";

/** A body as a value, or why it is refused. */
type ParsedBody = { readonly value: unknown } | RequestError;

/**
 * Parses a request body: its bytes, its text, or what a body parser has made of it. The limits of
 * `jsonLimits` hold for all three. For bytes and text they are checked first, so that nothing is built of
 * a body that is refused. A byte order mark is read over, as RFC 8259 section 8.1 allows.
 */
export function parsedBody(raw: unknown): ParsedBody {
  if (typeof raw !== "string" && !(raw instanceof Uint8Array)) {
    const excess = excessInValue(raw);
    return excess === undefined ? { value: raw } : tooComplex(excess);
  }
  // No copy: a body of 4 MiB is read faster than it is copied.
  const bytes =
    typeof raw === "string" ? Buffer.from(raw) : Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  if (bytes.length === 0) return invalidJson("The request body is empty: send a JSON object.");
  if (!isUtf8(bytes)) return invalidJson("The request body is not valid UTF-8.");
  const excess = excessInText(bytes);
  if (excess !== undefined) return tooComplex(excess);
  try {
    return { value: JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, "")) as unknown };
  } catch {
    return invalidJson("The request body is not valid JSON.");
  }
}

function invalidJson(message: string): RequestError {
  return requestError(400, "invalid_json", message);
}

function tooComplex(excess: JsonExcess): RequestError {
  return requestError(400, "request_too_complex", `The request body has more than ${excessText(excess)}.`);
}
