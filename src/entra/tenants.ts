import type { CloudEndpoints } from "./clouds.js";
import { HostedAgentIdentityError } from "../errors.js";

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a value has the form of a tenant, client or object id. */
export function isGuid(value: unknown): value is string {
  return typeof value === "string" && guid.test(value);
}

/**
 * A tenant id, in lower case. Only GUIDs: `common`, `organizations` and `consumers` are no tenants, and a
 * domain name cannot be compared with a token's `tid`. Throws `invalid_option`.
 */
export function tenantId(option: string, value: string): string {
  if (!isGuid(value)) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      `${option}: expected the tenant's id (a GUID), got ${JSON.stringify(value)}. Names such as "common" stand for no tenant.`,
    );
  }
  return value.toLowerCase();
}

/** The facts of a confidential client that the verifier and links need: no credential, no network. */
export interface EntraAppFacts {
  /** The home tenant of the app, lower case. */
  readonly tenantId: string;
  /** The client id of the app, lower case. */
  readonly clientId: string;
  /** Every tenant whose users are accepted, the home tenant included unless it was left out. */
  readonly allowedTenants: readonly string[];
  /** What the user token's audience may be: the client id and `api://<client id>`, and any that were added. */
  readonly audiences: readonly string[];
  readonly cloud: Required<CloudEndpoints>;
}
