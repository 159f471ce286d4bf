import type { CloudEndpoints } from "./clouds.js";
import { check, made } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a value has the form of a tenant, client or object id. */
export function isGuid(value: unknown): value is string {
  return typeof value === "string" && guid.test(value);
}

/**
 * A tenant id. Only GUIDs: `common`, `organizations` and `consumers` are no tenants, and a domain name cannot be
 * compared with a token's `tid`.
 */
export const tenantOption: OptionCheck<string> = check<string>(
  "text",
  "the tenant's id (a GUID)",
  isGuid,
  (value) =>
    typeof value === "string" && value !== "" ? 'Names such as "common" stand for no tenant.' : undefined,
);

/** The client id of an application. */
export const clientOption: OptionCheck<string> = check<string>("text", "a client id (a GUID)", isGuid);

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

/** An app as the verifier and links need it. */
export const appFactsOption: OptionCheck<EntraAppFacts> = made<EntraAppFacts>("what entraApp() returned", {
  tenantId: "string",
  clientId: "string",
  allowedTenants: "list",
  audiences: "list",
  cloud: "object",
});
