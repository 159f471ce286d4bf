import { isLoopback } from "../entra/clouds.js";
import { scopesOfOneResource } from "../entra/scopes.js";
import { isGuid } from "../entra/tenants.js";
import { HostedAgentIdentityError } from "../errors.js";

/** What describes a protected resource. */
export interface ProtectedResourceInit {
  /** The MCP endpoint: https, or http on a loopback host. No query, no fragment, no user info. */
  readonly url: string | URL;
  /** The name people see in a consent request, for example `contacts`. */
  readonly serverLabel: string;
  /** Fully qualified scopes of one resource, for example `api://<app id>/access_as_user`. */
  readonly scopes: readonly string[];
  /** The audiences its tokens have: the app's client id and its app-ID URIs. */
  readonly audiences: readonly string[];
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
  const url = resourceUrl(init.url);
  // eslint-disable-next-line no-control-regex -- labels are shown to people and written into JSON
  if (!/^[^\u0000-\u001f\u007f]{1,128}$/.test(init.serverLabel)) {
    throw invalid("serverLabel: expected 1 to 128 characters without control characters.");
  }
  if (init.audiences.length === 0) throw invalid("audiences: at least one is needed.");
  for (const audience of init.audiences) {
    if (!isGuid(audience) && !/^(api|https):\/\/\S+$/.test(audience)) {
      throw invalid(`audiences: expected a client id or an app-ID URI, got ${JSON.stringify(audience)}.`);
    }
    if (/^https:\/\/ai\.azure\.com\/?$/i.test(audience)) {
      throw invalid(
        "audiences: tokens for https://ai.azure.com are Foundry's own; no MCP server may take them.",
      );
    }
  }
  return Object.freeze({
    url,
    serverLabel: init.serverLabel,
    scopes: scopesOfOneResource("scopes", init.scopes),
    audiences: Object.freeze([...init.audiences]),
  });
}

function resourceUrl(value: string | URL): string {
  const text = String(value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw invalid(`url: expected an absolute URL, got ${JSON.stringify(text)}.`);
  const secure = url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
  if (!secure)
    throw invalid(`url: expected https (http only for a loopback host), got ${JSON.stringify(url.origin)}.`);
  if (url.username !== "" || url.password !== "")
    throw invalid("url: user name and password are not allowed.");
  if (url.search !== "" || url.hash !== "") throw invalid("url: leave out query and fragment.");
  if (/%2f|%5c|%2e/i.test(url.pathname))
    throw invalid("url: encoded slashes and dots are not allowed in the path.");
  return url.href;
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
