import { cloudEndpoints, cloudOfAuthorityHost } from "../entra/clouds.js";
import { isGuid, tenantId as checkedTenantId, type EntraAppFacts } from "../entra/tenants.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { EntraAppOptions } from "./entra-app.js";

/** How an app registration is named: whatever has no credential of its own needs no more. */
export type EntraAppNames = Pick<
  EntraAppOptions,
  "tenantId" | "clientId" | "allowedTenants" | "audiences" | "cloud"
>;

/** The facts of an app registration, checked. Throws `invalid_option`. */
export function entraAppFacts(options: EntraAppNames): EntraAppFacts {
  const tenantId = checkedTenantId("tenantId", options.tenantId);
  if (!isGuid(options.clientId))
    throw invalid(`clientId: expected a GUID, got ${JSON.stringify(options.clientId)}.`);
  const clientId = options.clientId.toLowerCase();
  const allowedTenants = (options.allowedTenants ?? [tenantId]).map((one) =>
    checkedTenantId("allowedTenants", one),
  );
  if (allowedTenants.length === 0) throw invalid("allowedTenants: with an empty list nobody could come.");
  return {
    tenantId,
    clientId,
    allowedTenants: Object.freeze([...new Set(allowedTenants)]),
    audiences: Object.freeze([clientId, `api://${clientId}`, ...(options.audiences ?? [])]),
    cloud: cloudEndpoints(options.cloud ?? cloudOfAuthorityHost(process.env["AZURE_AUTHORITY_HOST"])),
  };
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
