/**
 * The kind of an error, which says who can fix it. The first ten are the classes of Entra's refusals;
 * `input` is a request that was not accepted.
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

/** One row of the error catalog. */
export interface ErrorCodeFacts {
  readonly category: ErrorCategory;
  /** What happened, without any value of the request. */
  readonly title: string;
  /** What to do next. */
  readonly help: string;
}

/** One of several causes of a code, and how to fix it. Errors with that cause are created with it. */
export interface ErrorCause {
  readonly help: string;
  /** Set if someone other than the code's category says can fix it. */
  readonly category?: ErrorCategory;
}

// One constant for each code, and no object of all of them in what an agent loads: bundlers drop what is not used.
export type Causes<Name extends string> = Readonly<Record<Name, ErrorCause>>;
