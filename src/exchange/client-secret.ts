import { list, text } from "../options/checks.js";
import type { ClientCredential } from "./credential.js";

/**
 * A client secret, or several while one is being replaced: when Entra refuses one, the next is tried, and
 * the one that works is kept. Prefer a federated credential: a secret can leak. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { clientSecret } from "hosted-agent-identity";
 *
 * export const credential = clientSecret(process.env.APP_CLIENT_SECRET ?? "");
 * ```
 * @group Entra app
 */
export function clientSecret(...secrets: readonly string[]): ClientCredential {
  list(text("a secret"), 1).read(secrets, "clientSecret: secrets");
  let current = 0;
  return Object.freeze({
    kind: "client_secret" as const,
    async authenticate({ refused }: { refused: number }) {
      if (refused > 0) current = (current + 1) % secrets.length;
      return { secret: secrets[current] ?? "" };
    },
  });
}
