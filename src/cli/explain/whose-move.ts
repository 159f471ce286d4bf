import type { ErrorCategory } from "../../errors.js";

/** Who can end an error, by its category: as in docs/errors.md. */
export const whoseMove: Readonly<Record<ErrorCategory, string>> = {
  consent: "the user or an administrator, by opening a link",
  signin: "the user, by signing in again",
  stepup: "the user, by proving more (a claims challenge)",
  blocked: "an administrator: a policy says no",
  admin: "an administrator: assignment, tenant, account",
  config: "the developer",
  cred: "the developer: the app's own credential",
  retry: "time: a passing problem",
  throttle: "time: as long as Retry-After says",
  loop: "the developer: the same request over and over",
  input: "the caller: the request was not acceptable",
};
