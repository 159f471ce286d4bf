/**
 * What kind of trouble an error is, and so who can end it. The first ten are the classes Entra's refusals
 * fall into; `input` is a request that was not acceptable.
 */
export type ErrorCategory =
  | "consent"
  | "signin"
  | "stepup"
  | "blocked"
  | "admin"
  | "config"
  | "cred"
  | "retry"
  | "throttle"
  | "loop"
  | "input";

/** The documented codes of {@link HostedAgentIdentityError}; {@link errorCodes} says what each means. */
export type ErrorCode =
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
  | "identity_header_repeated"
  | "identity_header_invalid"
  | "no_user_context"
  | "context_ended"
  | "invalid_option"
  | "missing_dependency"
  | "dependency_failed"
  | "consent_link_missing"
  | "consent_link_refused"
  | "agent_consent_missing"
  | "developer_source_refused"
  | "no_token"
  | "consent_required"
  | "sign_in_required"
  | "step_up_required"
  | "token_exchange_failed"
  | "entra_unreachable"
  | "entra_timeout"
  | "entra_bad_response"
  | "client_credential_failed"
  | "wrong_user"
  | "backing_off"
  | "closed"
  | "url_not_allowed"
  | "redirect_refused"
  | "resource_unauthorized"
  | "insufficient_scope"
  | "shared_session"
  | "mcp_server_unreachable"
  | "mcp_server_failed"
  | "pool_busy"
  | "call_id_missing"
  | "toolbox_source_failed"
  | "turn_cancelled"
  | "turn_timeout"
  | "turn_idle"
  | "invalid_run_output"
  | "model_stream_cut"
  | "run_failed"
  | "user_not_identified"
  | "long_running_refused"
  | "quota_reached"
  | "sign_in_too_large"
  | "agent_not_identified"
  | "agent_names_too_many_users"
  | "sign_in_service_unavailable"
  | "store_unavailable"
  | "store_unsuitable"
  | "store_corrupt";

/** One row of the error catalogue. */
export interface ErrorCodeFacts {
  readonly category: ErrorCategory;
  /** What happened, without any value of the request. */
  readonly title: string;
  /** What to do next. */
  readonly help: string;
}

function row(category: ErrorCategory, title: string, help: string): ErrorCodeFacts {
  return { category, title, help };
}

/**
 * Every code this package throws, with what it means and what to do. The catalogue page is made from
 * this table.
 */
