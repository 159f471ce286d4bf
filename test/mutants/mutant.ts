/** One guard taken out: where, and which tests must notice. */
export interface Mutant {
  /** Short, unique, for the report. */
  readonly name: string;
  /** The rule of the security model that the guard keeps. */
  readonly rule: Rule;
  /**
   * The text of the guard. It must stand exactly once in src, wherever that is: layout and comments do not
   * count, so moving or reformatting the guard breaks nothing. Ends without a trailing comma.
   */
  readonly find: string;
  /**
   * Where `find` alone stands more than once: the top-level declaration (`name`, or `Class.member`) that is
   * meant.
   */
  readonly in?: string;
  readonly replace: string;
  /** The test files that must fail. Only these run. */
  readonly tests: readonly string[];
}

export type Rule = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18 | 19 | 20;
