/**
 * Key Vault with its Azure SDK client, as the person who is asking.
 *
 * Prerequisites: the agent's app has the delegated permission *Azure Key Vault → user_impersonation*, somebody has
 * consented, and each person has a role on the vault, for example *Key Vault Secrets User*.
 */
import { SecretClient, type SecretClientOptions } from "@azure/keyvault-secrets";
import { protectedResource, userAccess, type TokenSource, type UserAccess } from "hosted-agent-identity";

/** Made once for the process, for example with `onBehalfOf(app)`. */
export function vaultAccess(source: TokenSource, url: string): UserAccess {
  const vault = protectedResource({
    url,
    serverLabel: "Key Vault",
    scopes: ["https://vault.azure.net/user_impersonation"],
    audiences: ["https://vault.azure.net"],
  });
  return userAccess(vault, [source]);
}

/** Made for each turn, in it: an Azure SDK client has one user for all its life. */
export function secretClient(vault: UserAccess, options: SecretClientOptions = {}): SecretClient {
  const credential = vault.tokenCredential();
  return new SecretClient(vault.url.href, credential, {
    ...options,
    additionalPolicies: [{ policy: credential.policy, position: "perCall" }],
  });
}
