import { cloudEndpoints, cloudOfAuthorityHost, cloudOption, type Cloud } from "../entra/clouds.js";
import { clientOption, tenantOption, type EntraAppFacts } from "../entra/tenants.js";
import { list, optional, text } from "../options/checks.js";
import { type OptionTable } from "../options/option-table.js";

/** How an app registration is named. Factories that need no credential take only these options. */
export interface EntraAppNames {
  readonly tenantId: string;
  readonly clientId: string;
  readonly allowedTenants?: readonly string[];
  readonly audiences?: readonly string[];
  readonly cloud?: Cloud;
}

export const appNameOptions: OptionTable<EntraAppNames> = {
  tenantId: tenantOption,
  clientId: clientOption,
  // An empty list would refuse every user.
  allowedTenants: optional(list(tenantOption, 1)),
  audiences: optional(list(text())),
  cloud: optional(cloudOption),
};

/** The facts of an app registration whose names were checked. */
export function entraAppFacts(options: EntraAppNames): EntraAppFacts {
  const tenantId = options.tenantId.toLowerCase();
  const clientId = options.clientId.toLowerCase();
  const allowedTenants = (options.allowedTenants ?? [tenantId]).map((one) => one.toLowerCase());
  return {
    tenantId,
    clientId,
    allowedTenants: Object.freeze([...new Set(allowedTenants)]),
    audiences: Object.freeze([clientId, `api://${clientId}`, ...(options.audiences ?? [])]),
    cloud: cloudEndpoints(options.cloud ?? cloudOfAuthorityHost(process.env["AZURE_AUTHORITY_HOST"])),
  };
}