export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeFacts>> = {
  // --- the user token that came in
  user_token_missing: row(
    "input",
    "The request carries no user token.",
    "Send the signed-in user's access token for this agent's app in the x-client-user-token header.",
  ),
  user_token_repeated: row(
    "input",
    "The request carries more than one user token.",
    "Send exactly one user token; look for a proxy that adds a second header.",
  ),
  user_token_malformed: row(
    "input",
    "The user token is not a signed JSON Web Token.",
    "Send an access token exactly as Entra issued it, with or without the word Bearer before it.",
  ),
  user_token_too_large: row(
    "input",
    "The user token is larger than the limit.",
    "Ask for fewer group or role claims in the token, or raise maxTokenBytes.",
  ),
  user_token_algorithm: row(
    "input",
    "The user token is not signed with RS256.",
    "Only tokens signed by Entra with RS256 are accepted.",
  ),
  user_token_tenant: row(
    "input",
    "The user token comes from a tenant that is not listed.",
    "Sign in to a listed tenant, or add the tenant to allowedTenants of entraApp().",
  ),
  user_token_issuer: row(
    "input",
    "The user token was issued by somebody else than its tenant says.",
    "Use a token issued by Entra ID in the same cloud as the app.",
  ),
  user_token_audience: row(
    "input",
    "The user token is meant for another application.",
    "Let the caller ask for a token with the scope of this agent's app (api://<client id>/<scope>).",
  ),
  user_token_expired: row(
    "signin",
    "The user token has expired.",
    "Get a fresh token from Entra and send the request again.",
  ),
  user_token_not_yet_valid: row(
    "input",
    "The user token is not valid yet.",
    "Check the clocks of the caller and of this host.",
  ),
  user_token_signature: row(
    "input",
    "The signature of the user token does not match its key.",
    "Send the token unchanged, as Entra issued it.",
  ),
  user_token_key_unknown: row(
    "input",
    "The user token is signed with a key its tenant does not publish.",
    "Use a token issued by the listed tenant; an app with a custom signing key cannot be used for OBO.",
  ),
  user_token_app_only: row(
    "input",
    "The token stands for an application, not for a person.",
    "Send a token that a person obtained by signing in (it has a scp claim).",
  ),
  user_token_agent_user: row(
    "input",
    "The token stands for an agent's own user account, not for a person.",
    "Send the token of the person who is talking to the agent.",
  ),
  user_token_subject: row(
    "input",
    "The token does not say whether it stands for a person or for an application.",
    "Send an access token that a person obtained by signing in with a scope of this agent's app: its scp claim names that scope. An id token has none.",
  ),
  user_token_scope: row(
    "input",
    "The user token lacks a required scope.",
    "Let the caller ask for every scope listed in requiredScopes.",
  ),
  user_token_client: row(
    "input",
    "The user token was issued to a client that is not allowed.",
    "Add the client id of the calling application to clients, or call from an allowed one.",
  ),
  signing_keys_unavailable: row(
    "retry",
    "The signing keys of the tenant could not be fetched.",
    "Try again; if it lasts, check that this host can reach the cloud's login host.",
  ),
  identity_header_repeated: row(
    "input",
    "An identity header came more than once.",
    "Look for a proxy that adds x-agent-* headers; each may come once.",
  ),
  identity_header_invalid: row(
    "input",
    "An identity header has a value that cannot be an id.",
    "Platform ids are 1 to 512 visible ASCII characters.",
  ),
  // --- the user context
  no_user_context: row(
    "config",
    "There is no user context here.",
    "Call from inside the middleware, runWithUserContext() or bindUserContext(), or pass the context explicitly.",
  ),
  context_ended: row(
    "config",
    "The user context has ended with its turn.",
    "Do not call for a user after the response has ended; bind streams with bindUserContext().",
  ),
  // --- configuration
  invalid_option: row(
    "config",
    "An option has a value that cannot work.",
    "The message names the option, what is expected, and the kind of what came. It never quotes the value, which may be a secret.",
  ),
  missing_dependency: row(
    "config",
    "A package that is needed for this is not installed.",
    "Install the package that the message names.",
  ),
  dependency_failed: row(
    "config",
    "A package that is needed for this did not load.",
    "Read `cause`: it is what the package failed with. In a bundle, see the guide Bundling.",
  ),
  consent_link_missing: row(
    "config",
    "Consent is needed, but no way to ask for it is configured.",
    "Give onBehalfOf() a consentLink (entraConsentLink or adminConsentLink).",
  ),
  consent_link_refused: row(
    "config",
    "A consent link was refused by the link policy.",
    "If you trust it, add its origin to allowedOrigins of consentLinkPolicy(), or the one link to allowedLinks. The event consent_link_refused has its origin and path.",
  ),
  agent_consent_missing: row(
    "admin",
    "No administrator has consented for the agent identity, and it has no consent screen of its own.",
    "Let an administrator consent to the scopes for the blueprint and make them inheritable, or for the agent identity; adminConsentLink() given to agentOnBehalfOf() makes the link.",
  ),
  developer_source_refused: row(
    "config",
    "The developer's own identity was refused as the user.",
    "The developer is the user only with HOSTED_AGENT_IDENTITY_DEVELOPER=1, on no known host, and with a person's sign-in (az login).",
  ),
  // --- tokens
  no_token: row(
    "config",
    "No token source could give a token for this user.",
    "Read `skipped`: it says for each source why it did not apply.",
  ),
  consent_required: row(
    "consent",
    "The user has to open a link before this can go on.",
    "Return the consent request to the client and run the turn again afterwards.",
  ),
  sign_in_required: row(
    "signin",
    "Entra wants the user to sign in again.",
    "Answer the caller with a 401, let it sign the user in again, and send the new token.",
  ),
  step_up_required: row(
    "stepup",
    "Entra wants the user to prove more, for example with a second factor.",
    "Relay the claims challenge to the caller, and send the new token it gets.",
  ),
  token_exchange_failed: row(
    "config",
    "Entra refused the token exchange.",
    "Read `errorCodes` and `category`; the catalogue explains each AADSTS code.",
  ),
  entra_unreachable: row(
    "retry",
    "Entra could not be reached.",
    "Try again; if it lasts, check that this host can reach the cloud's login host.",
  ),
  entra_timeout: row(
    "retry",
    "Entra did not answer in time.",
    "Try again; raise timeoutMs of entraApp() if the network is slow.",
  ),
  entra_bad_response: row(
    "retry",
    "What answered in Entra's place was not a token response.",
    "Look for a proxy or a captive portal between this host and the cloud's login host.",
  ),
  client_credential_failed: row(
    "cred",
    "The app's own credential could not be used.",
    "Check the secret, certificate or federated credential given to entraApp().",
  ),
  wrong_user: row(
    "blocked",
    "A token came back for somebody else; it was thrown away.",
    "Do not retry blindly: report it with the trace id. A proxy that caches POST answers does this.",
  ),
  backing_off: row(
    "throttle",
    "Entra asked to wait, or the same exchange was made too often; no request was sent.",
    "Try again after retryAfterMs.",
  ),
  closed: row("config", "This object has been closed.", "Do not use it after close(); make a new one."),
  // --- calling the protected resource
  url_not_allowed: row(
    "config",
    "The URL is not the configured resource; no token was sent.",
    "Use the resource's own URL, or configure a second protectedResource().",
  ),
  redirect_refused: row(
    "config",
    "The resource redirected to where its token must not go.",
    "Configure the final URL in protectedResource().",
  ),
  resource_unauthorized: row(
    "config",
    "The resource refused a fresh token.",
    "Compare the token's audience and scopes (explain()) with what the resource expects.",
  ),
  insufficient_scope: row(
    "config",
    "The resource asks for more scopes than are configured.",
    "Add the scopes that the message names to protectedResource(), and consent to them.",
  ),
  shared_session: row(
    "config",
    "An MCP session belongs to another user.",
    "Use one MCP client per user: mcpClientPool().",
  ),
  mcp_server_unreachable: row(
    "retry",
    "An MCP server could not be reached, or its answer broke off; the turn failed after that.",
    "Try again; if it lasts, check that the MCP server runs and that this host can reach it.",
  ),
  mcp_server_failed: row(
    "retry",
    "An MCP server answered with a status of 500 or more; the turn failed after that.",
    "Try again; if it lasts, look into the logs of the MCP server, or of the gateway in front of it.",
  ),
  pool_busy: row(
    "throttle",
    "All clients of the pool are in use.",
    "End leases sooner, or raise max of mcpClientPool().",
  ),
  // --- Foundry's toolboxes
  call_id_missing: row(
    "config",
    "The request came without x-agent-foundry-call-id, so Foundry cannot tell for whom it is.",
    'The platform speaks container protocol 1.0.0 with this agent: declare version "2.0.0" in its protocol_versions and deploy again. Make the context from the headers of the request.',
  ),
  toolbox_source_failed: row(
    "config",
    "A source of the Foundry toolbox failed.",
    "The message names the source: check its connection and its kind of authentication in the Foundry project. One failing source makes the whole toolbox fail.",
  ),
  // --- turns
  turn_cancelled: row(
    "input",
    "The turn was cancelled before it ended.",
    "Nothing to do: the client went away or the caller aborted.",
  ),
  turn_timeout: row(
    "retry",
    "The turn took longer than it may.",
    "Send the request again. If turns need more time, raise turnTimeoutMs.",
  ),
  turn_idle: row(
    "retry",
    "The run gave nothing for longer than it may.",
    "Look at what it was waiting for: a model or a tool that no longer answers. If it needs more time, raise idleTimeoutMs.",
  ),
  invalid_run_output: row(
    "config",
    "The run yielded something that is neither text nor an event of the Responses protocol, or returned nothing to iterate.",
    "Write the run as async function*, and yield a string, an event, or the output of aiSdkOutput() or agentsOutput().",
  ),
  model_stream_cut: row(
    "retry",
    "The model's stream ended before its response did.",
    "Send the request again. A run that passes on response.created has to pass on the event that ends the response, too.",
  ),
  run_failed: row(
    "retry",
    "The agent's framework could not finish the run.",
    "Read the error's cause in onError: a model call that was refused (key, endpoint, deployment, quota), a stream that broke off, a guardrail, or a limit of steps.",
  ),
  // --- sign-in: whose grant it is
  user_not_identified: row(
    "config",
    "Nobody can say which person asked, so nobody's sign-in may be used.",
    'Send a user token, or, if each platform user id stands for one person, say so with platformUserId: "one-person" of userContext().',
  ),
  long_running_refused: row(
    "input",
    "This piece of long-running work may not act for the user, or no longer.",
    "Start it again from a turn of the user: it ends at its time limit and when the user signs out.",
  ),
  quota_reached: row(
    "input",
    "One person, or one account, has as much here as it may have. Nothing was stored, and nothing was taken away for it.",
    "End what is not needed any more: stopLongRunning() for work, the connections page or signOut() for chats. Work also leaves at its time limit. docs/security.md has the numbers.",
  ),
  sign_in_too_large: row(
    "config",
    "What the sign-in would ask for does not fit into a link.",
    "Ask for fewer scopes (about forty of one resource fit). If an MCP server's claims challenge is that long, the server is at fault.",
  ),
  // --- sign-in: where grants are kept
  agent_not_identified: row(
    "input",
    "The sign-in service does not know the agent that asks.",
    "Let the agent ask with its own identity (a managed identity), and list its client id at the service.",
  ),
  agent_names_too_many_users: row(
    "blocked",
    "The agent names more new people at the sign-in service, or signs more out, than it may in a minute.",
    "Try again in a minute. If the agent has that many people, raise newUsersPerMinute of its entry in signInApi(); if it has not, find out who runs it.",
  ),
  sign_in_service_unavailable: row(
    "retry",
    "The sign-in service could not be reached, or is not well.",
    "Try again; if it lasts, check that this host can reach the service's url.",
  ),
  store_unavailable: row(
    "retry",
    "The store of sign-in could not do what was asked; nothing is assumed about what it holds.",
    "Try again; if it lasts, check that the store is reachable, not full and not out of disk.",
  ),
  store_unsuitable: row(
    "config",
    "The store cannot keep what sign-in must not lose.",
    "The message says what is wrong and how to mend it.",
  ),
  store_corrupt: row(
    "config",
    "The store's file is damaged; it was left as it is.",
    "Restore the file from a backup, or move it away: then everybody is asked to sign in again.",
  ),
};
