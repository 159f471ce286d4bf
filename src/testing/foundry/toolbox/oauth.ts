import { decodeJwt } from "jose/jwt/decode";
import type { EntraApp } from "../../entra/directory-objects.js";
import { HostedAgentIdentityError } from "../../../errors.js";
import type { FoundryState } from "../state.js";
import type { Grant } from "./consents.js";
import type { ToolSource } from "./toolbox.js";

type OAuth2 = Extract<ToolSource["options"]["auth"], { readonly type: "oauth2" }>;

/** Where codes come back to. Its path is the one of the platform's connectors. */
export function redirectUri(state: FoundryState): string {
  return `${state.origin}/redirect`;
}

/** Where the person signs in for a connection. */
export function authorizeUrl(state: FoundryState, auth: OAuth2, oauthState: string): string {
  const query = new URLSearchParams({
    client_id: state.options.entra.app(auth.app).clientId,
    response_type: "code",
    redirect_uri: redirectUri(state),
    scope: auth.scopes.join(" "),
    state: oauthState,
  });
  return `${state.options.entra.origin}/${state.tenantId}/oauth2/v2.0/authorize?${query}`;
}

/** What Entra gave for a code or a refresh token; `undefined` when it refused. */
export interface Redeemed extends Pick<Grant, "accessToken" | "expiresAt" | "refreshToken"> {
  readonly account: { readonly tid: unknown; readonly oid: unknown };
}

export function redeemCode(state: FoundryState, auth: OAuth2, code: string): Promise<Redeemed | undefined> {
  return token(state, auth, { grant_type: "authorization_code", code, redirect_uri: redirectUri(state) });
}

export function refresh(
  state: FoundryState,
  auth: OAuth2,
  refreshToken: string,
): Promise<Redeemed | undefined> {
  return token(state, auth, {
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    scope: auth.scopes.join(" "),
  });
}

async function token(
  state: FoundryState,
  auth: OAuth2,
  grant: Readonly<Record<string, string>>,
): Promise<Redeemed | undefined> {
  const app = state.options.entra.app(auth.app);
  const response = await state.fetch(`${state.options.entra.origin}/${state.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ client_id: app.clientId, client_secret: secretOf(app), ...grant }).toString(),
  });
  const body = (await response.json()) as Record<string, unknown>;
  const { access_token: accessToken, expires_in: expiresIn, refresh_token: refreshToken } = body;
  if (!response.ok || typeof accessToken !== "string") return undefined;
  const { tid, oid } = decodeJwt(accessToken);
  return {
    accessToken,
    expiresAt: state.now() + Number(expiresIn) * 1000,
    refreshToken: typeof refreshToken === "string" ? refreshToken : undefined,
    account: { tid, oid },
  };
}

/** The secret of a connection's app. Throws `invalid_option` when it has none. */
export function secretOf(app: EntraApp): string {
  const secret = app.options.secrets?.[0];
  if (secret !== undefined) return typeof secret === "string" ? secret : secret.value;
  throw new HostedAgentIdentityError(
    "invalid_option",
    `startFoundry: the app ${JSON.stringify(app.name)} of a connection has no secret.`,
  );
}
