import { randomUUID } from "node:crypto";
import { returnAddress, sendBack, type ReturnAddress } from "./authorize-request.js";
import type { EntraCall } from "./call.js";
import { configuredOn } from "./consent-step.js";
import type { EntraApp, EntraTenant } from "./directory-objects.js";
import { html, type Reply } from "./http.js";
import { adminConsentPage } from "./pages.js";
import { refused } from "./refused.js";
import { parseScopes, requiredScopes } from "./scopes.js";
import { remember } from "./state.js";

interface AdminFlow {
  readonly kind: "admin";
  readonly address: ReturnAddress;
  readonly client: EntraApp;
  readonly tenant: EntraTenant;
  readonly wanted: readonly { readonly resource: EntraApp; readonly names: readonly string[] }[];
  readonly scope: string | null;
}

/**
 * `/{tenant}/v2.0/adminconsent`: an administrator answers for everybody. What comes back to the redirect URI
 * is not signed and proves nothing. Source: identity-platform/v2-admin-consent.
 */
export function adminConsent(call: EntraCall): Reply {
  return call.method === "POST" ? decide(call) : show(call);
}

function show(call: EntraCall): Reply {
  const { state, tenant, params, segment } = call;
  if (tenant === undefined) throw refused("tenant_needed");
  const address = returnAddress(state, tenant, params);
  call.entry.client = address.client.name;
  const scope = params.get("scope");
  const id = randomUUID();
  const flow: AdminFlow = {
    kind: "admin",
    address,
    client: address.client,
    tenant,
    wanted: wantedBy(call, address.client, tenant, scope),
    scope,
  };
  remember(state.flows, id, flow);
  const admins = state.directory.accounts(tenant.id).filter(({ user }) => user.admin);
  const descriptions = flow.wanted.flatMap(({ resource, names }) =>
    names.map((name) => `${name} (${resource.name})`),
  );
  const form = { action: `/${segment}/v2.0/adminconsent`, ctx: id };
  return html(200, adminConsentPage(form, address.client, admins, descriptions));
}

function decide({ state, params, entry }: EntraCall): Reply {
  const id = params.get("ctx") ?? "";
  const flow = state.flows.get(id);
  if (!isFlow(flow)) throw refused("flow_expired");
  state.flows.delete(id);
  const { address, tenant, client } = flow;
  entry.client = client.name;
  if (params.has("cancel")) {
    return sendBack(address, {
      error: "permission_denied",
      error_description: "The admin canceled the request",
      admin_consent: "True",
      tenant: tenant.id,
    });
  }
  const admin = state.directory.accountByOid(params.get("account") ?? "", tenant.id);
  if (admin?.user.admin !== true)
    throw refused("admin_consent_required", { tenant: tenant.name, client: client.name });
  entry.user = admin.user.name;
  for (const { resource, names } of flow.wanted) {
    state.consents.grant({ tenantId: tenant.id, client, resource }, names);
  }
  return sendBack(address, { admin_consent: "True", tenant: tenant.id, scope: flow.scope ?? undefined });
}

function wantedBy(
  { state }: EntraCall,
  client: EntraApp,
  tenant: EntraTenant,
  scope: string | null,
): AdminFlow["wanted"] {
  if (scope === null) return configuredOn(state, client);
  return parseScopes(state, tenant, client, scope).resources.map(({ app, names, isDefault }) => ({
    resource: app,
    names: isDefault ? requiredScopes(state, client, app) : names,
  }));
}

function isFlow(value: unknown): value is AdminFlow {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "admin";
}
