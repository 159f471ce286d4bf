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

/** One cause of a code that has several, and what ends it. An error of that cause is made with it. */
export interface ErrorCause {
  readonly help: string;
  /** Where somebody else can end it than the code's category says. */
  readonly category?: ErrorCategory;
}

// One constant for each code, and no object of all of them in what an agent loads: bundlers drop what is not used.
export type Causes<Name extends string> = Readonly<Record<Name, ErrorCause>>;
