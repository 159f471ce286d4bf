import { timingSafeEqual } from "node:crypto";
import { checkClientAssertion } from "./client-assertion.js";
import type { EntraApp, EntraTenant } from "./directory-objects.js";
import { refused } from "./refused.js";
import type { EntraState } from "./state.js";
import { required, type ClientProof } from "./token-call.js";

/** The client id a request gives: in the form, or as HTTP Basic. */
export function claimedClient(
  params: URLSearchParams,
  authorization: string | undefined,
): { readonly clientId: string | undefined; readonly secret: string | undefined } {
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "")?.[1];
  if (basic === undefined) {
    return {
      clientId: params.get("client_id") ?? undefined,
      secret: params.get("client_secret") ?? undefined,
    };
  }
  const [id = "", ...rest] = Buffer.from(basic, "base64").toString("utf8").split(":");
  // RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
  const decode = (value: string): string => new URLSearchParams(`v=${value}`).get("v") ?? "";
  return { clientId: decode(id), secret: decode(rest.join(":")) };
}

/** The client, if the tenant knows it. Throws AADSTS700016 and others. */
export function knownClient(state: EntraState, clientId: string, tenant: EntraTenant | undefined): EntraApp {
  const app = state.directory.appById(clientId);
  const home = tenant?.name ?? state.directory.tenants[0]?.name ?? "";
  if (app === undefined || (tenant !== undefined && !state.directory.isInstalled(app, tenant.id))) {
    throw refused("client_unknown", { clientId, tenant: home });
  }
  if (app.options.disabled) throw refused("client_disabled", { clientId, client: app.name });
  if (tenant === undefined && !app.multiTenant) {
    throw refused("single_tenant_app", { clientId, client: app.name });
  }
  return app;
}

/** Lets the client prove itself with what the request carries. */
export async function authenticateClient(
  state: EntraState,
  request: {
    readonly app: EntraApp;
    readonly tenant: EntraTenant | undefined;
    readonly params: URLSearchParams;
    readonly secret: string | undefined;
  },
): Promise<ClientProof> {
  const { app, params, secret } = request;
  if (params.has("client_assertion")) {
    const type = required(params, "client_assertion_type");
    if (type !== "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") throw refused("malformed");
    return checkClientAssertion(state, request, required(params, "client_assertion"));
  }
  if (secret !== undefined && secret !== "") return checkSecret(state, app, secret);
  if (isPublic(state, app)) return "none";
  throw refused("credential_missing");
}

/** An app without any credential is a public client, as is one that says so. An agent's apps never are. */
function isPublic(state: EntraState, app: EntraApp): boolean {
  if (app.isBlueprint || app.blueprintId !== undefined) return false;
  const { secrets = [], certificates = [], publicClient } = app.options;
  const federated = state.directory.additions(app).federatedCredentials;
  return publicClient ?? secrets.length + certificates.length + federated.length === 0;
}

function checkSecret(state: EntraState, app: EntraApp, secret: string): ClientProof {
  const known = (app.options.secrets ?? []).map((one) =>
    typeof one === "string" ? { value: one, expiresAt: Number.POSITIVE_INFINITY } : one,
  );
  const match = known.find(({ value }) => equal(value, secret));
  if (match === undefined) throw refused("secret_wrong", { clientId: app.clientId });
  if (match.expiresAt <= state.now()) throw refused("secret_expired", { clientId: app.clientId });
  return "secret";
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
