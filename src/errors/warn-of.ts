/**
 * Warns the developer that the host's own code, such as a verifier or a `demand`, failed. Callers must not see
 * that error, and there is no other listener.
 */
export function warnOf(what: string, error: unknown): void {
  process.emitWarning(`${what} failed: ${framesOf(error)}`, "HostedAgentIdentityWarning");
}

/** An error's stack frames, without its message, which may contain anything. */
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
