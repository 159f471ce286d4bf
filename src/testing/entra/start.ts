import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { parseClaims } from "./claims-request.js";
import { createConsents, type ConsentKey } from "./consents.js";
import {
  buildDirectory,
  type EntraApp,
  type EntraTenant,
  type EntraUser,
  type ManagedIdentity,
} from "./directory.js";
import { createIssued, type IssuedSecret } from "./issued.js";
import { createSigningKeys } from "./keys.js";
import { createLog, type EntraRequest } from "./log.js";
import type { EntraOptions, FederatedCredentialOptions, RedirectUriOptions } from "./options.js";
import { createPolicies, type EntraPolicies } from "./policies.js";
import type { AppRef, UserRef } from "./refs.js";
import { createEntraServer } from "./server.js";
import { freshSignIn, type EntraState } from "./state.js";
import { accessToken } from "./tokens.js";
import { made } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import type { OptionCheck } from "../../options/option-table.js";

/**
 * A running emulator of Entra.
 *
 * @group Test kit
 */
export interface EntraEmulator {
  /** Scheme, host and port. */
  readonly origin: string;
  /** For `entraApp({ cloud })`. */
  readonly cloud: {
    readonly loginEndpoint: string;
    readonly stsEndpoint: string;
    readonly tokenExchangeAudience: string;
  };
  readonly tenants: readonly EntraTenant[];
  readonly apps: readonly EntraApp[];
  readonly users: readonly EntraUser[];
  readonly policies: EntraPolicies;
  /** Every request so far, oldest first, without secrets. */
  readonly requests: readonly EntraRequest[];
  /**
   * The tokens, codes and secrets of this emulator, oldest first, the latest 5 000: for a test that searches logs
   * and pages for them.
   */
  readonly issued: readonly IssuedSecret[];
  /** The environment that `ManagedIdentityCredential` and MSAL read. */
  readonly managedIdentity: {
    readonly identities: readonly ManagedIdentity[];
    readonly env: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
  };
  /** By name or client id. Throws `invalid_option` for one nobody declared. */
  app(ref: AppRef): EntraApp;
  /** By name, upn or object id. Throws `invalid_option` for one nobody declared. */
  user(ref: UserRef): EntraUser;
  /** An access token of a person, as after a sign-in, without the sign-in. */
  issueUserToken(request: UserTokenRequest): Promise<string>;
  /** An access token of an app for another app. */
  issueAppToken(request: AppTokenRequest): Promise<string>;
  /** Lets a client act for a user (or for everybody) on a resource. Scopes by their short names. */
  grantConsent(consent: ConsentChange & { readonly scopes: readonly string[] }): void;
  /** Takes back some scopes, or everything. */
  revokeConsent(consent: ConsentChange & { readonly scopes?: readonly string[] }): void;
  /** Makes everything issued so far to a person worthless as a grant (AADSTS50173). */
  revokeSessions(user: UserRef): void;
  /** Signs with a new key; the old keys stay published unless `keepOld` is false. */
  rotateKeys(options?: { readonly keepOld?: boolean }): Promise<void>;
  addRedirectUri(app: AppRef, uri: string | RedirectUriOptions): void;
  addFederatedCredential(app: AppRef, credential: FederatedCredentialOptions): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What `issueUserToken` makes.
 *
 * @group Test kit
 */
export interface UserTokenRequest {
  readonly user: UserRef;
  /** The app the token is for. */
  readonly app: AppRef;
  /** The app it is issued to; default the same app. */
  readonly client?: AppRef;
  /** Short names; default every scope of the app. */
  readonly scopes?: readonly string[];
  /** The tenant whose token it is (id, name or domain); default the user's home tenant. */
  readonly tenant?: string;
  /** Negative for an expired token. */
  readonly expiresInS?: number;
  /** Overrides; `undefined` takes a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly version?: 1 | 2;
  /** "unknown": a key that is not published. */
  readonly key?: "current" | "unknown";
  /** As if the person had signed in again with this claims challenge. */
  readonly claimsChallenge?: string;
}

/**
 * What `issueAppToken` makes.
 *
 * @group Test kit
 */
export interface AppTokenRequest {
  readonly app: AppRef;
  readonly client: AppRef;
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly expiresInS?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly version?: 1 | 2;
}

/**
 * Whose consent to what.
 *
 * @group Test kit
 */
export interface ConsentChange {
  readonly user?: UserRef;
  /** An administrator's consent, for everybody of the tenant. */
  readonly allUsers?: boolean;
  readonly client: AppRef;
  readonly resource: AppRef;
  /** Default: the user's home tenant, or the client's. */
  readonly tenant?: string;
}

/**
 * Starts an emulator of Microsoft Entra on 127.0.0.1: discovery, keys, sign-in pages, the token endpoint
 * with the refusals of the real one, admin consent, and a managed identity endpoint. For tests and
 * demonstrations: there are no passwords, choosing an account signs in. Ids are random at each start unless
 * given. Unmodified `@azure/msal-node` and `@azure/identity` can talk to it with `tls`, because they refuse
 * an authority without https.
 *
 * Throws `invalid_option` for names that were not declared.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import { startEntra } from "hosted-agent-identity/testing";
 *
 * await using entra = await startEntra({
 *   apps: [
 *     { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
 *     { name: "contacts", scopes: ["contacts.read"] },
 *   ],
 *   users: [{ name: "Ada" }],
 * });
 * entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] });
 * const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
 * ```
 * @group Test kit
 */
export async function startEntra(options: EntraOptions): Promise<EntraEmulator> {
  const directory = buildDirectory(options);
  const state: EntraState = {
    options,
    directory,
    keys: await createSigningKeys(),
    consents: createConsents(),
    policies: createPolicies(directory, options.policies ?? []),
    log: createLog(),
    issued: createIssued(),
    codes: new Map(),
    refreshTokens: new Map(),
    sessions: new Map(),
    flows: new Map(),
    revocations: new Map(),
    msiHeader: randomUUID(),
    now: options.now ?? Date.now,
    origin: "",
  };
  state.issued.note("identity_header", state.msiHeader);
  for (const { secrets = [] } of options.apps) {
    for (const secret of secrets)
      state.issued.note("client_secret", typeof secret === "string" ? secret : secret.value);
  }
  const server = createEntraServer(state);
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  state.origin = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${portOf(address)}`;

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    origin: state.origin,
    cloud: {
      loginEndpoint: state.origin,
      stsEndpoint: state.origin,
      tokenExchangeAudience: directory.tokenExchangeAudience,
    },
    tenants: directory.tenants,
    apps: directory.apps,
    users: directory.users,
    policies: state.policies,
    requests: state.log.entries,
    issued: state.issued.secrets,
    managedIdentity: {
      identities: directory.managedIdentities,
      env: { IDENTITY_ENDPOINT: `${state.origin}/msi/token`, IDENTITY_HEADER: state.msiHeader },
    },
    app: directory.app,
    user: directory.user,
    issueUserToken: (request) => issueUserToken(state, request),
    issueAppToken: (request) => issueAppToken(state, request),
    grantConsent: ({ scopes, ...change }) => {
      const key = consentKey(state, change);
      state.consents.grant(key, exposedBy(key.resource, scopes));
    },
    revokeConsent: ({ scopes, ...change }) => state.consents.revoke(consentKey(state, change), scopes),
    revokeSessions: (ref) => {
      const { oid } = directory.user(ref);
      state.revocations.set(oid, { epoch: (state.revocations.get(oid)?.epoch ?? 0) + 1, at: state.now() });
    },
    rotateKeys: (rotation) => state.keys.rotate(rotation),
    addRedirectUri: (app, uri) => {
      const redirectUri = typeof uri === "string" ? ({ uri, type: "web" } as const) : uri;
      directory.additions(directory.app(app)).redirectUris.push(redirectUri);
    },
    addFederatedCredential: (app, credential) => {
      const changed = directory.app(app);
      // Source: agent-id/error-codes, AgentIdentity_CredentialsNotSupported.
      if (changed.blueprintId !== undefined)
        throw invalid("startEntra", "an agent identity's credentials are its blueprint's.");
      directory.additions(changed).federatedCredentials.push(credential);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function issueUserToken(state: EntraState, request: UserTokenRequest): Promise<string> {
  const { directory } = state;
  const user = directory.user(request.user);
  const resource = directory.app(request.app);
  const tenantId = tenantNamed(state, request.tenant)?.id ?? user.tenantId;
  const account = directory.account(user, tenantId);
  if (account === undefined)
    throw invalid("startEntra", `${JSON.stringify(user.name)} is not in the tenant ${tenantId}.`);
  const { policyIds, authContexts } = parseClaims(request.claimsChallenge ?? null);
  const signIn = freshSignIn(state, account, [...policyIds, ...authContexts], randomUUID());
  const version = request.version ?? resource.accessTokenVersion;
  return accessToken(state, {
    tenantId,
    client: directory.app(request.client ?? request.app),
    resource,
    resourceUri: resource.identifierUris[0] ?? resource.clientId,
    proof: "none",
    person: { account, signIn, scopes: request.scopes ?? resource.scopes.map(({ name }) => name) },
    version,
    authContexts,
    ...(request.expiresInS === undefined ? {} : { lifetimeS: request.expiresInS }),
    ...(request.claims === undefined ? {} : { claims: request.claims }),
    ...(request.key === "unknown" ? { key: await state.keys.unknown() } : {}),
  });
}

async function issueAppToken(state: EntraState, request: AppTokenRequest): Promise<string> {
  const { directory } = state;
  const resource = directory.app(request.app);
  const client = directory.app(request.client);
  return accessToken(state, {
    tenantId: tenantNamed(state, request.tenant)?.id ?? client.tenantId,
    client,
    resource,
    resourceUri: resource.identifierUris[0] ?? resource.clientId,
    proof: "secret",
    roles: request.roles ?? [],
    ...(request.version === undefined ? {} : { version: request.version }),
    ...(request.expiresInS === undefined ? {} : { lifetimeS: request.expiresInS }),
    ...(request.claims === undefined ? {} : { claims: request.claims }),
  });
}

function consentKey(state: EntraState, change: ConsentChange): ConsentKey {
  const { directory } = state;
  const client = directory.app(change.client);
  const resource = directory.app(change.resource);
  if ((change.user === undefined) !== (change.allUsers === true)) {
    throw invalid("startEntra", "a consent is for a user or for allUsers.");
  }
  const user = change.user === undefined ? undefined : directory.user(change.user);
  const tenantId = tenantNamed(state, change.tenant)?.id ?? user?.tenantId ?? client.tenantId;
  const oid = user && directory.account(user, tenantId)?.oid;
  return { tenantId, client, resource, oid };
}

/** Names nobody exposes are typing errors. */
function exposedBy(resource: EntraApp, scopes: readonly string[]): readonly string[] {
  const unknown = scopes.find((scope) => !resource.scopes.some(({ name }) => name === scope));
  if (unknown === undefined) return scopes;
  throw invalid(
    "startEntra",
    `${JSON.stringify(resource.name)} exposes no scope ${JSON.stringify(unknown)}.`,
  );
}

function tenantNamed(state: EntraState, value: string | undefined): EntraTenant | undefined {
  if (value === undefined) return undefined;
  const tenant = state.directory.tenant(value);
  if (tenant === undefined) throw invalid("startEntra", `no tenant ${JSON.stringify(value)} was declared.`);
  return tenant;
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The emulator that another part of the test kit works with. */
export const entraOption: OptionCheck<EntraEmulator> = made<EntraEmulator>("what startEntra() returned", {
  app: "function",
  users: "list",
});
