import { withoutTokens } from "../errors/redact.js";

/** Per process: the command line runs in its own process, from one copy of the package. */
const secrets = new Set<string>();

/** Notes a secret of this process: from now on, nothing printed contains it. */
export function noteSecret(secret: string): void {
  // Shorter texts occur in ordinary words, and no Entra secret is that short.
  if (secret.length >= 6) secrets.add(secret);
}

/**
 * The last guard before the terminal. Our code prints no secrets, but a message from another package or a
 * server might.
 */
export function hideSecrets(text: string): string {
  let hidden = withoutTokens(text, "[token hidden]");
  for (const secret of secrets) hidden = hidden.replaceAll(secret, "[secret hidden]");
  return hidden;
}
