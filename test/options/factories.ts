import { Pool } from "pg";
import { randomBytes } from "node:crypto";
import * as root from "hosted-agent-identity";
import * as consent from "hosted-agent-identity/consent";
import * as express from "hosted-agent-identity/express";
import * as fastify from "hosted-agent-identity/fastify";
import * as hono from "hosted-agent-identity/hono";
import * as node from "hosted-agent-identity/node";
import * as otel from "hosted-agent-identity/otel";
import * as server from "hosted-agent-identity/server";
import * as signIn from "hosted-agent-identity/sign-in";
import * as testing from "hosted-agent-identity/testing";
import * as turn from "hosted-agent-identity/turn";
import { userAccessOptions, tokenCredentialOptions } from "../../src/access/user-access.js";
import { consentItemOptions, positionOptions } from "../../src/consent/consent-item.js";
import { adminConsentLinkOptions, entraConsentLinkOptions } from "../../src/consent/entra-consent-link.js";
import { findConsentOptions } from "../../src/consent/find-consent-required.js";
import { linkPolicyOptions } from "../../src/consent/link-policy.js";
import { createUserContextOptions, userContextOptions } from "../../src/request/create.js";
import { verifierOptions } from "../../src/user-token/verify.js";
import { readOptions, type OptionCheck, type OptionKind } from "../../src/options/option-table.js";
import { certificateOptions } from "../../src/exchange/certificate.js";
import { entraAppOptions } from "../../src/exchange/entra-app.js";
import { poolOptions } from "../../src/mcp/pool-options.js";
import { toolboxOptions } from "../../src/toolbox/options.js";
import { openTelemetryOptions } from "../../src/otel/open-telemetry.js";
import { mcpServerOptions } from "../../src/server/options.js";
import {
  adminListOptions,
  adminPersonOptions,
  adminRevokeOptions,
} from "../../src/sign-in/admin/sign-in-admin.js";
import { longRunningOptions } from "../../src/sign-in/long-running/long-running.js";
import { remoteSignInOptions } from "../../src/sign-in/remote/remote-sign-in.js";
import { signInApiOptions } from "../../src/sign-in/remote/sign-in-api.js";
import { signInOptions } from "../../src/sign-in/sign-in-options.js";
import { memoryStoreOptions } from "../../src/sign-in/stores/memory.js";
import { postgresStoreOptions } from "../../src/sign-in/stores/postgres.js";
import { redisStoreOptions } from "../../src/sign-in/stores/redis.js";
import { sqliteStoreOptions } from "../../src/sign-in/stores/sqlite.js";
import { agentOnBehalfOfOptions } from "../../src/sources/agent-on-behalf-of.js";
import { developerOptions } from "../../src/sources/developer.js";
import { onBehalfOfOptions } from "../../src/sources/on-behalf-of.js";
import { resourceOptions } from "../../src/sources/protected-resource.js";
import { invocationsOptions } from "../../src/turn/invocations.js";
import { responsesOptions } from "../../src/turn/responses-options.js";
import { testContextOptions } from "../../src/context/test-context.js";
import { entraOptions } from "../../src/testing/entra/option-checks.js";
import { foundryOptions } from "../../src/testing/foundry/option-checks.js";
import { isolationOptions } from "../../src/testing/isolation/options.js";
import { witnessOptions } from "../../src/testing/isolation/witness.js";
import { storeSuiteOptions } from "../../src/testing/sign-in/store-suite.js";
import { runTurnOptions } from "../../src/turn/run-turn.js";
import { drainOptions } from "../../src/turn/running-turns.js";
import { withConsentOptions } from "../../src/turn/with-consent.js";

/** Every public entry that has functions. */
export const entries: Readonly<Record<string, object>> = {
  ".": root,
  "./consent": consent,
  "./express": express,
  "./fastify": fastify,
  "./hono": hono,
  "./node": node,
  "./otel": otel,
  "./server": server,
  "./sign-in": signIn,
  "./testing": testing,
  "./turn": turn,
};

/** A function that takes options or arguments, and values that it accepts. */
export interface Factory {
  /** Arguments by name, each with a value that is accepted. */
  readonly args?: Readonly<Record<string, unknown>>;
  readonly table?: Readonly<Record<string, OptionCheck<unknown>>>;
  /** Options that are accepted, with every nested object that has options of its own. */
  readonly options?: object;
  /** Kinds of arguments that their values do not tell. */
  readonly kinds?: Readonly<Record<string, OptionKind>>;
  /** Calls it with the arguments in their order, and the options behind them. */
  call(args: readonly never[], options: never): unknown;
}

