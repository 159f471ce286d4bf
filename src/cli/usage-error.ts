/** Invalid usage: exit code 2. Not an error of the library, so it has no code. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
