import type { ErrorCodeFacts } from "../facts.js";

/**
 * The user token that came in, and the headers that say who is asking.
 * @inline
 */
export type UserTokenCode =
  | "user_token_missing"
  | "user_token_repeated"
  | "user_token_malformed"
  | "user_token_too_large"
  | "user_token_algorithm"
  | "user_token_tenant"
  | "user_token_issuer"
  | "user_token_audience"
  | "user_token_expired"
  | "user_token_not_yet_valid"
  | "user_token_signature"
  | "user_token_key_unknown"
  | "user_token_app_only"
  | "user_token_agent_user"
  | "user_token_subject"
  | "user_token_scope"
  | "user_token_client"
  | "signing_keys_unavailable"
  | "tenants_unavailable"
  | "identity_header_repeated"
  | "identity_header_invalid";

export const userTokenCodes: Readonly<Record<UserTokenCode, ErrorCodeFacts>> = {
  user_token_missing: {
    category: "input",
    title: "The request carries no user token.",
    help: "Send the signed-in user's access token for this agent's app in the x-client-user-token header.",
  },
  user_token_repeated: {
    category: "input",
    title: "The request carries more than one user token.",
    help: "Send exactly one user token; look for a proxy that adds a second header.",
  },
  user_token_malformed: {
    category: "input",
    title: "The user token is not a signed JSON Web Token.",
    help: "Send an access token exactly as Entra issued it, with or without the word Bearer in front.",
  },
  user_token_too_large: {
    category: "input",
    title: "The user token is larger than the limit.",
    help: "Ask for fewer group or role claims in the token, or raise maxTokenBytes.",
  },
  user_token_algorithm: {
    category: "input",
    title: "The user token is not signed with RS256.",
    help: "Only tokens signed by Entra with RS256 are accepted.",
  },
  user_token_tenant: {
    category: "input",
    title: "The user token comes from a tenant that is not listed.",
    help: "Sign in to a listed tenant, or add the tenant to allowedTenants of entraApp().",
  },
  user_token_issuer: {
    category: "input",
    title: "The user token's issuer does not match its tenant.",
    help: "Use a token issued by Entra ID in the same cloud as the app.",
  },
  user_token_audience: {
    category: "input",
    title: "The user token is for another application.",
    help: "Have the caller ask for a token with the scope of this agent's app (api://<client id>/<scope>).",
  },
  user_token_expired: {
    category: "signin",
    title: "The user token has expired.",
    help: "Get a fresh token from Entra and send the request again.",
  },
  user_token_not_yet_valid: {
    category: "input",
    title: "The user token is not valid yet.",
    help: "Check the clocks of the caller and this host.",
  },
  user_token_signature: {
    category: "input",
    title: "The user token's signature does not match its key.",
    help: "Send the token unchanged, as Entra issued it.",
  },
  user_token_key_unknown: {
    category: "input",
    title: "The user token is signed with a key its tenant does not publish.",
    help: "Use a token issued by the listed tenant. An app with a custom signing key cannot be used for on-behalf-of.",
  },
  user_token_app_only: {
    category: "input",
    title: "The token stands for an application, not for a user.",
    help: "Send a token from a user's sign-in (it has a scp claim).",
  },
  user_token_agent_user: {
    category: "input",
    title: "The token stands for an agent's own user account, not for a human user.",
    help: "Send the token of the user who is talking to the agent.",
  },
  user_token_subject: {
    category: "input",
    title: "The token does not say whether it stands for a user or an application.",
    help: "Send an access token from a user's sign-in with a scope of this agent's app: its scp claim names that scope. An ID token has none.",
  },
  user_token_scope: {
    category: "input",
    title: "The user token lacks a required scope.",
    help: "Have the caller ask for every scope in requiredScopes.",
  },
  user_token_client: {
    category: "input",
    title: "The user token was issued to a client that is not allowed.",
    help: "Add the client id of the calling application to clients, or call from an allowed one.",
  },
  signing_keys_unavailable: {
    category: "retry",
    title: "The signing keys of the tenant could not be fetched.",
    help: "Try again. If it keeps failing, check that this host can reach the cloud's login host.",
  },
  tenants_unavailable: {
    category: "retry",
    title: "The function given as allowedTenants failed or gave no answer in time.",
    help: "Try again. If it keeps failing, read `cause`: what the function threw. It has 5 seconds.",
  },
  identity_header_repeated: {
    category: "input",
    title: "An identity header is repeated.",
    help: "Look for a proxy that adds x-agent-* headers; each may appear once.",
  },
  identity_header_invalid: {
    category: "input",
    title: "An identity header's value is not a valid id.",
    help: "Platform ids are 1 to 512 visible ASCII characters.",
  },
};
