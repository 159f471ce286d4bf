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

/** One row of the error catalogue. */
export interface ErrorCodeFacts {
  readonly category: ErrorCategory;
  /** What happened, without any value of the request. */
  readonly title: string;
  /** What to do next. */
  readonly help: string;
}
