/** One guard taken out: where, and which tests must notice. */
export interface Mutant {
  /** Short, unique, for the report. */
  readonly name: string;
  /** The rule of the security model that the guard keeps, 1 to 15. */
  readonly rule: number;
  /** The file under src. */
  readonly file: string;
  /** Text that stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test files that must fail. Only these run. */
  readonly tests: readonly string[];
}
