import type { ErrorCategory } from "../../errors.js";

/** Who can fix an error, by its category, as in docs/errors.md. */
export const whoseMove: Readonly<Record<ErrorCategory, string>> = {
  consent: "the user or an administrator, by opening a link",
  signin: "the user, by signing in again",
  stepup: "the user, by meeting a claims challenge, such as MFA",
  blocked: "an administrator: a policy says no",
  admin: "an administrator: assignment, tenant, account",
  config: "the developer",
  cred: "the developer: the app's own credential",
  retry: "time: a temporary problem",
  throttle: "time: wait as long as Retry-After says",
  loop: "the developer: the same request was repeated too often",
  input: "the caller: the request was not accepted",
};
