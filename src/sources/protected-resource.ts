import { scopesOption } from "../entra/scopes.js";
import { isGuid } from "../entra/clouds.js";
import { check, flag, label, list, made, optional, isSecureUrl } from "../options/checks.js";
import { readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { elicitationOption, type AllowedElicitations } from "./allowed-elicitations.js";

/** What describes a protected resource. */
export interface ProtectedResourceInit {
  /** The MCP endpoint: https, or http on a loopback host. No query, no fragment, no user info. */
  readonly url: string | URL;
  /** The name people see in a consent request, for example `contacts`. */
  readonly serverLabel: string;
  /** Fully qualified scopes of one resource, for example `api://<app id>/access_as_user`. */
  readonly scopes: readonly string[];
  /**
   * The audiences its tokens have: the app's client id and its app-ID URIs. The first one names the resource in
   * the principal of a person who comes with a token for it (`passthroughTo` of `userTokenVerifier()`).
   */
  readonly audiences: readonly string[];
  /**
   * Says that this server may act as the agent: the two share an app registration, so that a user token for the
   * agent is one for the server as well, and what the server is sent by `passthrough()` it could send to the agent
   * as the person. Default false: the verifier refuses such a resource, and `passthrough()` does not send it a token
   * for the agent's own app. An app registration of its own is the better answer.
   */
  readonly sameTrust?: boolean;
  /**
   * Lets the server ask users to open a page, as MCP's URL elicitation has it: for example to connect their account at
   * a third party. Each of `allowedLinks` is an origin and the path that the pages begin with. Without it, such a
   * request ends the call with `elicitation_not_allowed`.
   */
  readonly elicitation?: AllowedElicitations;
}

/**
 * One MCP server, or any other API that Entra protects. Pure data: it fetches nothing.
 * @group Tokens
 */
export interface ProtectedResource {
  readonly url: string;
  readonly serverLabel: string;
  /** Sorted, without duplicates. */
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  /** Whether its server may act as the agent. Absent for no. */
  readonly sameTrust?: true;
  /** Which pages its server may ask users to open. Absent for none. */
  readonly elicitation?: AllowedElicitations;
}

/**
 * Describes and checks a protected resource. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { protectedResource } from "hosted-agent-identity";
 *
 * export const contacts = protectedResource({
 *   url: "https://contacts.example.com/mcp",
 *   serverLabel: "contacts",
 *   scopes: ["api://7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1/access_as_user"],
 *   audiences: ["7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1", "api://7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1"],
 * });
 * ```
 * @group Tokens
 */
export function protectedResource(init: ProtectedResourceInit): ProtectedResource {
  const { url, serverLabel, scopes, audiences, sameTrust, elicitation } = readOptions(
    "protectedResource",
    resourceOptions,
    init,
  );
  const described = {
    url: new URL(url).href,
    serverLabel,
    scopes,
    audiences: Object.freeze([...audiences]),
    ...(sameTrust === true ? { sameTrust } : {}),
  };
  return Object.freeze(
    elicitation === undefined ? described : { ...described, elicitation: frozen(elicitation) },
  );
}

function frozen({ allowedLinks }: AllowedElicitations): AllowedElicitations {
  return Object.freeze({ allowedLinks: Object.freeze(allowedLinks.map((link) => new URL(link).href)) });
}

const audience: OptionCheck<string> = check<string>(
  "text",
  "a client id or an app-ID URI",
  (value: string) =>
    (isGuid(value) || /^(api|https):\/\/\S+$/.test(value)) && !/^https:\/\/ai\.azure\.com\/?$/i.test(value),
  (value) =>
    typeof value === "string" && /^https:/i.test(value)
      ? "Tokens for https://ai.azure.com are Foundry's own; no MCP server may take them."
      : undefined,
);

/** The options of {@link protectedResource}. */
export const resourceOptions: OptionTable<ProtectedResourceInit> = {
  url: check<string | URL>(
    "url",
    "an https address (http only for a loopback host) without user name, query, fragment, and encoded slashes or dots in its path",
    (value: string | URL) => {
      const url = new URL(String(value));
      return isSecureUrl(url) && url.search + url.hash === "" && !/%2f|%5c|%2e/i.test(url.pathname);
    },
  ),
  serverLabel: label(),
  scopes: scopesOption,
  audiences: list(audience, 1),
  sameTrust: optional(flag),
  elicitation: elicitationOption,
};

/** A resource, for factories that take one. */
export const resourceOption: OptionCheck<ProtectedResource> = made<ProtectedResource>(
  "what protectedResource() returned",
  { url: "string", serverLabel: "string", scopes: "list", audiences: "list" },
);
