export {
  ConsentRequest,
  ConsentRequiredError,
  errorCodes,
  HostedAgentIdentityError,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isNoTokenError,
  isTokenExchangeError,
  isUserTokenError,
  NoTokenError,
  TokenExchangeError,
  UserTokenError,
  type ConsentReason,
  type ConsentRequestInit,
  type EntraRefusal,
  type ErrorCategory,
  type ErrorCode,
  type ErrorCodeFacts,
  type AuthenticationDemand,
  type HostedAgentIdentityErrorOptions,
  type SkippedSource,
  type SkipReason,
  type UserTokenFault,
} from "./errors.js";
export {
  type AroundStep,
  type IdentityStep,
  type StepEnd,
  type StepError,
  type TokenCacheUse,
  type TraceHeaders,
} from "./events/steps.js";
export { type IdentityEvent, type OnEvent } from "./events/events.js";
export { type Cloud, type CloudEndpoints, type CloudName } from "./entra/clouds.js";
export { type EntraAppFacts } from "./entra/clouds.js";
export { type TokenClaims } from "./entra/token-claims.js";
export { type FoundryEnvironment } from "./foundry/environment.js";
export {
  type ResponseFailure,
  type SignInInfo,
  type ResponseObject,
  type ResponseStatus,
  type RunEvent,
  type ResponseEventName,
} from "./foundry/events.js";
export { type ResponseEventType } from "./foundry/event-types.js";
export { type AgentReference, type OutputItem } from "./foundry/items.js";
export { getUserContext, runWithUserContext, tryGetUserContext } from "./context/ambient.js";
export { bindUserContext } from "./context/bind.js";
export {
  createUserContext,
  type CreateUserContextOptions,
  type TurnOwner,
  type UserContextOptions,
} from "./request/create.js";
export { type FetchLike } from "./runtime/runtime.js";
export { type RandomBytes } from "./runtime/runtime.js";
export { type Runtime } from "./runtime/runtime.js";
export { type HeadersLike } from "./request/calling-host.js";
export { userContext, type UserContextMiddleware } from "./request/middleware.js";
export type { Assertion, TokenUse } from "./context/state.js";
export { principalKey, type Principal } from "./context/principal.js";
export { UserContext, type PlatformContext, type VerifiedUser } from "./context/user-context.js";
export {
  type PassthroughResource,
  userTokenVerifier,
  type UserTokenVerifier,
  type UserTokenVerifierOptions,
  type VerifiedUserToken,
} from "./user-token/verify.js";
export {
  adminConsentLink,
  entraConsentLink,
  type AdminConsentLinkOptions,
  type EntraConsentLinkOptions,
} from "./consent/entra-consent-link.js";
export { type ConsentLink, type ConsentLinkInput, type MadeConsentLink } from "./consent/consent-link.js";
export { findConsentRequired, type FindConsentRequiredOptions } from "./consent/find-consent-required.js";
export { certificate, type CertificateOptions } from "./exchange/certificate.js";
export { clientSecret } from "./exchange/client-secret.js";
export {
  type ClientAuthentication,
  type ClientCredential,
  type CredentialRequest,
} from "./exchange/credential.js";
export {
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  type EntraConnections,
} from "./exchange/entra-app.js";
export {
  federatedCredential,
  workloadIdentityFile,
  type TokenCredentialLike,
} from "./exchange/federated-credential.js";
export { agentOnBehalfOf, type AgentOnBehalfOfOptions } from "./sources/agent-on-behalf-of.js";
export { developer, type DeveloperOptions } from "./sources/developer.js";
export { onBehalfOf, type OnBehalfOfOptions } from "./sources/on-behalf-of.js";
export { passthrough } from "./sources/passthrough.js";
export { type AllowedElicitations } from "./sources/allowed-elicitations.js";
export {
  protectedResource,
  type ProtectedResource,
  type ProtectedResourceInit,
} from "./sources/protected-resource.js";
export { type SharedCacheOptions } from "./tokens/shared-cache-state.js";
export { type SharedTokenStore } from "./tokens/store-calls.js";
export { type TokenCacheLimits } from "./tokens/token-cache.js";
export {
  type AccessToken,
  type TokenAnswer,
  type TokenRequest,
  type ElicitationPage,
  type TokenSource,
} from "./sources/token-source.js";
export {
  type AccessExplanation,
  type OneUserPolicy,
  type SourceExplanation,
  type TokenCredentialOptions,
  type UserAccess,
  type UserTokenCredential,
} from "./access/types.js";
export { userAccess, type UserAccessOptions } from "./access/user-access.js";
export { mcpClientPool, type McpClientLease, type McpClientPool } from "./mcp/client-pool.js";
export { closeMcpClient, type ClosableMcpClient } from "./mcp/close-mcp-client.js";
export { type McpClientPoolOptions, type McpClientUser } from "./mcp/pool-options.js";
export { foundryToolbox, type FoundryToolbox } from "./toolbox/foundry-toolbox.js";
export { type FoundryToolboxOptions, type ToolboxEntraConsent } from "./toolbox/options.js";
export {
  toolApproval,
  toolCallApproval,
  type ListedTool,
  type ToolApproval,
  type ToolCallParams,
} from "./toolbox/tool-approval.js";
export { sdkV1Auth, type SdkV1AuthProvider } from "./mcp/sdk-v1-auth.js";
export { sdkV2Auth, type SdkV2AuthProvider } from "./mcp/sdk-v2-auth.js";
export {
  invocations,
  type InvocationResult,
  type InvocationRun,
  type InvocationsOptions,
  type InvocationTurn,
} from "./turn/invocations.js";
export { responses } from "./turn/responses.js";
export { type ResponsesOptions, type ResponsesRun, type ResponsesTurn } from "./turn/responses-options.js";
export { runningTurns, type DrainOptions, type RunningTurns } from "./turn/running-turns.js";
export { type RunLimits } from "./turn/run-pieces.js";
export { type RedeemedMessage, type TurnSignIn } from "./turn/turn-sign-in.js";
export { type Preparable, type ResumedTurn, type RunOutput, type ToolRun, type Turn } from "./turn/turn.js";
export { type TurnRequest } from "./turn/turn-request.js";
