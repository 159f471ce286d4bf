import { HostedAgentIdentityError } from "hosted-agent-identity";

/** Shows what it was given in its error, where it should not. */
export function leaky(text: string): string {
  if (text.startsWith("Bearer ")) return text;
  throw new HostedAgentIdentityError("invalid_option", `Not a token: ${text}`);
}
