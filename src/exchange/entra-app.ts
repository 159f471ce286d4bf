import type * as Msal from "@azure/msal-node";
import { clocksOf, type Clocks, endAt, isPast, type End } from "../async/clocks.js";
import { singleFlight } from "../async/single-flight.js";
import { runWithoutUserContext } from "../context/ambient.js";
import { processState } from "../runtime/process-state.js";
import {
  authorizeEndpoint,
  issuersOf,
  signingKeysUrl,
  tokenEndpoint,
  type Cloud,
  type EntraAppFacts,
} from "../entra/clouds.js";
import type { AskTenant } from "../entra/tenants.js";
import { HostedAgentIdentityError, loadPackage } from "../errors.js";
import type { OnEvent } from "../events/events.js";
import { check, count, list, made, milliseconds, optional, orElse, text } from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { nested, readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { preparationsOf } from "../runtime/preparations.js";
import { type Runtime, runtimeOptions, type FetchLike, fraction, uuid } from "../runtime/runtime.js";
import { appNameOptions, entraAppFacts } from "./app-facts.js";
import { backOff, type BackOff } from "./back-off.js";
import type { ClientAuthentication, ClientCredential, CredentialRequest } from "./credential.js";
import type { KeptConnections } from "./kept-connections.js";
import { maxRequests, requestTurns, type RequestTurns } from "./waits.js";

/** How connections to Entra are kept. */
export interface EntraConnections {
  /** How many there are at most, from 1 to 128, which is the default. Requests beyond that wait for their turn. */
  readonly max?: number;
  /** How long one is kept without a request, in milliseconds. Default 60 000. */
  readonly idleMs?: number;
}

/** How the agent's app registration is described. */
export interface EntraAppOptions extends Pick<Runtime, "fetch" | "now" | "random" | "onEvent"> {
  /** The id of the app's home tenant (a GUID). */
  readonly tenantId: string;
  /** The client id of the agent's app registration (a GUID). */
  readonly clientId: string;
  /** How the app proves itself: prefer `federatedCredential()` or `certificate()`. */
  readonly credential: ClientCredential;
  /**
   * Every tenant whose users may come. Default: the home tenant only. Or a function that says of a tenant's id (a GUID,
   * lower case) whether its users may come, for tenants that are added while the process runs. Its answers are
   * remembered for a minute, a no as well; a tenant that is removed is out within that minute: its users' requests,
   * cached tokens and refreshes. Anybody can send a token that names any tenant, so answer quickly. Only `true` lets
   * users in; when it throws, or takes longer than 5 seconds, they are refused with `tenants_unavailable`.
   */
  readonly allowedTenants?: readonly string[] | AskTenant;
  /** More audiences that mean this app, besides the client id and `api://<client id>`. */
  readonly audiences?: readonly string[];
  /** Default: the cloud of the environment variable `AZURE_AUTHORITY_HOST`, or else `global`. */
  readonly cloud?: Cloud;
  /** Client capabilities, for example `["cp1"]` when every downstream API handles claims challenges. */
  readonly capabilities?: readonly string[];
  /** How long one request to Entra may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /**
   * Keeps connections to Entra between exchanges, with an agent of `node:https` in place of `fetch`: for an agent that
   * is asked every few seconds, where each exchange would open one. Not together with `fetch`. What is set for `fetch`
   * (dispatchers, proxies, instrumentation) does not count for it. Only where `node:https` works.
   */
  readonly connections?: EntraConnections;
}

/**
 * The agent's confidential client. One object serves every user; its credential stays inside.
 * @group Entra app
 */
export interface EntraApp extends EntraAppFacts {
  /**
   * Gets what the first user would wait for: modules, and the signing keys of the home tenant and of listed tenants (10 at
   * most) for the verifiers made with this app. The connection of that request then serves the first exchange. Call it
   * in what answers `GET /readiness`: the second call fetches nothing, and what failed is tried again. Throws
   * `signing_keys_unavailable`, `missing_dependency`, `dependency_failed` or `invalid_option` (closed).
   *
   * Modules alone load by themselves, 50 ms after `entraApp()`.
   */
  ready(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What exchanges need of an app. */
export interface EntraAppInternals {
  readonly facts: EntraAppFacts;
  readonly fetch: FetchLike;
  readonly now: () => number;
  readonly clocks: Clocks;
  readonly timeoutMs: number;
  readonly capabilities: readonly string[];
  readonly onEvent: OnEvent | undefined;
  authenticate(tenantId: string, refused: number, signal: AbortSignal): Promise<ClientAuthentication>;
  /** MSAL, loaded when it is first needed. */
  msal(): Promise<typeof Msal>;
  /** The metadata MSAL would otherwise fetch. */
  authorityMetadata(tenantId: string): string;
  /** Whom Entra asked to wait: one for all accesses of the app. */
  readonly backOff: BackOff;
  /** How many requests are under way at once: the others wait. */
  readonly turns: RequestTurns;
  /** As a client in the exchanges of its agent identities, by tenant and client id. */
  readonly agentIdentities: Map<string, EntraAppInternals>;
  /** How long to wait before try number `n` (1-based), with jitter. */
  backoffMs(n: number): number;
}

/** Of the open apps of all copies of this package: an app that one copy made works in every other. */
const internals: WeakMap<EntraApp, EntraAppInternals> = processState("entra-apps/1", () => new WeakMap());

const defaultIdleMs = 60_000;

/** The bounds of `connections` of {@link entraApp}. */
export const connectionOptions: OptionTable<EntraConnections, "max" | "idleMs"> = {
  max: orElse(count(1, maxRequests), maxRequests),
  idleMs: orElse(milliseconds(1, 600_000), defaultIdleMs),
};

/** The options of {@link entraApp}. */
export const entraAppOptions: OptionTable<
  EntraAppOptions,
  "capabilities" | "timeoutMs" | "fetch" | "now" | "random"
> = {
  ...appNameOptions,
  credential: made<ClientCredential>(
    "clientSecret(), certificate(), federatedCredential() or workloadIdentityFile()",
    { authenticate: "function" },
  ),
  capabilities: orElse(list(text()), []),
  timeoutMs: orElse(milliseconds(1, 300_000), 10_000),
  connections: optional(nested(connectionOptions)),
  ...runtimeOptions,
};

/** An app that is open. */
export const openAppOption: OptionCheck<EntraApp> = check<EntraApp>(
  "object",
  "what entraApp() returned, still open",
  (app: EntraApp) => internals.has(app),
);

/** The internals of an open app. Throws `closed` or `invalid_option`. */
export function entraAppInternals(app: EntraApp): EntraAppInternals {
  const known = internals.get(app);
  if (known === undefined)
    throw new HostedAgentIdentityError(
      "invalid_option",
      "app: expected what entraApp() returned, still open.",
    );
  return known;
}

/**
 * Describes the agent's app registration: tenant, client id and how it proves itself. The verifier takes
 * its tenants and cloud from here, so there is one list. Makes no network call. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { clientSecret, entraApp } from "hosted-agent-identity";
 *
 * export const entra = entraApp({
 *   tenantId: process.env.AZURE_TENANT_ID ?? "",
 *   clientId: process.env.APP_CLIENT_ID ?? "",
 *   credential: clientSecret(process.env.APP_CLIENT_SECRET ?? ""),
 * });
 * ```
 * @group Entra app
 */
export function entraApp(options: EntraAppOptions): EntraApp {
  const settings = readOptions("entraApp", entraAppOptions, options);
  const { now, random, fetch, timeoutMs, capabilities, onEvent } = settings;
  if (settings.connections !== undefined && options.fetch !== undefined)
    throw invalid(
      "entraApp: connections",
      "expected either connections or fetch, got both. A fetch of your own keeps its connections itself.",
    );
  const connections = settings.connections && connectionsKept(settings.connections);
  const facts = entraAppFacts(settings, now);
  const clocks = clocksOf(now);
  const assertions = clientAssertions(settings.credential, clocks);
  let msal: Promise<typeof Msal> | undefined;
  // Kept, because where loader hooks are registered (tracing, tsx) every import() asks another thread.
  const loadMsal = (): Promise<typeof Msal> =>
    (msal ??= loadPackage("@azure/msal-node", "entraApp()", async () => (await import("./msal.cjs")).load()));
  const close = async (): Promise<void> => {
    prepared.close();
    internals.delete(app);
    await connections?.close();
  };
  const app: EntraApp = Object.freeze({
    ...facts,
    async ready() {
      entraAppInternals(app);
      await prepared.ready();
    },
    close,
    [Symbol.asyncDispose]: close,
  });
  const prepared = preparationsOf(app);
  prepared.add({ modules: loadMsal });
  internals.set(app, {
    facts,
    fetch: connections?.fetch ?? fetch,
    now,
    clocks,
    timeoutMs,
    capabilities,
    onEvent,
    authenticate: (tenant, refused, signal) =>
      runWithoutUserContext(() =>
        assertions.authenticate({
          clientId: facts.clientId,
          tokenEndpoint: tokenEndpoint(facts.cloud, tenant),
          tokenExchangeAudience: facts.cloud.tokenExchangeAudience,
          refused,
          now,
          newId: () => uuid(random),
          fetch,
          signal,
        }),
      ),
    msal: loadMsal,
    authorityMetadata: (tenant) => authorityMetadata(facts, tenant),
    agentIdentities: new Map(),
    backOff: backOff(clocks.age, onEvent),
    turns: requestTurns(settings.connections?.max),
    backoffMs: (n) => 100 * 2 ** n * (0.5 + fraction(random)),
  });
  return app;
}

/** Loaded with the first request: `node:https` is not everywhere. */
function connectionsKept({ max = maxRequests, idleMs = defaultIdleMs }: EntraConnections): {
  readonly fetch: FetchLike;
  close(): Promise<void>;
} {
  let kept: Promise<KeptConnections> | undefined;
  return {
    async fetch(input, init) {
      kept ??= import("./kept-connections.js").then(({ keptConnections }) =>
        keptConnections({ max, idleMs }),
      );
      return (await kept).fetch(input, init);
    },
    async close() {
      (await kept?.catch(() => undefined))?.close();
    },
  };
}

function authorityMetadata(facts: EntraAppFacts, tenant: string): string {
  const secured = { ...facts.cloud, loginEndpoint: facts.cloud.loginEndpoint.replace(/^http:/, "https:") };
  return JSON.stringify({
    authorization_endpoint: authorizeEndpoint(secured, tenant),
    token_endpoint: tokenEndpoint(secured, tenant),
    issuer: issuersOf(secured, tenant)[0],
    jwks_uri: signingKeysUrl(secured, tenant),
  });
}

/** Client authentications that are kept: one for each token endpoint. */
interface ClientAssertions {
  authenticate(request: CredentialRequest): Promise<ClientAuthentication>;
}

/** A kept assertion is not used in its last minute: it would expire on the way. */
const marginMs = 60_000;

/**
 * Keeps client assertions until shortly before they expire and makes one at a time. MSAL would ask the
 * callback for every call, even when it has a token in its cache.
 */
export function clientAssertions(
  credential: Pick<ClientCredential, "authenticate">,
  clocks: Clocks,
): ClientAssertions {
  const kept = new Map<string, { readonly made: ClientAuthentication; readonly end: End }>();
  const making = singleFlight<ClientAuthentication>();
  return {
    async authenticate(request) {
      const known = kept.get(request.tokenEndpoint);
      if (known !== undefined && request.refused === 0 && !isPast(clocks, known.end)) return known.made;
      // A refused credential is made anew, but not once more for each caller that was refused with it.
      const key = `${request.refused > 0 ? "again" : "first"} ${request.tokenEndpoint}`;
      const made = await making.run(key, () => credential.authenticate(request));
      kept.set(request.tokenEndpoint, { made, end: endAt(clocks, usableUntil(made)) });
      return made;
    },
  };
}

function usableUntil(authentication: ClientAuthentication): number {
  return "secret" in authentication ? Number.POSITIVE_INFINITY : authentication.expiresAt - marginMs;
}
