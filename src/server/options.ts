import { type Cloud, clientOption } from "../entra/clouds.js";
import type { AskTenant } from "../entra/tenants.js";
import type { TokenClaims } from "../entra/token-claims.js";
import { tokenVerifier, verifierOptions } from "../user-token/verify.js";
import {
  bytes,
  check,
  func,
  isSecureUrl,
  list,
  optional,
  orElse,
  record,
  secureUrl,
  text,
} from "../options/checks.js";
import { nested, readOptions, type OptionTable } from "../options/option-table.js";
import { appNameOptions, entraAppFacts } from "../exchange/app-facts.js";
import { metadataUrlOf } from "./resource-metadata.js";
import type { GateSettings, McpCall, ToolRequirement } from "./settings.js";
import { requirementOptions, shortScope } from "./tool-requirements.js";
import type { Runtime } from "../runtime/runtime.js";

/** The app registration of an MCP server. What `entraApp()` returned fits, if the server has a credential. */
export interface McpServerApp {
  /** The id of the app's home tenant (a GUID). */
  readonly tenantId: string;
  /** The client id of the server's app registration (a GUID): the audience of version 2 tokens. */
  readonly clientId: string;
  /** Every tenant whose tokens are accepted, or a function as for `entraApp()`. Default: the home tenant only. */
  readonly allowedTenants?: readonly string[] | AskTenant;
  /** More audiences that mean this server, besides the client id and the app-ID URI. */
  readonly audiences?: readonly string[];
  /** Default: the cloud of the environment variable `AZURE_AUTHORITY_HOST`, or else `global`. */
  readonly cloud?: Cloud;
}

/** Who may call an MCP server, and what for. */
export interface McpServerOptions extends Pick<Runtime, "fetch" | "now" | "onEvent"> {
  /** The MCP endpoint as its clients address it: https, or http on a loopback host. */
  readonly url: string | URL;
  readonly app: McpServerApp;
  /** Scopes that every call of a person needs, all of them; short names, as in the claim `scp`. */
  readonly scopes: readonly string[];
  /** What single tools need besides, by the name of the tool. */
  readonly tools?: Readonly<Record<string, ToolRequirement>>;
  /**
   * What one call needs besides, where a table does not do: prompts, resources, arguments, revoked sign-ins. When it
   * throws or rejects, or gives what is no demand, the request is answered 500 and nothing passes.
   */
  readonly demand?: (
    call: McpCall,
    /** The claims of the verified token. */
    claims: TokenClaims,
  ) => ToolRequirement | undefined | Promise<ToolRequirement | undefined>;
  /** Client ids of the applications that may call (`azp`, in version 1 `appid`). Default: any. */
  readonly clients?: readonly string[];
  /** Lets applications in that have one of these roles. Without it only persons may call. */
  readonly applications?: { readonly roles: readonly string[] };
  /**
   * Origins whose pages may call with a token of their own, for example `https://chat.example.com`: preflights are
   * answered, and the pages can read `WWW-Authenticate`, `Mcp-Session-Id` and `Retry-After`. Default: none.
   */
  readonly browserOrigins?: readonly string[];
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
}

/** The options of `protectMcpServer()`. */
export const mcpServerOptions: OptionTable<McpServerOptions, GateDefaults> = {
  url: secureUrl<string | URL>(),
  app: nested(appNameOptions),
  scopes: list(shortScope, 1),
  tools: orElse(record(nested(requirementOptions)), {}),
  demand: optional(func<NonNullable<McpServerOptions["demand"]>>()),
  clients: optional(list(clientOption)),
  // Without a role any application of the tenant could come: each gets a token.
  applications: optional(nested<{ readonly roles: readonly string[] }>({ roles: list(text("a role"), 1) })),
  browserOrigins: orElse(
    list(
      check<string>("text", "an https origin (http only for a loopback host)", (value: string) => {
        const url = new URL(value);
        return url.origin === value && isSecureUrl(url);
      }),
    ),
    [],
  ),
  appIdUri: optional(text("an app-ID URI", /^(api|https):\/\/[^\s"\\]*[^\s"\\/]$/)),
  name: optional(text()),
  documentation: optional(
    check<string | URL>("url", "an absolute URL", (value: string | URL) => URL.canParse(String(value))),
  ),
  maxBodyBytes: orElse(bytes(), 4_194_304),
  maxTokenBytes: verifierOptions.maxTokenBytes,
  clockToleranceS: verifierOptions.clockToleranceS,
  timeoutMs: verifierOptions.timeoutMs,
  fetch: verifierOptions.fetch,
  now: verifierOptions.now,
  onEvent: verifierOptions.onEvent,
};

type GateDefaults =
  | "tools"
  | "browserOrigins"
  | "maxBodyBytes"
  | "maxTokenBytes"
  | "clockToleranceS"
  | "timeoutMs"
  | "fetch"
  | "now";

/** Checks the options. Throws `invalid_option`. */
export function gateSettings(options: McpServerOptions): GateSettings {
  const settings = readOptions("protectMcpServer", mcpServerOptions, options);
  const { scopes, tools, demand, browserOrigins, maxBodyBytes, name, documentation, applications } = settings;
  const url = new URL(settings.url);
  const given = entraAppFacts(settings.app, settings.now);
  const appIdUri = settings.appIdUri ?? `api://${given.clientId}`;
  const app = { ...given, audiences: [...new Set([...given.audiences, appIdUri])] };
  return {
    url,
    metadataUrl: metadataUrlOf(url),
    app,
    scopes,
    tools: new Map(Object.entries(tools)),
    demand,
    roles: applications?.roles,
    verify: tokenVerifier(
      { ...settings, app, passthroughTo: [], requiredScopes: [] },
      applications === undefined ? "persons" : "both",
    ),
    browserOrigins,
    maxBodyBytes,
    name,
    documentation: documentation === undefined ? undefined : String(documentation),
    onEvent: settings.onEvent,
    now: settings.now,
    qualified: (scope) => `${appIdUri}/${scope}`,
  };
}
