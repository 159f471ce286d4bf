import { isLoopback, type Cloud } from "../entra/clouds.js";
import type { EntraAppFacts } from "../entra/tenants.js";
import type { TokenClaims } from "../entra/token-claims.js";
import type { FetchLike } from "../context/fetch-like.js";
import { tokenVerifier, type UserTokenVerifier } from "../context/verify.js";
import { HostedAgentIdentityError, type OnEvent } from "../errors.js";
import { entraAppFacts } from "../exchange/app-facts.js";
import { checkedDemand, type McpCall, type ToolDemand } from "./demands.js";
import { metadataUrlOf } from "./resource-metadata.js";

/** The app registration of an MCP server. What `entraApp()` returned fits, if the server has a credential. */
export interface McpServerApp {
  /** The id of the app's home tenant (a GUID). */
  readonly tenantId: string;
  /** The client id of the server's app registration (a GUID): the audience of version 2 tokens. */
  readonly clientId: string;
  /** Every tenant whose tokens are accepted. Default: the home tenant only. */
  readonly allowedTenants?: readonly string[];
  /** More audiences that mean this server, besides the client id and the app-ID URI. */
  readonly audiences?: readonly string[];
  /** Default: the cloud of the environment variable `AZURE_AUTHORITY_HOST`, or else `global`. */
  readonly cloud?: Cloud;
}

/** Who may call an MCP server, and what for. */
export interface McpServerOptions {
  /** The MCP endpoint as its clients address it: https, or http on a loopback host. */
  readonly url: string | URL;
  readonly app: McpServerApp;
  /** Scopes that every call of a person needs, all of them; short names, as in the claim `scp`. */
  readonly scopes: readonly string[];
  /** What single tools need besides, by the name of the tool. */
  readonly tools?: Readonly<Record<string, ToolDemand>>;
  /** What one call needs besides, where a table does not do: prompts, resources, arguments, revoked sign-ins. */
  readonly demand?: (
    call: McpCall,
    /** The claims of the verified token. */
    claims: TokenClaims,
  ) => ToolDemand | undefined | Promise<ToolDemand | undefined>;
  /** Client ids of the applications that may call (`azp`, in version 1 `appid`). Default: any. */
  readonly clients?: readonly string[];
  /** Lets applications in that have one of these roles. Without it only persons may call. */
  readonly applications?: { readonly roles: readonly string[] };
  /** What fully qualified scopes begin with. Default `api://<client id>`. */
  readonly appIdUri?: string;
  /** Shown to whoever looks for the server's metadata. */
  readonly name?: string;
  readonly documentation?: string | URL;
  /** How much of a body is read where no parser in front has read it. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Default 16 384. */
  readonly maxTokenBytes?: number;
  /** How far the clocks of Entra and this host may differ, in seconds. Default 60. */
  readonly clockToleranceS?: number;
  /** How long one request for signing keys may take, in milliseconds. Default 5 000. */
  readonly timeoutMs?: number;
  /** For Entra's signing keys. */
  readonly fetch?: FetchLike;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly onEvent?: OnEvent;
}

/** The options, checked. */
export interface GateSettings {
  readonly url: URL;
  readonly metadataUrl: string;
  readonly app: EntraAppFacts;
  readonly scopes: readonly string[];
  readonly tools: ReadonlyMap<string, ToolDemand>;
  readonly demand: McpServerOptions["demand"];
  /** Roles of applications; `undefined` lets none in. */
  readonly roles: readonly string[] | undefined;
  readonly verify: UserTokenVerifier;
  readonly maxBodyBytes: number;
  readonly name: string | undefined;
  readonly documentation: string | undefined;
  /** A scope as a client has to ask Entra for it. */
  qualified(scope: string): string;
}

/** Throws `invalid_option`. */
export function gateSettings(options: McpServerOptions): GateSettings {
  const url = endpoint(options.url);
  const appIdUri = options.appIdUri ?? `api://${String(options.app.clientId).toLowerCase()}`;
  if (!/^(api|https):\/\/[^\s"\\]*[^\s"\\/]$/.test(appIdUri))
    throw invalid(`appIdUri: expected an app-ID URI, got ${JSON.stringify(appIdUri)}.`);
  const given = entraAppFacts(options.app);
  const app = { ...given, audiences: [...new Set([...given.audiences, appIdUri])] };
  if (options.scopes.length === 0) throw invalid("scopes: at least one is needed.");
  const { scopes } = checkedDemand("scopes", { scopes: options.scopes });
  const roles = options.applications?.roles;
  if (roles !== undefined && roles.length === 0)
    throw invalid("applications.roles: at least one is needed; any application of the tenant gets a token.");
  const maxBodyBytes = options.maxBodyBytes ?? 4_194_304;
  if (!(maxBodyBytes >= 1)) throw invalid("maxBodyBytes: expected a positive number.");
  return {
    url,
    metadataUrl: metadataUrlOf(url),
    app,
    scopes: scopes ?? [],
    tools: new Map(
      Object.entries(options.tools ?? {}).map(([tool, demand]) => [
        tool,
        checkedDemand(`tools[${JSON.stringify(tool)}]`, demand),
      ]),
    ),
    demand: options.demand,
    roles: checkedDemand("applications", roles === undefined ? {} : { roles }).roles,
    verify: verifierOf(options, app),
    maxBodyBytes,
    name: options.name,
    documentation: options.documentation === undefined ? undefined : String(options.documentation),
    qualified: (scope) => `${appIdUri}/${scope}`,
  };
}

function verifierOf(options: McpServerOptions, app: EntraAppFacts): UserTokenVerifier {
  const { clients, maxTokenBytes, clockToleranceS, timeoutMs, fetch, now, onEvent } = options;
  return tokenVerifier(
    {
      app,
      ...(clients === undefined ? {} : { clients }),
      ...(maxTokenBytes === undefined ? {} : { maxTokenBytes }),
      ...(clockToleranceS === undefined ? {} : { clockToleranceS }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(fetch === undefined ? {} : { fetch }),
      ...(now === undefined ? {} : { now }),
      ...(onEvent === undefined ? {} : { onEvent }),
    },
    { applications: options.applications !== undefined },
  );
}

function endpoint(value: string | URL): URL {
  const url = URL.canParse(String(value)) ? new URL(String(value)) : undefined;
  const secure = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url === undefined || !secure || `${url.username}${url.password}${url.search}${url.hash}` !== "") {
    throw invalid(
      "url: expected the MCP endpoint (https, or http on a loopback host; no user name, query or fragment).",
    );
  }
  return url;
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
