import {
  checkLinkForm,
  consentLinkPolicy,
  policyOption,
  type ConsentLinkPolicy,
  type AllowedConsentLink,
} from "../consent/link-policy.js";
import {
  check,
  count,
  either,
  label,
  milliseconds,
  oneOf,
  optional,
  orElse,
  secureUrl,
  text,
  isLoopback,
  isSecureUrl,
} from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { nested, type Checked, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { tokenCredentialOption, type TokenCredentialLike } from "../exchange/federated-credential.js";
import { clientOption } from "../entra/clouds.js";
import { environmentOption, foundryEnvironment, type FoundryEnvironment } from "../foundry/environment.js";
import { toolboxCloud } from "../foundry/toolbox-clouds.js";
import { type Runtime, runtimeOptions } from "../runtime/runtime.js";

/** Which toolbox, and how it is called. */
export interface FoundryToolboxOptions extends Pick<Runtime, "fetch" | "now" | "random" | "onEvent"> {
  /** The toolbox's name in its project. */
  readonly name: string;
  /** A version of it. Default: the one that the project has made the default. */
  readonly version?: string | number;
  /**
   * The project, for example `https://contoso.services.ai.azure.com/api/projects/support`. Default: the
   * environment variable `FOUNDRY_PROJECT_ENDPOINT`, outside the hosted environment also
   * `AZURE_AI_PROJECT_ENDPOINT`.
   */
  readonly projectEndpoint?: string;
  /**
   * Gives the agent's own token: any credential of `@azure/identity`. Default: the container's managed
   * identity. Outside the hosted environment: the developer's sign-in (`az login`, `azd auth login`). The developer is
   * then the user, and has to declare it: `HOSTED_AGENT_IDENTITY_DEVELOPER=1`.
   */
  readonly credential?: TokenCredentialLike;
  /** The scope of that token. Default `https://ai.azure.com/.default`, in Azure Government `ai.azure.us`. */
  readonly scope?: string;
  /** The name that users see where a consent request does not name its source. Default: `name`. */
  readonly serverLabel?: string;
  /**
   * Where consent links may lead. Default: the page of the platform's consent hosts, and a loopback host when the
   * project endpoint is on one.
   */
  readonly policy?: ConsentLinkPolicy;
  /**
   * Also allows links to Entra's own login page, for this client and this redirect URI only, because every app has its
   * consent screen there. Not together with `policy`. Default: no link to it is shown.
   */
  readonly entraConsent?: ToolboxEntraConsent;
  /** How often a request is repeated at most. Default 2. */
  readonly maxRetries?: number;
  /** How long the waiting between tries may take altogether, in milliseconds. Default 20 000. */
  readonly maxRetryWaitMs?: number;
  /** How long getting the agent's own token may take, in milliseconds. Default 15 000. */
  readonly timeoutMs?: number;
  /**
   * `refuse` (default): a stream on which the toolbox talks by itself gets `standalone_stream_refused`, in a pool,
   * too, since the call id that names the user ends with its request. `allow`: it ends with the turn that opened it.
   */
  readonly standaloneStream?: "refuse" | "allow";
  /**
   * How long the toolbox may send nothing while a request waits, as in `userAccess()`. Default: no limit here; Node's
   * own `fetch` ends after 300 s of silence.
   */
  readonly silenceMs?: number;
  /** `allow` lets several users share one MCP session. Default `refuse` (`shared_session`). */
  readonly sharedSessions?: "refuse" | "allow";
  /** Default: read from `process.env`. */
  readonly environment?: FoundryEnvironment;
}

/** The one client whose consent screen at Entra a toolbox may send people to. */
export interface ToolboxEntraConsent {
  /** The client id (a GUID) of the app that a toolbox's source signs people in with, in lower case as links have it. */
  readonly clientId: string;
  /** Where Entra sends people afterwards, letter by letter. */
  readonly redirectUri: string;
}

/** Where a toolbox is and what goes with the place. */
export interface ToolboxPlace {
  readonly url: string;
  readonly serverLabel: string;
  readonly scope: string;
  readonly policy: ConsentLinkPolicy;
  readonly hosted: boolean;
  readonly developer: boolean;
}

const segment: OptionCheck<string> = text(
  "letters, digits, dots, dashes and underscores, at most 128",
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
);

const endpoint: OptionCheck<string> = check<string>(
  "text",
  "the project's https address (http only for a loopback host) without user name, query and fragment, here or in FOUNDRY_PROJECT_ENDPOINT",
  (value: string) => {
    const url = new URL(value);
    return isSecureUrl(url) && url.search + url.hash === "" && !/%2f|%5c|%2e/i.test(value);
  },
);

type ToolboxDefaults = "maxRetries" | "maxRetryWaitMs" | "timeoutMs" | "fetch" | "now" | "random";

/** The options of `foundryToolbox()`. */
export const toolboxOptions: OptionTable<FoundryToolboxOptions, ToolboxDefaults> = {
  name: segment,
  version: optional(either(segment, count(0))),
  projectEndpoint: optional(endpoint),
  credential: optional(tokenCredentialOption),
  scope: optional(text()),
  serverLabel: optional(label()),
  policy: optional(policyOption),
  entraConsent: optional(
    nested<ToolboxEntraConsent>({ clientId: clientOption, redirectUri: secureUrl<string>() }),
  ),
  maxRetries: orElse(count(0), 2),
  maxRetryWaitMs: orElse(milliseconds(0), 20_000),
  timeoutMs: orElse(milliseconds(0), 15_000),
  standaloneStream: optional(oneOf("refuse", "allow")),
  silenceMs: optional(milliseconds()),
  sharedSessions: optional(oneOf("refuse", "allow")),
  ...runtimeOptions,
  environment: environmentOption,
};

/** {@link FoundryToolboxOptions}, checked and complete. */
export type ToolboxSettings = Checked<FoundryToolboxOptions, ToolboxDefaults>;

/** Where the toolbox of checked options is. Throws `invalid_option` for what the environment says. */
export function toolboxPlace(options: ToolboxSettings): ToolboxPlace {
  const environment = options.environment ?? foundryEnvironment(process.env);
  const project = projectEndpoint(
    options.projectEndpoint ??
      environment.projectEndpoint ??
      (environment.hosted ? undefined : process.env["AZURE_AI_PROJECT_ENDPOINT"]),
  );
  const { name, serverLabel = name } = options;
  const version = options.version === undefined ? "" : `/versions/${options.version}`;
  const { scope, consentLinks, loginEndpoint } = toolboxCloud(project.hostname);
  if (options.policy !== undefined && options.entraConsent !== undefined)
    throw invalid("foundryToolbox: entraConsent", "expected nothing beside policy, which says it all.");
  const allowedLinks = [...consentLinks, ...entraLinks(loginEndpoint, options.entraConsent)];
  const policy = consentLinkPolicy({ allowedOrigins: [], allowedLinks });
  return {
    url: `${project.href}/toolboxes/${name}${version}/mcp?api-version=v1`,
    serverLabel,
    scope: options.scope ?? scope,
    policy: options.policy ?? (isLoopback(project.hostname) ? orLoopback(policy) : policy),
    hosted: environment.hosted,
    developer: environment.developer === true,
  };
}

function projectEndpoint(value: string | undefined): { readonly href: string; readonly hostname: string } {
  const at = "foundryToolbox: projectEndpoint";
  if (value === undefined || value === "")
    throw invalid(at, "expected the project's endpoint here, or in FOUNDRY_PROJECT_ENDPOINT.");
  const { href, hostname } = new URL(endpoint.read(value, at));
  return { href: href.replace(/\/+$/, ""), hostname };
}

/** The page of any tenant: it depends on the account that signs in. */
function entraLinks(origin: string, entraConsent: ToolboxEntraConsent | undefined): AllowedConsentLink[] {
  if (entraConsent === undefined) return [];
  const { clientId, redirectUri } = entraConsent;
  const parameters = { client_id: clientId.toLowerCase(), redirect_uri: redirectUri };
  return [{ origin, path: "/*/oauth2/v2.0/authorize", parameters }];
}

/** For the emulator, whose consent pages are on this machine. */
function orLoopback(policy: ConsentLinkPolicy): ConsentLinkPolicy {
  return Object.freeze<ConsentLinkPolicy>({
    ...policy,
    check(link) {
      checkLinkForm(link);
      if (!isLoopback(new URL(link).hostname)) policy.check(link);
    },
  });
}
