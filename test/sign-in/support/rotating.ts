import { randomBytes } from "node:crypto";
import {
  clientSecret,
  entraApp,
  protectedResource,
  TokenExchangeError,
  type FetchLike,
  type IdentityEvent,
} from "hosted-agent-identity";
import type { SignInStore } from "hosted-agent-identity/sign-in";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { keyring } from "../../../src/sealing/keyring.js";
import { noAudit } from "../../../src/sign-in/audit/auditor.js";
import type { Grants } from "../../../src/sign-in/grants/grant.js";
import type { ClaimTimes } from "../../../src/sign-in/grants/grants-state.js";
import { grants } from "../../../src/sign-in/grants/grants.js";
import type { GrantIssuer } from "../../../src/sign-in/grants/issuer.js";
import { keyedStore } from "../../../src/sign-in/grants/record-names.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { guardedStore } from "../../../src/sign-in/stores/guarded-store.js";
import { startedStore } from "../../../src/sign-in/stores/started-store.js";
import type { AuthorizationServer } from "../../support/authorization-server.js";

/** What a grant of the server serves. */
export const tracker = protectedResource({
  url: "https://tracker.example.com/mcp",
  serverLabel: "tracker",
  scopes: ["api://tracker/read"],
  audiences: ["api://tracker"],
});

/** A token client for an authorization server that replaces refresh tokens. */
export function rotatingIssuer(
  { issuer, clientId, clientSecret }: Pick<AuthorizationServer, "issuer" | "clientId" | "clientSecret">,
  more: {
    readonly fetch?: FetchLike;
    readonly beforeSend?: () => Promise<void>;
    readonly now?: () => number;
  } = {},
): GrantIssuer {
  const { fetch: send = fetch, now = Date.now } = more;
  const headers = {
    authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`,
    "content-type": "application/x-www-form-urlencoded",
  };
  const post = async (path: string, form: Record<string, string>, signal: AbortSignal): Promise<Response> =>
    send(`${issuer}${path}`, { method: "POST", headers, body: new URLSearchParams(form).toString(), signal });
  return {
    kind: "oauth",
    issuer,
    clientId,
    resourceSet: tracker.url,
    refreshes: "one_at_a_time",
    async refresh({ refreshToken, signal, beforeSend }) {
      await more.beforeSend?.();
      beforeSend();
      const response = await post(
        "/token",
        { grant_type: "refresh_token", refresh_token: refreshToken },
        signal,
      );
      const body = (await response.json()) as Readonly<Record<string, string>>;
      const { status } = response;
      if (status !== 200)
        throw new TokenExchangeError("token_exchange_failed", "The server refused.", {
          status,
          error: body["error"],
        });
      const time = now();
      const lifetimeMs = Number(body["expires_in"]) * 1_000;
      return {
        token: body["access_token"] ?? "",
        expiresAt: time + lifetimeMs,
        refreshAt: time + 0.8 * lifetimeMs,
        refreshToken: body["refresh_token"],
      };
    },
    verdict(cause) {
      if (!(cause instanceof TokenExchangeError) || (cause.status ?? 500) >= 500) return "unknown";
      return cause.error === "invalid_grant" ? "revoked" : "unused";
    },
    async revoke(refreshToken, signal) {
      await post("/token/revocation", { token: refreshToken, token_type_hint: "refresh_token" }, signal);
    },
  };
}

/** One process of an agent whose grants come from such a server. */
export interface Refresher {
  readonly core: SignInContext;
  readonly grants: Grants;
  readonly events: readonly IdentityEvent[];
  /** The access token of a principal, or `undefined` when it has to sign in. */
  token(principalKey: string): Promise<string | undefined>;
  /** Keeps what a sign-in would have left behind. */
  connect(principalKey: string, refreshToken: string): Promise<void>;
  /** What the store keeps. */
  stored(principalKey: string): Promise<string | undefined>;
}

const tenantId = "00000000-0000-4000-8000-000000000001";
/** Of whoever signed in. */
const account = { tid: tenantId, oid: "00000000-0000-4000-8000-00000000000a" };

export function refresher(
  store: SignInStore,
  issuer: GrantIssuer,
  options: { readonly times?: ClaimTimes; readonly key: Uint8Array | string; readonly now?: () => number },
): Refresher {
  const { key, times, now = Date.now } = options;
  const events: IdentityEvent[] = [];
  const app = entraApp({ tenantId, clientId: tenantId, credential: clientSecret("unused") });
  const core: SignInContext = {
    app: entraAppInternals(app),
    publicUrl: "https://agent.example.com",
    resources: [tracker],
    store: guardedStore(keyedStore(startedStore(store), [key], now)),
    keys: keyring([key]),
    agent: "agent",
    now,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    onEvent: (event) => void events.push(event),
    audit: noAudit,
  };
  const made = grants(core, issuer, times);
  const { url, scopes } = tracker;
  return {
    core,
    grants: made,
    events,
    async token(principalKey) {
      const { signal } = new AbortController();
      const request = { resource: tracker, scopes, claims: undefined, signal };
      return (await made.token(principalKey, request))?.token;
    },
    async connect(principalKey, refreshToken) {
      await made.keep(principalKey, { account, refreshToken, resources: [url], scopes });
    },
    stored: async (principalKey) => (await made.find(principalKey))?.refreshToken,
  };
}
