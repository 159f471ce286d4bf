import { packageFailure } from "../errors.js";
import type { TokenCredentialLike } from "./federated-credential.js";

/** `@azure/identity`, as far as it is used. */
export interface AzureIdentity {
  readonly ManagedIdentityCredential: new () => TokenCredentialLike;
  readonly AzureCliCredential: new () => TokenCredentialLike;
  readonly AzureDeveloperCliCredential: new () => TokenCredentialLike;
  readonly ChainedTokenCredential: new (...sources: TokenCredentialLike[]) => TokenCredentialLike;
}

/**
 * Loads the optional package. Bundlers find it, because its name is written out, and build without it, because an
 * awaited `import()` directly inside `try` is what they take as optional.
 * Throws `missing_dependency`, `dependency_failed`.
 */
export async function azureIdentity(neededBy: string): Promise<AzureIdentity> {
  try {
    // `as string` is gone from what is built. It keeps the package's own declarations, which need the DOM's, out of ours.
    return (await import("@azure/identity" as string)) as AzureIdentity;
  } catch (cause) {
    throw packageFailure("@azure/identity", neededBy, cause);
  }
}
