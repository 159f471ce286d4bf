export {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  type AuthenticationDemand,
  type ErrorOptionsOf as HostedAgentIdentityErrorOptions,
} from "./errors/base.js";
export { errorCodes, type ErrorCategory, type ErrorCode, type ErrorCodeFacts } from "./errors/codes.js";
export {
  ConsentRequest,
  ConsentRequiredError,
  isConsentRequiredError,
  type ConsentReason,
  type ConsentRequestInit,
} from "./errors/consent-required.js";
export { isNoTokenError, NoTokenError, type SkippedSource, type SkipReason } from "./errors/no-token.js";
export { loadPackage, packageFailure } from "./errors/package-failure.js";
export { isTokenExchangeError, TokenExchangeError, type EntraRefusal } from "./errors/token-exchange.js";
export { isUserTokenError, UserTokenError, type UserTokenFault } from "./errors/user-token.js";
export { emit, listener, type IdentityEvent, type OnEvent } from "./errors/events.js";
export {
  watched,
  type AroundStep,
  type IdentityStep,
  type StepEnd,
  type StepError,
  type TokenCacheUse,
  type TraceHeaders,
} from "./errors/steps.js";
export { invalid, unexpected } from "./errors/invalid.js";
export {
  clocksOf,
  endAt,
  isPast,
  nextReading,
  systemClock,
  type AgeReading,
  type Clocks,
  type End,
} from "./errors/clocks.js";
export {
  abortSignal,
  bytes,
  check,
  clock,
  count,
  either,
  flag,
  func,
  label,
  list,
  longestTimerMs,
  made,
  milliseconds,
  oneOf,
  optional,
  orElse,
  record,
  seconds,
  secureUrl,
  text,
} from "./errors/checks.js";
export {
  nested,
  readOptions,
  type Checked,
  type KeyOfAny,
  type OptionCheck,
  type OptionKind,
  type OptionTable,
} from "./errors/option-table.js";
export { isLoopback, isSecureUrl } from "./errors/secure-url.js";
