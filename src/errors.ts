export {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  type AuthenticationDemand,
  type HostedAgentIdentityErrorOptions,
} from "./errors/base.js";
export { errorCodes, type ErrorCategory, type ErrorCode, type ErrorCodeFacts } from "./errors/codes.js";
export {
  ConsentRequest,
  ConsentRequiredError,
  consentReasons,
  isConsentRequiredError,
  type ConsentReason,
  type ConsentRequestInit,
} from "./errors/consent-required.js";
export { isNoTokenError, NoTokenError, type SkippedSource, type SkipReason } from "./errors/no-token.js";
export { loadPackage, packageFailure } from "./errors/package-failure.js";
export { isTokenExchangeError, TokenExchangeError, type EntraRefusal } from "./errors/token-exchange.js";
export { isUserTokenError, UserTokenError, type UserTokenFault } from "./errors/user-token.js";
