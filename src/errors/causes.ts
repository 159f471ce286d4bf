import {
  insufficientScopeCauses,
  redirectRefusedCauses,
  mcpServerUnreachableCauses,
  resourceUnauthorizedCauses,
  standaloneStreamCauses,
  toolboxSourceFailedCauses,
} from "./causes/resource.js";
import { consentLinkRefusedCauses, invalidOptionCauses, noUserContextCauses } from "./causes/set-up.js";
import {
  storeCorruptCauses,
  storeUnavailableCauses,
  storeUnsuitableCauses,
  userNotIdentifiedCauses,
} from "./causes/sign-in.js";
import {
  backingOffCauses,
  clientCredentialFailedCauses,
  entraBadResponseCauses,
  entraTimeoutCauses,
  wrongUserCauses,
} from "./causes/tokens.js";
import { wrongTokens, type WrongToken } from "./causes/user-token.js";
import type { ErrorCode } from "./codes.js";
import type { Causes, ErrorCause } from "./facts.js";

/** A cause, and when it applies. */
export interface DescribedCause extends ErrorCause {
  readonly when: string;
}

/** The causes of each code that has several. For the catalog and for `explain`; agents never load it. */
export const errorCauses: Readonly<Partial<Record<ErrorCode, Readonly<Record<string, DescribedCause>>>>> = {
  user_token_audience: named("foundrys", "graph", "microsofts", "idToken", "spelled", "version1"),
  user_token_tenant: named("personal"),
  user_token_subject: named("idToken"),
  user_token_malformed: named("encrypted", "opaque"),
  user_token_expired: named("tolerated"),
  no_user_context: described(noUserContextCauses, {
    pool: "mcpClientPool() is used in a context that names no user",
    gate: "callerOf() is used in a call that did not pass the gate",
    credential: "tokenCredential() is created in a context that names no user",
  }),
  invalid_option: described(invalidOptionCauses, {
    otherResource:
      "an Azure SDK client asks the credential of tokenCredential() for another resource's scope",
    body: "a request to signInApi() cannot be read",
    serverLabel: "a request to signInApi() names a server label that the agent does not have",
  }),
  consent_link_refused: described(consentLinkRefusedCauses, {
    form: "the link is malformed: not https, or with user information, whitespace or control characters",
    toolbox: "a Foundry toolbox sent it",
  }),
  entra_timeout: described(entraTimeoutCauses, {
    access: "the acquisition took longer than timeoutMs of userAccess()",
    toolbox: "the agent's own token for a toolbox took too long",
    signIn: "getting a token from a sign-in took too long, Entra and the store together",
  }),
  entra_bad_response: described(entraBadResponseCauses, {
    noRefreshToken: "the answer has no refresh token, so no sign-in or long-running work can be stored",
    source: "your own token source returned a token that cannot go into a header",
  }),
  client_credential_failed: described(clientCredentialFailedCauses, {
    certificate: "the certificate has no usable key",
    pfx: "certificate() was given a PFX (PKCS#12)",
    noKey: "certificate() was given a certificate without its private key",
    encrypted: "the private key of certificate() is encrypted",
    noIdentity: "the managed identity behind federatedCredential() returned no token",
    callback: "the callback of federatedCredential() or the file of workloadIdentityFile() returned no token",
    signInService: "the credential of remoteSignIn() returned no token",
    toolboxHosted: "the agent cannot get its own token for a toolbox in the hosted environment",
    toolbox: "the agent cannot get its own token for a toolbox on your machine",
  }),
  wrong_user: described(wrongUserCauses, {
    credential: "an Azure SDK client created for one user is used in another user's turn",
    developer: "developer() is asked for a user other than the developer",
    signIn: "the account that signed in is not the one that asked, or another account is already connected",
  }),
  backing_off: described(backingOffCauses, {
    tooOften: "the same exchange was made too often for one user",
    crowded: "more requests wait for their turn than this process can send",
  }),
  redirect_refused: described(redirectRefusedCauses, {
    loop: "the resource keeps redirecting",
    method: "the redirect is not 307 or 308, so it would change the request",
    body: "the request body can be read only once",
  }),
  resource_unauthorized: described(resourceUnauthorizedCauses, {
    own: "its fresh token was refused as well",
    unsaid: "its fresh token was refused as well, without WWW-Authenticate",
    sdkV1Auth: "sdkV1Auth() is used, which cannot send a request again",
  }),
  mcp_server_unreachable: described(mcpServerUnreachableCauses, {
    silent: "Node.js has ended an answer that was silent for too long",
  }),
  insufficient_scope: described(insufficientScopeCauses, {
    otherResource: "it names a scope of another resource",
    configured: "it names scopes that are already configured, or that the token already has",
    unnamed: "it does not say which",
    toolbox: "a Foundry toolbox reports it",
    signInService: "an agent asks the sign-in service for scopes that its entry does not have",
  }),
  standalone_stream_refused: described(standaloneStreamCauses, {
    toolbox: "the client is one of a Foundry toolbox",
  }),
  toolbox_source_failed: described(toolboxSourceFailedCauses, {
    passing: "each source failed with a temporary code (CONNECTION_FAILED, TIMEOUT, HTTP 429 or 5xx)",
  }),
  user_not_identified: described(userNotIdentifiedCauses, {
    resource: "the user token is for a resource, so it works only for passthrough to that resource",
    noProject: "an agent names a platform user id at a sign-in service whose entry has no platformProject",
  }),
  store_unavailable: described(storeUnavailableCauses, {
    full: "the store in memory or in a file is full",
    disk: "the disk of sqliteStore() is full",
    moved: "the file of sqliteStore() was deleted or replaced",
    held: "another process holds the file of sqliteStore()",
    OOM: "Redis answers OOM",
    MISCONF: "Redis answers MISCONF",
    READONLY: "Redis answers READONLY",
    MASTERDOWN: "Redis answers MASTERDOWN",
    LOADING: "Redis answers LOADING",
    NOREPLICAS: "Redis answers NOREPLICAS",
    CLUSTERDOWN: "Redis answers CLUSTERDOWN",
    MOVED: "Redis answers MOVED or ASK",
    NOAUTH: "Redis answers NOAUTH",
    WRONGPASS: "Redis answers WRONGPASS",
    NOPERM: "Redis answers NOPERM",
    WRONGTYPE: "Redis answers WRONGTYPE",
    pgReadOnly: "PostgreSQL only reads (25006)",
    pgLogin: "PostgreSQL refuses the login (28P01, 28000, 3D000)",
    pgPrivileges: "the user lacks privileges in PostgreSQL (42501)",
    pgTable: "PostgreSQL has no such table (42P01)",
    pgConnections: "PostgreSQL has no connection left (53300)",
    pgDisk: "the disk of PostgreSQL is full (53100)",
    pgRestarting: "PostgreSQL starts or stops (57P01, 57P02, 57P03)",
    pgContention: "PostgreSQL rolls back again and again (40001, 40P01)",
  }),
  store_unsuitable: described(storeUnsuitableCauses, {
    policyUnknown: "Redis does not report its maxmemory-policy",
    evicts: "Redis evicts keys",
    cluster: "the client of one server stands in front of a cluster",
    sandbox: "sqliteStore() is used in a hosted sandbox",
    node: "sqliteStore() is used on a Node without SQLite",
    network: "the file of sqliteStore() is not on a local disk",
    pgCommit: "synchronous_commit of PostgreSQL is off",
    pgTable: "the table in PostgreSQL has another form",
  }),
  store_corrupt: described(storeCorruptCauses, {
    names: "the record that lists all others was changed",
  }),
};

/** Of the table of tokens that are commonly wrong. */
function named(...names: readonly WrongToken[]): Readonly<Record<string, DescribedCause>> {
  return Object.fromEntries(
    names.map((name) => [name, { help: wrongTokens[name].help, when: `the token ${wrongTokens[name].is}` }]),
  );
}

function described<Name extends string>(
  causes: Causes<Name>,
  when: Readonly<Record<Name, string>>,
): Readonly<Record<string, DescribedCause>> {
  const names = Object.keys(causes) as Name[];
  return Object.fromEntries(names.map((name) => [name, { ...causes[name], when: when[name] }]));
}
