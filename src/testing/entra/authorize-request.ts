import { parseClaims, type ClaimsRequest } from "./claims-request.js";
import { knownClient } from "./client-auth.js";
import type { EntraApp, EntraTenant } from "./directory-objects.js";
import { html, redirect, type Reply } from "./http.js";
import { formPostPage } from "./pages.js";
import { refusalBody, refused, type Refused } from "./refused.js";
import type { EntraState } from "./state.js";

/** Where an answer may be sent: checked against what the app registered. */
export interface ReturnAddress {
  readonly redirectUri: string;
  readonly redirectType: "web" | "spa" | "native";
  readonly responseMode: "query" | "fragment" | "form_post";
  readonly state: string | undefined;
}

/** A request to the authorize endpoint that may be answered. */
export interface AuthorizeRequest extends ReturnAddress {
  readonly tenant: EntraTenant | undefined;
  readonly client: EntraApp;
  readonly scope: string;
  readonly prompt: "" | "login" | "none" | "consent" | "select_account";
  readonly loginHint: string | undefined;
  readonly nonce: string | undefined;
  readonly challenge: string | undefined;
  readonly claims: ClaimsRequest;
  readonly wantsClientInfo: boolean;
  /** `response_type=none`: the answer has no code. */
  readonly consentOnly: boolean;
}

const prompts = ["", "login", "none", "consent", "select_account"] as const;
const modes = ["query", "fragment", "form_post"] as const;

/** The client and where to answer. Refusals of this step are pages: nothing may be sent to an address that is not registered. */
export function returnAddress(
  state: EntraState,
  tenant: EntraTenant | undefined,
  params: URLSearchParams,
): ReturnAddress & { readonly client: EntraApp } {
  const clientId = params.get("client_id");
  if (clientId === null || clientId === "") throw refused("parameter_missing", { parameter: "client_id" });
  const client = knownClient(state, clientId, tenant);
  const uri = params.get("redirect_uri") ?? "";
  const registered = state.directory.additions(client).redirectUris.find((one) => sameRedirect(one.uri, uri));
  if (registered === undefined) throw refused("redirect_mismatch", { uri, clientId });
  return {
    client,
    redirectUri: uri,
    redirectType: registered.type,
    responseMode: modes.find((mode) => mode === params.get("response_mode")) ?? "query",
    state: params.get("state") ?? undefined,
  };
}

/** The rest of the request. Refusals of this step go to the redirect URI. */
export function authorizeRequest(
  address: ReturnAddress & { readonly client: EntraApp },
  tenant: EntraTenant | undefined,
  params: URLSearchParams,
): AuthorizeRequest {
  const type = params.get("response_type");
  if (type === null) throw refused("parameter_missing", { parameter: "response_type" });
  const consentOnly = isConsentOnly(address.client, type);
  if (type !== "code" && !consentOnly) throw refused("response_type_unsupported", { type });
  const scope = params.get("scope") ?? "";
  if (scope.trim() === "") throw refused("parameter_missing", { parameter: "scope" });
  const prompt = prompts.find((one) => one === (params.get("prompt") ?? ""));
  if (prompt === undefined) throw refused("malformed");
  const challenge = params.get("code_challenge") ?? undefined;
  if (challenge !== undefined && params.get("code_challenge_method") !== "S256") throw refused("malformed");
  return {
    ...address,
    tenant,
    scope,
    prompt,
    loginHint: params.get("login_hint") ?? undefined,
    nonce: params.get("nonce") ?? undefined,
    challenge,
    claims: parseClaims(params.get("claims")),
    wantsClientInfo: params.get("client_info") === "1",
    consentOnly,
  };
}

/**
 * People may consent for a blueprint, which then gets no code; for an agent identity nobody is asked anything.
 * Source: agent-id/agent-on-behalf-of-oauth-flow.
 */
function isConsentOnly(client: EntraApp, responseType: string): boolean {
  const ofAgent = client.blueprintId !== undefined;
  if (!ofAgent && !client.isBlueprint) return false;
  if (responseType !== "none") throw refused("agent_response_type");
  if (ofAgent) throw refused("agent_no_authorize");
  return true;
}

/**
 * Exact and with regard to case, except that a port of `localhost` does not count.
 * Source: identity-platform/reply-url.
 */
function sameRedirect(registered: string, given: string): boolean {
  if (registered === given) return true;
  if (!URL.canParse(registered) || !URL.canParse(given)) return false;
  const [a, b] = [new URL(registered), new URL(given)];
  if (a.protocol !== "http:" || a.hostname !== "localhost") return false;
  a.port = "";
  b.port = "";
  return a.href === b.href;
}

/** Sends the person back to the app with an answer. */
export function sendBack(
  address: ReturnAddress,
  values: Record<string, string | undefined>,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...values, state: address.state })) {
    if (value !== undefined) params.set(name, value);
  }
  const { redirectUri, responseMode } = address;
  if (responseMode === "form_post") return html(200, formPostPage(redirectUri, params), headers);
  if (responseMode === "fragment") return redirect(`${redirectUri}#${params}`, headers);
  return redirect(`${redirectUri}${redirectUri.includes("?") ? "&" : "?"}${params}`, headers);
}

/** Sends the person back with a refusal. `error` overrides the one of the table where this endpoint has another. */
export function sendBackRefusal(
  state: EntraState,
  address: ReturnAddress,
  refusal: Refused,
  options: {
    readonly error?: string;
    readonly subcode?: string;
    readonly headers?: Record<string, string>;
  } = {},
): Reply {
  const body = refusalBody(refusal, {
    now: state.now(),
    correlationId: crypto.randomUUID(),
    origin: state.origin,
  });
  return sendBack(
    address,
    {
      error: options.error ?? body.error,
      error_subcode: options.subcode,
      error_description: body.error_description,
      error_uri: body.error_uri,
    },
    options.headers,
  );
}
