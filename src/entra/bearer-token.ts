/**
 * Whether a text can be sent in a header, printable ASCII as tokens are. Anything else is never put into one: the runtime
 * would refuse it with an error that quotes it whole. Source: RFC 9110, section 5.5.
 */
export function isBearerToken(text: unknown): text is string {
  return typeof text === "string" && /^[\x20-\x7e]+$/.test(text);
}
