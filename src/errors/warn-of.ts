/**
 * Tells the developer that something of the host's own, such as a verifier or a `demand`, has failed, where no caller
 * may be told and nobody else listens.
 */
export function warnOf(what: string, error: unknown): void {
  process.emitWarning(`${what} failed: ${framesOf(error)}`, "HostedAgentIdentityWarning");
}

/** Where an error comes from, without its message: nobody knows what that holds. */
function framesOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error;
    const { name, message, stack = "" } = error;
    const frames = stack.replace(message, "").split("\n");
    return [name, ...frames.filter((line) => /^ {4}at /.test(line)).slice(0, 5)].join("\n");
  } catch {
    return "an error that cannot be read";
  }
}
