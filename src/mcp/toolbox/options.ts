import { checkLinkForm, consentLinkPolicy, type ConsentLinkPolicy } from "../../consent/link-policy.js";
import type { FetchLike } from "../../context/fetch-like.js";
import { isLoopback } from "../../entra/clouds.js";
import { HostedAgentIdentityError, type OnEvent } from "../../errors.js";
import type { TokenCredentialLike } from "../../exchange/federated-credential.js";
import { foundryEnvironment, type FoundryEnvironment } from "../../foundry/environment.js";
import type { RandomBytes } from "../../foundry/ids.js";
import { toolboxCloud } from "../../foundry/toolbox-clouds.js";

/** Which toolbox, and how it is called. */
export interface FoundryToolboxOptions {
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
   * identity, and outside the hosted environment the developer's sign-in (`az login`, `azd auth login`).
   */
  readonly credential?: TokenCredentialLike;
  /** What that token is asked for. Default `https://ai.azure.com/.default`, in Azure Government `ai.azure.us`. */
  readonly scope?: string;
  /** The name people see where a consent request does not name its source. Default: `name`. */
  readonly serverLabel?: string;
  /**
   * Where consent links may lead. Default: the platform's consent hosts and the login host, and a loopback
   * host when the project endpoint is on one.
   */
  readonly policy?: ConsentLinkPolicy;
  /** How often a request is repeated at most. Default 2. */
  readonly maxRetries?: number;
  /** How long the waiting between tries may take altogether, in milliseconds. Default 20 000. */
  readonly maxRetryWaitMs?: number;
  /** How long getting the agent's own token may take, in milliseconds. Default 15 000. */
  readonly timeoutMs?: number;
  /** As in `userAccess()`. Default `refuse`. */
  readonly standaloneStream?: "refuse" | "allow";
  /** `allow` lets several users share one MCP session. Default `refuse` (`shared_session`). */
  readonly sharedSessions?: "refuse" | "allow";
  /** The network below. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: FetchLike;
  readonly now?: () => number;
  readonly random?: RandomBytes;
  readonly onEvent?: OnEvent;
  /** Default: read from `process.env`. */
  readonly environment?: FoundryEnvironment;
}

/** Where a toolbox is and what goes with the place. */
export interface ToolboxPlace {
  readonly url: string;
  readonly serverLabel: string;
  readonly scope: string;
  readonly policy: ConsentLinkPolicy;
  readonly hosted: boolean;
}

/** Checks the options that say which toolbox. Throws `invalid_option`. */
export function toolboxPlace(options: FoundryToolboxOptions): ToolboxPlace {
  const environment = options.environment ?? foundryEnvironment(process.env);
  const project = projectEndpoint(
    options.projectEndpoint ??
      environment.projectEndpoint ??
      (environment.hosted ? undefined : process.env["AZURE_AI_PROJECT_ENDPOINT"]),
  );
  const name = segment("name", options.name);
  const version =
    options.version === undefined ? "" : `/versions/${segment("version", String(options.version))}`;
  const serverLabel = options.serverLabel ?? options.name;
  if (!/^[^\p{Cc}]{1,128}$/u.test(serverLabel))
    throw invalid("serverLabel: expected 1 to 128 characters without control characters.");
  const { scope, consentOrigins } = toolboxCloud(project.hostname);
  const policy = consentLinkPolicy({ allowedOrigins: consentOrigins });
  return {
    url: `${project.href}/toolboxes/${name}${version}/mcp?api-version=v1`,
    serverLabel,
    scope: options.scope ?? scope,
    policy: options.policy ?? (isLoopback(project.hostname) ? orLoopback(policy) : policy),
    hosted: environment.hosted,
  };
}

/** One number of the options, checked. Throws `invalid_option`. */
export function atLeastZero(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (Number.isFinite(value) && value >= 0) return value;
  throw invalid(`${name}: expected a number of at least 0, got ${JSON.stringify(value)}.`);
}

function projectEndpoint(value: string | undefined): { readonly href: string; readonly hostname: string } {
  if (value === undefined || value === "")
    throw invalid("projectEndpoint: give the project's endpoint, or set FOUNDRY_PROJECT_ENDPOINT.");
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const secure = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (
    url === undefined ||
    !secure ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== "" ||
    url.hash !== "" ||
    /%2f|%5c|%2e/i.test(value)
  ) {
    throw invalid(
      `projectEndpoint: expected an https address without query or user name (http only for a loopback host), got ${JSON.stringify(value)}.`,
    );
  }
  return { href: url.href.replace(/\/+$/, ""), hostname: url.hostname };
}

function segment(option: string, value: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value)) return value;
  throw invalid(
    `${option}: expected letters, digits, dots, dashes and underscores, got ${JSON.stringify(value)}.`,
  );
}

/** For the emulator, whose consent pages are on this machine. */
function orLoopback(policy: ConsentLinkPolicy): ConsentLinkPolicy {
  return Object.freeze<ConsentLinkPolicy>({
    allowedOrigins: policy.allowedOrigins,
    check(link) {
      checkLinkForm(link);
      if (!isLoopback(new URL(link).hostname)) policy.check(link);
    },
  });
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", `foundryToolbox: ${message}`);
}