const tid = "aaaaaaaa-0000-4000-8000-000000000001";
const clientId = "bbbbbbbb-0000-4000-8000-000000000002";
const agentIdentityId = "cccccccc-0000-4000-8000-000000000003";
const key = randomBytes(32);
const credential = root.clientSecret("a secret");
const app = root.entraApp({ tenantId: tid, clientId, credential });
const resource = root.protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${clientId}/read`],
  audiences: [clientId],
});
const tokenCredential = { getToken: async () => ({ token: "t", expiresOnTimestamp: 0 }) };
const redirectUri = "https://chat.example.com/consented";
const verify = root.userTokenVerifier({ app });
/** Whom the calls are for. */
export const context: root.UserContext = testing.testUserContext();
const noop = (): void => {};
const run = async function* (): AsyncGenerator<string> {
  yield "hello";
};
const redisClient = {
  isOpen: false,
  connect: noop,
  close: noop,
  destroy: noop,
  on: noop,
  withCommandOptions: noop,
};
const agentReference = { type: "agent_reference", name: "agent" };
const item = { type: "message", id: "msg_1" };
const signInSample = {
  answers: { yes: ["jo"], no: ["nope"], cancel: ["stop"], polite: ["please"] },
  app,
  publicUrl: "https://agent.example.com/sign-in",
  resources: [resource],
  store: signIn.memoryStore({ quiet: true }),
  encryptionKeys: [key],
  branding: { name: "Contoso" },
  audit: { write: async () => {} },
};
const served = {
  name: "agent",
  clientIds: [agentIdentityId],
  signIn: signIn.createSignIn(signInSample),
  resources: [resource],
};
const contacts = root.userAccess(resource, [root.passthrough()]);

/** With every nested object that an emulator of Entra takes. */
const entraSample = {
  tenants: [{ name: "Contoso" }],
  apps: [
    {
      name: "agent",
      scopes: [{ name: "access_as_user" }],
      secrets: [{ value: "agent-secret", expiresAt: 1 }],
      federatedCredentials: [{ managedIdentity: "agent identity" }],
      redirectUris: [{ uri: redirectUri, type: "web" }],
      preAuthorized: [{ client: "chat", scopes: ["access_as_user"] }],
      requiredAccess: [{ resource: "contacts" }],
      agentIdentities: [{ name: "agent 1" }],
      inheritablePermissions: [{ resource: "contacts" }],
    },
  ],
  users: [{ name: "Ada" }],
  managedIdentities: [{ name: "agent identity" }],
  policies: [{ type: "mfa" }],
  tls: { cert: "a certificate", key: "a key" },
};

/** A function whose one argument are its options. */
function ofOptions(
  make: (options: never) => unknown,
  table: Readonly<Record<string, OptionCheck<unknown>>>,
  options: object,
): Factory {
  return { table, options, call: (_args, given) => make(given) };
}

/** A function that takes arguments, and options behind them. */
function ofArguments(
  make: (...all: never[]) => unknown,
  args: Readonly<Record<string, unknown>>,
  table?: Readonly<Record<string, OptionCheck<unknown>>>,
  options: object = {},
): Factory {
  return {
    args,
    ...(table === undefined ? {} : { table, options }),
    call: (given, last) => make(...given, ...(table === undefined ? [] : [last])),
  };
}

/** The checks of a function that would start a server. */
function checksOnly(name: string, table: Readonly<Record<string, OptionCheck<unknown>>>) {
  return (options: never): unknown => readOptions<Record<string, unknown>>(name, table, options);
}

const responsesOf = (make: (...all: never[]) => unknown): Factory =>
  ofArguments(make, { run }, responsesOptions, { agentReference });
const invocationsOf = (make: (...all: never[]) => unknown): Factory =>
  ofArguments(make, { run }, invocationsOptions, { message: () => "hello" });
const userContextOf = (make: (options: never) => unknown): Factory =>
  ofOptions(make, userContextOptions, { verify, environment: { hosted: false } });
const webHandlerOf = (make: (...all: never[]) => unknown): Factory =>
  ofArguments(make, { handler: () => new Response() });

/** Every factory of every entry, by entry and name. */
export const factories: Readonly<Record<string, Readonly<Record<string, Factory>>>> = {
  ".": {
    adminConsentLink: ofOptions(root.adminConsentLink, adminConsentLinkOptions, { app, redirectUri }),
    agentOnBehalfOf: ofOptions(root.agentOnBehalfOf, agentOnBehalfOfOptions, {
      blueprint: app,
      agentIdentityId,
    }),
    certificate: ofOptions(root.certificate, certificateOptions, { path: "/agent.pem" }),
    clientSecret: ofArguments(root.clientSecret, { secrets: "a secret" }),
    closeMcpClient: ofArguments(root.closeMcpClient, { client: { close: async () => {} } }),
    createUserContext: {
      table: createUserContextOptions,
      options: { verify, environment: { hosted: false } },
      call: (_args, options) => root.createUserContext({ "x-request-id": "1" }, options),
    },
    developer: ofArguments(root.developer, { credential: tokenCredential }, developerOptions),
    entraApp: ofOptions(root.entraApp, entraAppOptions, {
      tenantId: tid,
      clientId,
      credential,
      connections: { max: 4 },
    }),
    entraConsentLink: ofOptions(root.entraConsentLink, entraConsentLinkOptions, { app, redirectUri }),
    federatedCredential: {
      ...ofArguments(root.federatedCredential, { source: tokenCredential }),
      kinds: { source: "mixed" },
    },
    findConsentRequired: {
      table: findConsentOptions,
      options: { toolbox: { serverLabel: "contacts" } },
      call: (_args, options) => root.findConsentRequired(new Error("any"), options),
    },
    foundryToolbox: ofOptions(root.foundryToolbox, toolboxOptions, {
      name: "support",
      entraConsent: { clientId, redirectUri },
      environment: { hosted: true, projectEndpoint: "https://x.services.ai.azure.com/api/projects/p" },
    }),
    mcpClientPool: ofOptions(root.mcpClientPool, poolOptions(), { open: async () => ({}), close: noop }),
    onBehalfOf: ofArguments(root.onBehalfOf, { app }, onBehalfOfOptions),
    protectedResource: ofOptions(root.protectedResource, resourceOptions, {
      ...resource,
      elicitation: { allowedLinks: ["https://gateway.example.com/connect/"] },
    }),
    invocations: invocationsOf(root.invocations),
    responses: responsesOf(root.responses),
    sdkV1Auth: ofArguments(root.sdkV1Auth, { access: contacts }),
    sdkV2Auth: ofArguments(root.sdkV2Auth, { access: contacts }),
    userAccess: ofArguments(root.userAccess, { resource, sources: [root.passthrough()] }, userAccessOptions, {
      cache: {},
      sharedCache: { store: new Map(), encryptionKeys: [key] },
    }),
    userContext: userContextOf(root.userContext),
    userTokenVerifier: ofOptions(root.userTokenVerifier, verifierOptions, { app }),
    workloadIdentityFile: ofArguments(root.workloadIdentityFile, { path: "/token" }),
  },
  "./consent": {
    consentLinkPolicy: ofOptions(consent.consentLinkPolicy, linkPolicyOptions, {
      allowedOrigins: ["https://*.example.com"],
      allowedLinks: [{ origin: "https://login.example.com", path: "/authorize" }],
    }),
  },
  "./express": {
    invocations: invocationsOf(express.invocations),
    responses: responsesOf(express.responses),
    userContext: userContextOf(express.userContext),
    webHandler: webHandlerOf(express.webHandler),
  },
  "./fastify": {
    invocations: invocationsOf(fastify.invocations),
    responses: responsesOf(fastify.responses),
    userContext: userContextOf(fastify.userContext),
    webHandler: webHandlerOf(fastify.webHandler),
  },
  "./hono": {
    invocations: invocationsOf(hono.invocations),
    responses: responsesOf(hono.responses),
    userContext: userContextOf(hono.userContext),
  },
  "./node": {
    invocations: invocationsOf(node.invocations),
    responses: responsesOf(node.responses),
    userContext: userContextOf(node.userContext),
    webHandler: webHandlerOf(node.webHandler),
  },
  "./otel": { openTelemetry: ofOptions(otel.openTelemetry, openTelemetryOptions, {}) },
  "./server": {
    protectMcpServer: ofOptions(server.protectMcpServer, mcpServerOptions, {
      url: "https://mcp.example.com/mcp",
      app: { tenantId: tid, clientId },
      scopes: ["read"],
      applications: { roles: ["Reader"] },
      browserOrigins: ["https://chat.example.com"],
    }),
  },
  "./sign-in": {
    createSignIn: ofOptions(signIn.createSignIn, signInOptions, signInSample),
    memoryStore: ofOptions(signIn.memoryStore, memoryStoreOptions, {}),
    postgresStore: ofArguments(signIn.postgresStore, { pool: new Pool() }, postgresStoreOptions),
    redisStore: ofArguments(signIn.redisStore, { client: redisClient }, redisStoreOptions),
    remoteSignIn: ofOptions(signIn.remoteSignIn, remoteSignInOptions, {
      url: "https://sign-in.example.com",
      credential: tokenCredential,
      scope: "api://sign-in/.default",
    }),
    signInApi: ofOptions(signIn.signInApi, signInApiOptions, { app, verify, agents: [served] }),
    sqliteStore: ofOptions(signIn.sqliteStore, sqliteStoreOptions, { path: "/tmp/never-opened" }),
  },
  "./turn": {
    consentEvents: ofArguments(turn.consentEvents, { items: [item] }, positionOptions, {
      sequenceNumber: 0,
      outputIndex: 0,
    }),
    oauthConsentRequest: ofOptions(turn.oauthConsentRequest, consentItemOptions, {
      consentLink: "https://login.example.com/",
      serverLabel: "contacts",
      agentReference,
    }),
    runTurn: ofArguments(turn.runTurn, { run: async () => "done" }, runTurnOptions, { context }),
    withConsent: ofArguments(turn.withConsent, { run }, withConsentOptions, {
      context,
      agentReference,
    }),
  },
  "./testing": {
    checkIsolation: ofOptions(checksOnly("checkIsolation", isolationOptions), isolationOptions, {
      agent: "http://127.0.0.1:8088",
      entra: { app: noop, users: [] },
      witness: { calls: [], resource: {} },
    }),
    signInStoreSuite: ofOptions(testing.signInStoreSuite, storeSuiteOptions, { name: "mine", open: noop }),
    startEntra: ofOptions(checksOnly("startEntra", entraOptions), entraOptions, entraSample),
    startFoundry: ofOptions(checksOnly("startFoundry", foundryOptions), foundryOptions, {
      entra: { app: noop, users: [] },
      toolboxes: [
        {
          name: "tools",
          toolSearch: { pinned: ["people.search"] },
          sources: [
            {
              name: "people",
              auth: { type: "none" },
              tools: [{ name: "search" }],
              failing: { code: "HTTP_400" },
            },
          ],
        },
      ],
    }),
    startWitness: ofOptions(checksOnly("startWitness", witnessOptions), witnessOptions, {
      entra: { app: noop, users: [] },
      app: "contacts",
    }),
    testUserContext: ofOptions(testing.testUserContext, testContextOptions, {}),
  },
};

/** Methods that take options. */
export const methods: Readonly<Record<string, Factory>> = {
  drain: ofOptions((options) => root.runningTurns().drain(options), drainOptions, {}),
  longRunning: ofOptions(
    (options) => readOptions("longRunning", longRunningOptions, options),
    longRunningOptions,
    { purpose: "nightly report", until: new Date() },
  ),
  "signIn.admin.list": ofOptions(
    (options) => readOptions("signIn.admin.list", adminListOptions, options),
    adminListOptions,
    { actor: "olga" },
  ),
  "signIn.admin.revoke": ofOptions(
    (options) => readOptions("signIn.admin.revoke", adminRevokeOptions, options),
    adminRevokeOptions,
    { actor: "olga", grant: "grant" },
  ),
  "signIn.admin.erase": ofOptions(
    (options) => readOptions("signIn.admin.erase", adminPersonOptions, options),
    adminPersonOptions,
    { actor: "olga", person: { tid: agentIdentityId, oid: agentIdentityId } },
  ),
  tokenCredential: ofOptions(
    (options) => contacts.tokenCredential(context, options),
    tokenCredentialOptions,
    {},
  ),
};

/** Functions of an entry that take no options, and why nothing is checked here. */
export const notFactories: Readonly<Record<string, string>> = {
  bindUserContext: "takes a context, which is checked when it is used",
  callerOf: "reads what the gate has made",
  consentReader: "stays below 4 kB in a browser: it takes anything, and throws nothing",
  getUserContext: "looks an object up",
  isConsentRequiredError: "a guard: takes anything",
  isHostedAgentIdentityError: "a guard: takes anything",
  isNoTokenError: "a guard: takes anything",
  isOAuthConsentRequest: "a guard: takes anything",
  isTokenExchangeError: "a guard: takes anything",
  isUserTokenError: "a guard: takes anything",
  passthrough: "takes nothing",
  principalKey: "takes a principal of a context",
  readConsentRequests: "as consentReader",
  runWithUserContext: "takes a context, and says so itself",
  runningTurns: "takes nothing",
  toSse: "takes events, which are read as they come",
  toolApproval: "reads what a server says",
  toolCallApproval: "reads what a model and a server say",
  tryGetUserContext: "looks an object up",
};
