import type { ErrorCodeFacts } from "../facts.js";

/**
 * Contexts, options and packages: what the developer sets up.
 * @inline
 */
export type SetUpCode =
  | "no_user_context"
  | "context_ended"
  | "invalid_option"
  | "missing_dependency"
  | "dependency_failed"
  | "consent_link_missing"
  | "consent_link_refused"
  | "agent_consent_missing"
  | "developer_source_refused";

export const setUpCodes: Readonly<Record<SetUpCode, ErrorCodeFacts>> = {
  no_user_context: {
    category: "config",
    title: "There is no user context here.",
    help: "Call from inside the middleware, runWithUserContext() or bindUserContext(), or pass the context explicitly.",
  },
  context_ended: {
    category: "config",
    title: "The user context has ended with its turn.",
    help: "Do not call for a user after the response has ended; bind streams with bindUserContext().",
  },
  invalid_option: {
    category: "config",
    title: "An option has a value that cannot work.",
    help: "The message names the option, what is expected, and the type it got. It never quotes the value, which may be a secret.",
  },
  missing_dependency: {
    category: "config",
    title: "A required package is not installed.",
    help: "Install the package in the message.",
  },
  dependency_failed: {
    category: "config",
    title: "A required package did not load.",
    help: "Read `cause`, the package's own error. If you bundle, see the guide Bundling.",
  },
  consent_link_missing: {
    category: "config",
    title: "Consent is needed, but no way to ask for it is configured.",
    help: "Give onBehalfOf() a consentLink (entraConsentLink or adminConsentLink).",
  },
  consent_link_refused: {
    category: "config",
    title: "A consent link was refused by the link policy.",
    help: "If you trust the link, add its origin to allowedOrigins of consentLinkPolicy(), or the link to allowedLinks. The event consent_link_refused has its origin and path.",
  },
  agent_consent_missing: {
    category: "admin",
    title: "No administrator has consented for the agent identity, which has no consent screen of its own.",
    help: "Have an administrator consent to the scopes for the blueprint and make them inheritable, or for the agent identity. Pass adminConsentLink() to agentOnBehalfOf() to create the link.",
  },
  developer_source_refused: {
    category: "config",
    title: "The developer's own identity was refused as the user.",
    help: "The developer is the user only with HOSTED_AGENT_IDENTITY_DEVELOPER=1, on no known host, and with a user's own sign-in (az login).",
  },
};
