/** Tokens in compact form, and links to sign-in and consent pages: with them anybody could act as the person. */
const patterns: readonly RegExp[] = [
  /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g,
  /https?:\/\/[^\s"'<>\\]*(?:authorize|adminconsent|consent)[^\s"'<>\\]*/gi,
];

/** A text that may be printed: foreign software shows whole requests and responses in its errors. */
export function withoutSecrets(text: string): string {
  return patterns.reduce((rest, pattern) => rest.replaceAll(pattern, "[left out]"), text);
}
