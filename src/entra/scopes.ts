import { HostedAgentIdentityError } from "../errors.js";

/** Scopes that name no resource; Entra adds them to any request. */
const oidcScopes: ReadonlySet<string> = new Set(["openid", "profile", "email", "offline_access"]);

/**
 * The resource a fully qualified scope belongs to: `api://x` for `api://x/read`. A bare scope has none;
 * Entra would resolve it against Microsoft Graph (AADSTS650053).
 */
export function resourceOfScope(scope: string): string | undefined {
  const slash = scope.lastIndexOf("/");
  const resource = slash > 0 ? scope.slice(0, slash) : "";
  return /^(api:\/\/[^\s/]|https:\/\/[^\s/]|[0-9a-f]{8}-[0-9a-f]{4}-)/i.test(resource) &&
    slash < scope.length - 1
    ? resource
    : undefined;
}

/**
 * Checks that scopes are fully qualified and of one resource, and returns them sorted and without
 * duplicates. Entra takes one resource a request (AADSTS28000). Throws `invalid_option`.
 */
export function scopesOfOneResource(option: string, scopes: readonly string[]): readonly string[] {
  const resources = new Set<string>();
  for (const scope of scopes) {
    if (oidcScopes.has(scope)) {
      throw invalid(`${option}: leave out ${JSON.stringify(scope)}; it is asked for where it is needed.`);
    }
    const resource = resourceOfScope(scope);
    if (resource === undefined || /[\s"\\]/.test(scope)) {
      throw invalid(
        `${option}: ${JSON.stringify(scope)} names no resource; write it in full, for example "api://<app id>/${/^[\w.-]+$/.test(scope) ? scope : "access_as_user"}".`,
      );
    }
    resources.add(resource);
  }
  if (resources.size === 0) throw invalid(`${option}: at least one scope is needed.`);
  if (resources.size > 1) {
    throw invalid(
      `${option}: scopes of one resource only, got ${[...resources].map((r) => JSON.stringify(r)).join(" and ")}.`,
    );
  }
  const unique = [...new Set(scopes)].sort();
  if (unique.length > 1 && unique.some((scope) => scope.endsWith("/.default"))) {
    throw invalid(`${option}: "/.default" cannot be combined with other scopes of the same resource.`);
  }
  return Object.freeze(unique);
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
