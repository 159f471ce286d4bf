import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { invalid } from "../../options/invalid.js";
import { readOptions } from "../../options/option-table.js";
import { createConsents, type ConsentKey } from "./consents.js";
import type { EntraApp } from "./directory-objects.js";
import { buildDirectory } from "./directory.js";
import type { ConsentChange, EntraEmulator } from "./emulator.js";
import { issueAppToken, issueUserToken, tenantNamed } from "./issue-directly.js";
import { createIssued } from "./issued.js";
import { createSigningKeys } from "./keys.js";
import { createLog } from "./log.js";
import { entraOptions, type EntraSettings } from "./option-checks.js";
import type { EntraOptions } from "./options.js";
import { createPolicies } from "./policies.js";
import { createEntraServer } from "./server.js";
import type { EntraState } from "./state.js";

/**
 * Starts an emulator of Microsoft Entra on 127.0.0.1: discovery, keys, sign-in pages, the token endpoint
 * with the refusals of the real one, admin consent, and a managed identity endpoint. For tests and
 * demonstrations: there are no passwords, choosing an account signs in. Ids are random at each start unless
 * given. Unmodified `@azure/msal-node` and `@azure/identity` can talk to it with `tls`, because they refuse
 * an authority without https.
 *
 * Throws `invalid_option` for options of another kind, and for names that were not declared.
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
  const settings = readOptions("startEntra", entraOptions, options);
  const state = await createState(settings);
  const { directory } = state;
  const server = createEntraServer(state);
  server.listen(settings.port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  state.origin = `${settings.tls === undefined ? "http" : "https"}://127.0.0.1:${portOf(address)}`;

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

async function createState(settings: EntraSettings): Promise<EntraState> {
  const directory = buildDirectory(settings);
  const state: EntraState = {
    options: settings,
    directory,
    keys: await createSigningKeys(),
    consents: createConsents(),
    policies: createPolicies(directory, settings.policies),
    log: createLog(),
    issued: createIssued(),
    codes: new Map(),
    refreshTokens: new Map(),
    sessions: new Map(),
    flows: new Map(),
    revocations: new Map(),
    msiHeader: randomUUID(),
    now: settings.now,
    origin: "",
  };
  state.issued.note("identity_header", state.msiHeader);
  for (const { secrets = [] } of settings.apps) {
    for (const secret of secrets)
      state.issued.note("client_secret", typeof secret === "string" ? secret : secret.value);
  }
  return state;
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

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
