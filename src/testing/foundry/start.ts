import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { randomBytes, randomUUID } from "node:crypto";
import type { EntraTenant } from "../entra/directory-objects.js";
import type { UserRef } from "../entra/refs.js";
import { invalid } from "../../options/invalid.js";
import { readOptions } from "../../options/option-table.js";
import { createCallers, objectIds } from "./callers.js";
import { createCalls } from "./calls.js";
import { containerAt, containerInProcess, type Container } from "./container.js";
import { createFaults, type FoundryFault } from "./faults.js";
import { giveConsent } from "./give-consent.js";
import { createLog, type FoundryRequest } from "./log.js";
import type { InProcessServer } from "./in-process-server.js";
import { foundryOptions, type FoundrySettings } from "./option-checks.js";
import type { FoundryOptions } from "./options.js";
import { createReadiness } from "./readiness.js";
import { createFoundryServer } from "./server.js";
import { createSessions } from "./sessions.js";
import type { FoundryState } from "./state.js";
import { createStore } from "./store.js";
import { createConsents } from "./toolbox/consents.js";
import { redirectUri, secretOf } from "./toolbox/oauth.js";
import type { SourceFailure } from "./toolbox/options.js";
import { createToolboxes, sourceNamed } from "./toolbox/toolbox.js";

/**
 * A running emulator of Foundry.
 *
 * @group Test kit
 */
