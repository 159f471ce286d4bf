import { clocksOf, systemClock } from "../async/clocks.js";
import { runWithoutUserContext } from "../context/ambient.js";
import {
  cloudEndpoints,
  cloudOfAuthorityHost,
  cloudOption,
  type Cloud,
  clientOption,
  tenantOption,
  type EntraAppFacts,
} from "../entra/clouds.js";
import { isTenantDoor, tenantDoor, type AskTenant } from "../entra/tenants.js";
import { either, func, list, optional, text } from "../options/checks.js";
import { type OptionTable } from "../options/option-table.js";

/** How an app registration is named. Factories that need no credential take only these options. */
export interface EntraAppNames {
  readonly tenantId: string;
  readonly clientId: string;
  readonly allowedTenants?: readonly string[] | AskTenant;
  readonly audiences?: readonly string[];
  readonly cloud?: Cloud;
}

export const appNameOptions: OptionTable<EntraAppNames> = {
  tenantId: tenantOption,
  clientId: clientOption,
  // An empty list would refuse every user.
  allowedTenants: optional(
    either(
      list(tenantOption, 1),
      func<AskTenant>("a function that says of a tenant's id whether its users may come"),
    ),
  ),
  audiences: optional(list(text())),
  cloud: optional(cloudOption),
};

/** The facts of an app registration whose names were checked. `now` ages what a function of tenants has answered. */
export function entraAppFacts(options: EntraAppNames, now: () => number = systemClock): EntraAppFacts {
  const tenantId = options.tenantId.toLowerCase();
  const clientId = options.clientId.toLowerCase();
  return {
    tenantId,
    clientId,
    allowedTenants: tenantsOf(options.allowedTenants ?? [tenantId], now),
    audiences: Object.freeze([clientId, `api://${clientId}`, ...(options.audiences ?? [])]),
    cloud: cloudEndpoints(options.cloud ?? cloudOfAuthorityHost(process.env["AZURE_AUTHORITY_HOST"])),
  };
}

function tenantsOf(
  allowed: readonly string[] | AskTenant,
  now: () => number,
): EntraAppFacts["allowedTenants"] {
  if (typeof allowed !== "function")
    return Object.freeze([...new Set(allowed.map((one) => one.toLowerCase()))]);
  // Of an app whose own options were read before, for example by entraApp(): one memory, so one minute.
  if (isTenantDoor(allowed)) return allowed;
  return tenantDoor((tid) => runWithoutUserContext(() => allowed(tid)), clocksOf(now));
}
