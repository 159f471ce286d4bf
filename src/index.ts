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
  type ErrorCategory,
  type ErrorCode,
  type ErrorCodeFacts,
  type IdentityEvent,
  type OnEvent,
  type SkippedSource,
  type SkipReason,
} from "./errors.js";
export { type Cloud, type CloudEndpoints, type CloudName } from "./entra/clouds.js";
export { type EntraAppFacts } from "./entra/tenants.js";
export { getUserContext, runWithUserContext, tryGetUserContext } from "./context/ambient.js";
export { principalKey, type Principal } from "./context/principal.js";
export { UserContext, type PlatformContext, type VerifiedUser } from "./context/user-context.js";
export { type ConsentLink, type ConsentLinkInput, type MadeConsentLink } from "./consent/consent-link.js";
export { certificate, type CertificateOptions } from "./exchange/certificate.js";
export { clientSecret } from "./exchange/client-secret.js";
export { type ClientAuthentication, type ClientCredential, type CredentialRequest } from "./exchange/credential.js";
export { entraApp, type EntraApp, type EntraAppOptions } from "./exchange/entra-app.js";
export { federatedCredential, workloadIdentityFile, type TokenCredentialLike } from "./exchange/federated-credential.js";
export { developer, type DeveloperOptions } from "./tokens/developer.js";
export { onBehalfOf, type OnBehalfOfOptions } from "./tokens/on-behalf-of.js";
export { passthrough } from "./tokens/passthrough.js";
export { protectedResource, type ProtectedResource, type ProtectedResourceInit } from "./tokens/protected-resource.js";
export { type TokenCacheLimits } from "./tokens/token-cache.js";
export { type AccessToken, type TokenAnswer, type TokenRequest, type TokenSource } from "./tokens/token-source.js";
export {
  type AccessExplanation,
  type FetchLike,
  type SourceExplanation,
  type UserAccess,
  type UserTokenCredential,
} from "./access/types.js";
export { userAccess, type UserAccessOptions } from "./access/user-access.js";