export interface FoundryEmulator {
  /** Scheme, host and port. */
  readonly url: string;
  /** `{url}/api/projects/{project}`: what the container finds in `FOUNDRY_PROJECT_ENDPOINT`. */
  readonly projectEndpoint: string;
  /** Where `POST` asks the agent. */
  readonly responsesUrl: string;
  readonly invocationsUrl: string;
  /** The MCP endpoint of a toolbox; of its default version, unless one is named. */
  toolboxUrl(name: string, version?: string): string;
  /** The environment of the container. */
  readonly env: Readonly<Record<string, string>>;
  /** Every request so far, oldest first: what came in, and what was sent to containers and MCP servers. */
  readonly log: readonly FoundryRequest[];
  /** How many requests the container is answering: the call ids that are worth something. */
  readonly liveCalls: number;
  /** The ids of the responses that are kept. */
  readonly storedResponses: readonly string[];
  /** Where the container is from now on. */
  connectAgent(agent: string | URL | InProcessServer): void;
  /** The platform's id of a person or back end, as `x-agent-user-id` has it; by name, or as named by a back end. */
  userId(who: { readonly name: string } | { readonly delegated: string }): string;
  /** Where the page of a consent link is really served. */
  openableLink(link: string): string;
  /** Opens a consent link, signs in and agrees. Throws `invalid_option` when that does not work out. */
  giveConsent(request: { readonly link: string; readonly user: UserRef }): Promise<void>;
  /** Forgets the grants of a source; with `user`, only what was granted for that person. */
  revokeGrants(request: { readonly toolbox: string; readonly source: string; readonly user?: UserRef }): void;
  /** Makes a source fail from now on; `undefined` ends it. */
  failSource(
    source: { readonly toolbox: string; readonly source: string },
    failure: SourceFailure | undefined,
  ): void;
  /** Makes the platform fail, a number of times. */
  addFault(fault: FoundryFault): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts an emulator of Microsoft Foundry on 127.0.0.1: the gateway in front of a hosted agent, which passes
 * on and takes away exactly the headers of the container contract and says who is asking; its store of
 * responses, strict as the real one; and toolboxes, MCP servers whose sources are called as the person, with
 * grants that Foundry keeps. Everybody is verified against {@link startEntra}.
 *
 * Throws `invalid_option` for options of another kind, and for names that were not declared.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import { startEntra, startFoundry } from "hosted-agent-identity/testing";
 *
 * await using entra = await startEntra({
 *   apps: [{ name: "chat", secrets: ["chat-secret"] }],
 *   users: [{ name: "Ada" }],
 *   managedIdentities: [{ name: "agent identity" }],
 * });
 * await using foundry = await startFoundry({ entra, agentUrl: "http://127.0.0.1:8088" });
 * const token = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" });
 * const answer = await fetch(foundry.responsesUrl, {
 *   method: "POST",
 *   headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
 *   body: JSON.stringify({ input: "Who am I?" }),
 * });
 * console.log(await answer.json());
 * ```
 * @group Test kit
 */
export async function startFoundry(options: FoundryOptions): Promise<FoundryEmulator> {
  const settings = readOptions("startFoundry", foundryOptions, options);
  const { entra, port } = settings;
  const state = createState(settings);
  const connections = [...state.toolboxes.values()].flatMap(({ sources }) =>
    sources.flatMap(({ options: { auth } }) => (auth.type === "oauth2" ? [auth] : [])),
  );
  for (const { app } of connections) secretOf(entra.app(app));
  const server = createFoundryServer(state);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  state.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const { app } of connections) entra.addRedirectUri(app, redirectUri(state));

  const projectEndpoint = `${state.origin}/api/projects/${encodeURIComponent(state.project)}`;
  const endpoint = `${projectEndpoint}/agents/${encodeURIComponent(state.agentName)}/endpoint/protocols`;
  const openableLink = (link: string): string => {
    const { pathname, search } = new URL(link);
    return `${state.origin}${pathname}${search}`;
  };
  const userIdOf = (user: UserRef): string => {
    const { oid } = entra.user(user);
    return state.callers.userIdOf({ kind: "person", tid: state.tenantId, oid, name: "" });
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: state.origin,
    projectEndpoint,
    responsesUrl: `${endpoint}/openai/responses?api-version=v1`,
    invocationsUrl: `${endpoint}/invocations?api-version=v1`,
    toolboxUrl: (name, version) =>
      `${projectEndpoint}/toolboxes/${encodeURIComponent(name)}${version === undefined ? "" : `/versions/${encodeURIComponent(version)}`}/mcp?api-version=v1`,
    env: environment(state, projectEndpoint),
    log: state.log.entries,
    get liveCalls() {
      return state.calls.live;
    },
    get storedResponses() {
      return [...state.store.entries.keys()];
    },
    connectAgent(agent) {
      state.container = containerOf(agent);
      state.readiness.forget();
    },
    userId(who) {
      if ("delegated" in who) return state.callers.delegatedIdOf(who.delegated);
      const [oid = ""] = objectIds(entra, [who.name]);
      return state.callers.userIdOf({ kind: "app", tid: state.tenantId, oid, name: who.name });
    },
    openableLink,
    giveConsent: ({ link, user }) => giveConsent(state.fetch, openableLink(link), entra.user(user).oid),
    revokeGrants({ toolbox, source, user }) {
      const { connection } = sourceNamed(state.toolboxes, toolbox, source);
      state.consents.revoke(connection, user === undefined ? undefined : userIdOf(user));
    },
    failSource({ toolbox, source }, failure) {
      sourceNamed(state.toolboxes, toolbox, source).failing = failure;
    },
    addFault: (fault) => state.faults.add(fault),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createState(options: FoundrySettings): FoundryState {
  const { entra, agentUrl, agent, project, agentName, agentVersion, now, fetch, consumers } = options;
  const { id: tenantId } = tenantOf(options);
  const log = createLog(options.onRequest);
  if (agentUrl !== undefined && agent !== undefined)
    throw invalid("startFoundry", "give agentUrl or agent, not both.");
  const given = agentUrl ?? agent;
  return {
    options,
    project,
    agentName,
    agentVersion,
    tenantId,
    now,
    fetch,
    callers: createCallers({ entra, tenantId, fetch, now }),
    consumers: consumers === "everybody" ? consumers : objectIds(entra, consumers),
    impersonators: objectIds(entra, options.impersonators),
    agentIdentity: agentIdentityOf(options),
    calls: createCalls(),
    sessions: createSessions(),
    store: createStore(),
    readiness: createReadiness(options.readinessTimeoutMs, (status) => {
      const entry = log.start({
        at: now(),
        side: "container",
        method: "GET",
        path: "/readiness",
        headers: {},
        status,
      });
      log.finish(entry, status);
    }),
    toolboxes: createToolboxes(options.toolboxes),
    consents: createConsents(options.consentLinkLifetimeMs, now),
    faults: createFaults(),
    log,
    container: given === undefined ? undefined : containerOf(given),
    origin: "",
  };
}

function containerOf(agent: string | URL | InProcessServer): Container {
  return typeof agent === "function" ? containerInProcess(agent) : containerAt(agent);
}

/**
 * What a container finds. Source: hosted-agent contract; configuration of azure-ai-agentserver-core; the
 * environment of a running container, published by a third party (identity, tenant, blueprint).
 */
function environment(state: FoundryState, projectEndpoint: string): Record<string, string> {
  const { options, agentName, agentVersion, tenantId } = state;
  const { entra, blueprint } = options;
  return {
    ...options.environment,
    FOUNDRY_HOSTING_ENVIRONMENT: "emulator",
    FOUNDRY_PROJECT_ENDPOINT: projectEndpoint,
    FOUNDRY_AGENT_ID: randomUUID(),
    FOUNDRY_AGENT_NAME: agentName,
    FOUNDRY_AGENT_VERSION: agentVersion,
    FOUNDRY_AGENT_SESSION_ID: randomBytes(32).toString("hex").slice(0, 63),
    FOUNDRY_AGENT_TENANT_ID: tenantId,
    ...(blueprint === undefined ? {} : { FOUNDRY_AGENT_BLUEPRINT_CLIENT_ID: entra.app(blueprint).clientId }),
    ...(state.agentIdentity === undefined
      ? {}
      : { FOUNDRY_AGENT_INSTANCE_CLIENT_ID: state.agentIdentity.clientId }),
    ...entra.managedIdentity.env,
    PORT: "8088",
  };
}

function agentIdentityOf({ entra, agentIdentity }: FoundrySettings): FoundryState["agentIdentity"] {
  const { identities } = entra.managedIdentity;
  if (agentIdentity === undefined) return identities.find(({ systemAssigned }) => systemAssigned);
  const found = identities.find(({ name }) => name === agentIdentity);
  if (found === undefined)
    throw invalid("startFoundry", `no managed identity ${JSON.stringify(agentIdentity)} was declared.`);
  return found;
}

function tenantOf({ entra, tenant }: FoundrySettings): EntraTenant {
  const found =
    tenant === undefined
      ? entra.tenants[0]
      : entra.tenants.find(({ id, name, domain }) => [id, name, domain].includes(tenant));
  if (found === undefined) throw invalid("startFoundry", `no tenant ${JSON.stringify(tenant)} was declared.`);
  return found;
}
