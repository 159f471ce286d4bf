/**
 * For clients of an agent, browsers included: what they need to show a consent request. Loads nothing of Node. Agents
 * take the policy for consent links from here, too.
 * @module consent
 */
export { type AgentReference, type OAuthConsentRequestItem } from "../foundry/items.js";
export { toolboxConsentLinks, type ToolboxConsentLink } from "../foundry/toolbox-clouds.js";
export { isOAuthConsentRequest } from "./is-consent-item.js";
export { type AllowedConsentLink } from "./link-policy.js";
export { consentLinkPolicy, type ConsentLinkPolicy, type ConsentLinkPolicyOptions } from "./link-policy.js";
export {
  consentReader,
  readConsentRequests,
  type ConsentCard,
  type ConsentLinkRefusal,
  type ReadConsentRequestsOptions,
} from "./read-consent-requests.js";
