import { createHash, randomBytes } from "node:crypto";
import { SignJWT, type JWTPayload } from "jose";
import type { Account, EntraApp } from "./directory-objects.js";
import { graphId } from "./microsoft-apps.js";
import { agentClaims } from "./agent-identities.js";
import type { SigningKey } from "./keys.js";
import type { EntraState, SignIn } from "./state.js";
import type { ClientProof } from "./token-call.js";

/** `azpacr` / `appidacr`. */
const proofClaim: Record<ClientProof, string> = { none: "0", secret: "1", certificate: "2", federated: "2" };

export interface AccessTokenRequest {
  readonly tenantId: string;
  readonly client: EntraApp;
  readonly resource: EntraApp;
  /** The audience as it was asked for; version 1 tokens repeat it. */
  readonly resourceUri: string;
  readonly proof: ClientProof;
  /** Of an exchange token for an agent identity: its subject. */
  readonly exchangeSubject?: string | undefined;
  readonly person?: {
    readonly account: Account;
    readonly signIn: SignIn;
    readonly scopes: readonly string[];
  };
  /** Roles of an app-only token. */
  readonly roles?: readonly string[];
  readonly lifetimeS?: number | undefined;
  readonly version?: 1 | 2 | undefined;
  /** Values of the claims request that are part of the token: `cp1`, authentication contexts. */
  readonly capabilities?: readonly string[];
  readonly authContexts?: readonly string[];
  /** Overrides; `undefined` takes a claim out. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly key?: SigningKey | undefined;
}

/** An access token in the form its resource chose. Source: access-token-claims-reference. */
export async function accessToken(state: EntraState, request: AccessTokenRequest): Promise<string> {
  const version = request.version ?? request.resource.accessTokenVersion;
  const claims: Record<string, unknown> = {
    ...times(state, request.lifetimeS ?? state.options.accessTokenLifetimeS),
    aud: version === 1 ? request.resourceUri : request.resource.clientId,
    iss: issuer(state, request.tenantId, version),
    ...clientClaims(request, version),
    ...(request.person === undefined ? appClaims(request) : personClaims(request, request.person, version)),
    ...agentClaims(
      request.client,
      request.person && {
        isGuest: request.person.account.user.tenantId !== request.person.account.tenantId,
      },
    ),
    ...optionalClaims(request),
    rh: `1.${randomBytes(18).toString("base64url")}.`,
    tid: request.tenantId,
    uti: randomBytes(16).toString("base64url"),
    ver: version === 1 ? "1.0" : "2.0",
    ...request.claims,
  };
  return state.issued.note("access_token", await sign(state, claims, request.key, version));
}

/** An id token, always in version 2. Source: id-token-claims-reference. */
export async function idToken(
  state: EntraState,
  request: {
    readonly account: Account;
    readonly client: EntraApp;
    readonly signIn: SignIn;
    readonly oidc: ReadonlySet<string>;
    readonly nonce?: string | undefined;
  },
): Promise<string> {
  const { account, client, oidc, nonce } = request;
  const claims = {
    ...times(state, 3600),
    aud: client.clientId,
    iss: issuer(state, account.tenantId, 2),
    // Only a guest's tokens name who vouches for the account.
    ...(account.user.tenantId === account.tenantId ? {} : { idp: issuer(state, account.user.tenantId, 1) }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(oidc.has("email") ? { email: account.user.upn } : {}),
    ...(oidc.has("profile")
      ? { name: account.user.name, oid: account.oid, preferred_username: account.user.upn }
      : {}),
    aio: packSignIn("i", request.signIn),
    rh: `1.${randomBytes(18).toString("base64url")}.`,
    sid: request.signIn.sid,
    sub: pairwiseSubject(account.oid, client.clientId),
    tid: account.tenantId,
    uti: randomBytes(16).toString("base64url"),
    ver: "2.0",
  };
  return state.issued.note("id_token", await sign(state, claims, undefined, 2));
}

export function issuer(state: EntraState, tenantId: string, version: 1 | 2): string {
  return version === 1 ? `${state.origin}/${tenantId}/` : `${state.origin}/${tenantId}/v2.0`;
}

/** `client_info`: the home account, base64url JSON. */
export function clientInfo({ user }: Account): string {
  return Buffer.from(JSON.stringify({ uid: user.oid, utid: user.tenantId })).toString("base64url");
}

/** Entra writes `iat` and `nbf` five minutes back, for clocks that are slow. */
function times(state: EntraState, lifetimeS: number): { iat: number; nbf: number; exp: number } {
  const now = Math.floor(state.now() / 1000);
  const exp = now + lifetimeS;
  const iat = Math.min(now, exp) - 300;
  return { iat, nbf: iat, exp };
}

function clientClaims({ client, proof }: AccessTokenRequest, version: 1 | 2): Record<string, unknown> {
  return version === 1
    ? { appid: client.clientId, appidacr: proofClaim[proof] }
    : { azp: client.clientId, azpacr: proofClaim[proof] };
}

function appClaims(request: AccessTokenRequest): Record<string, unknown> {
  const { client, roles, proof, exchangeSubject } = request;
  const derived = proof === "federated" && exchangeSubject === undefined;
  return {
    aio: derived ? packed({ kind: "f" }) : randomBytes(24).toString("base64url"),
    oid: client.objectId,
    sub: exchangeSubject ?? client.objectId,
    ...(exchangeSubject === undefined ? {} : { idtyp: "app" }),
    ...(roles?.length ? { roles } : {}),
  };
}

function personClaims(
  { resource }: AccessTokenRequest,
  { account, signIn, scopes }: NonNullable<AccessTokenRequest["person"]>,
  version: 1 | 2,
): Record<string, unknown> {
  const { user, oid } = account;
  return {
    aio: packSignIn("a", signIn),
    name: user.name,
    oid,
    scp: scopes.join(" "),
    sid: signIn.sid,
    sub: pairwiseSubject(oid, resource.clientId),
    ...(version === 1
      ? { acr: "1", amr: signIn.satisfied.length > 0 ? ["pwd", "mfa"] : ["pwd"], unique_name: user.upn }
      : { preferred_username: user.upn }),
  };
}

/** Claims that a token carries only because its resource asked for them. */
function optionalClaims(request: AccessTokenRequest): Record<string, unknown> {
  const wanted = (claim: string): boolean => request.resource.optionalClaims.includes(claim);
  const { person, capabilities, authContexts } = request;
  return {
    ...(wanted("idtyp") ? { idtyp: person === undefined ? "app" : "user" } : {}),
    ...(wanted("upn") && person !== undefined ? { upn: person.account.user.upn } : {}),
    ...(wanted("email") && person !== undefined ? { email: person.account.user.upn } : {}),
    ...(wanted("xms_cc") && capabilities?.length ? { xms_cc: capabilities } : {}),
    ...(authContexts?.length ? { acrs: authContexts } : {}),
  };
}

/** `sub` differs between apps, so that two of them cannot compare their users by it. */
function pairwiseSubject(oid: string, clientId: string): string {
  return createHash("sha256").update(`${oid}/${clientId}`).digest("base64url");
}

async function sign(
  state: EntraState,
  claims: Record<string, unknown>,
  key: SigningKey = state.keys.current(),
  version: 1 | 2,
): Promise<string> {
  // A claim that is undefined is left out when the payload becomes JSON.
  return new SignJWT(claims)
    .setProtectedHeader({
      typ: "JWT",
      alg: "RS256",
      ...(version === 1 ? { x5t: key.kid } : {}),
      kid: key.kid,
    })
    .sign(key.privateKey);
}

/** Entra keeps facts of its own in the opaque claim `aio`; here: the sign-in behind the token. */
function packSignIn(kind: "a" | "i", signIn: SignIn): string {
  return packed({ kind, ...signIn });
}

function packed(facts: object): string {
  return Buffer.from(JSON.stringify(facts)).toString("base64url");
}

function unpacked(claims: JWTPayload): unknown {
  try {
    return JSON.parse(Buffer.from(String(claims["aio"]), "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The sign-in behind a token of this emulator; undefined if `aio` was overridden. */
export function signInOf(claims: JWTPayload): (SignIn & { readonly kind: "a" | "i" }) | undefined {
  const value = unpacked(claims);
  return isPacked(value) ? value : undefined;
}

/** Whether an app's own token was obtained with a federated credential, and so cannot be one. */
export function isFromFederated(claims: JWTPayload): boolean {
  const value = unpacked(claims);
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "f";
}

function isPacked(value: unknown): value is SignIn & { readonly kind: "a" | "i" } {
  return typeof value === "object" && value !== null && "epoch" in value && "satisfied" in value;
}

/** What goes into `scope` of a response: in full, except for Microsoft Graph's. */
export function scopeField(
  uri: string,
  resource: EntraApp,
  names: readonly string[],
  isDefault: boolean,
): string {
  const full =
    resource.clientId === graphId && uri === graphId ? names : names.map((name) => `${uri}/${name}`);
  return [...full, ...(isDefault ? [`${uri}/.default`] : [])].join(" ");
}
