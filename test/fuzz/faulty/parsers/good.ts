import { HostedAgentIdentityError } from "hosted-agent-identity";

/** Refuses what it does not like, and tells nothing of it. */
export function good(text: string): number {
  if (text.includes(",")) throw new HostedAgentIdentityError("invalid_option", "That is no token.");
  return text.length;
}
