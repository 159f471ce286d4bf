/** The command was not understood: exit code 2. Not an error of the library, so without a code of its own. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
