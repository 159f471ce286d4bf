import { withoutTokens } from "../errors/redact.js";

/** Of this process: the command line runs in one of its own, from one copy of the package. */
const secrets = new Set<string>();

/** Notes a secret that this process was given: whatever is printed from now on is printed without it. */
export function noteSecret(secret: string): void {
  // Shorter ones are in too many words, and no secret of Entra is that short.
  if (secret.length >= 6) secrets.add(secret);
}

/**
 * The last guard before the terminal. Nothing above prints secrets; a message of another package or of a
 * server might.
 */
export function hideSecrets(text: string): string {
  let hidden = withoutTokens(text, "[token hidden]");
  for (const secret of secrets) hidden = hidden.replaceAll(secret, "[secret hidden]");
  return hidden;
}
