import { consentItemType, type OAuthConsentRequestItem } from "../foundry/items.js";
import { linkFault } from "./link-policy.js";

/**
 * Whether an item of a response asks for consent and its link may be shown: well formed, https (http only on
 * a loopback host), no user information. Tolerates a missing `server_label`. For clients, who read the item
 * as plain JSON.
 *
 * Entry point: `hosted-agent-identity/consent`, which loads in browsers.
 *
 * @example
 * ```ts
 * import { isOAuthConsentRequest } from "hosted-agent-identity/consent";
 *
 * export function links(response: { output: readonly unknown[] }): string[] {
 *   return response.output.filter(isOAuthConsentRequest).map((item) => item.consent_link);
 * }
 * ```
 * @group Consent
 */
export function isOAuthConsentRequest(item: unknown): item is OAuthConsentRequestItem {
  if (typeof item !== "object" || item === null) return false;
  const { type, id, consent_link, server_label } = item as Record<string, unknown>;
  return (
    type === consentItemType &&
    typeof id === "string" &&
    (server_label === undefined || typeof server_label === "string") &&
    linkFault(consent_link) === undefined
  );
}
