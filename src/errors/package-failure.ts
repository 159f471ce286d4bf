import { HostedAgentIdentityError } from "./base.js";

/** Loads a package this one depends on. Throws the result of {@link packageFailure} on failure. */
export async function loadPackage<T>(name: string, neededBy: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw packageFailure(name, neededBy, cause);
  }
}

/**
 * The error for a package that could not be loaded: `missing_dependency` if it is not installed,
 * `dependency_failed` if it is installed and something else failed. Asking to install an installed package would
 * hide the real error, which is the `cause`.
 */
export function packageFailure(name: string, neededBy: string, cause: unknown): HostedAgentIdentityError {
  if (isMissing(name, cause)) {
    const message = `${neededBy} needs the package ${name}: npm install ${name}.`;
    return new HostedAgentIdentityError("missing_dependency", message, { cause });
  }
  const message = `${neededBy} needs the package ${name}, which did not load.`;
  return new HostedAgentIdentityError("dependency_failed", message, { cause });
}

/** Node says the first of an `import`, and the second of a `require`, as webpack and Turbopack do in what they build. */
const notFound: ReadonlySet<unknown> = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/** The code is the same when a package that this one imports is missing, so the message has to quote the name. */
function isMissing(name: string, cause: unknown): boolean {
  if (!(cause instanceof Error) || !notFound.has((cause as { readonly code?: unknown }).code)) return false;
  return ["'", '"'].some((quote) => [quote, "/"].some((end) => cause.message.includes(quote + name + end)));
}
