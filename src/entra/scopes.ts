import { check } from "../options/checks.js";
import { invalid, unexpected } from "../options/invalid.js";
import { type OptionCheck } from "../options/option-table.js";

/** Scopes without a resource. Entra adds them to any request. */
const oidcScopes: ReadonlySet<string> = new Set(["openid", "profile", "email", "offline_access"]);

/**
 * The resource of a fully qualified scope: `api://x` for `api://x/read`. A bare scope has none: Entra would look
 * for it at Microsoft Graph (AADSTS650053).
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
 * Fully qualified scopes of one resource, sorted and without duplicates. Entra accepts one resource per request
 * (AADSTS28000).
 */
export const scopesOption: OptionCheck<readonly string[]> = {
  kind: "list",
  expected: 'a list of at least 1 scope in full, for example "api://<app id>/access_as_user"',
  optional: false,
  read(value, at) {
    if (!isList(value) || value.length === 0) throw unexpected(at, scopesOption.expected, value);
    const scopes = value.map((one, index) => scopeOption.read(one, `${at}[${index}]`));
    const resources = new Set(scopes.map(resourceOfScope));
    if (resources.size > 1) {
      const named = [...resources].map((one) => JSON.stringify(one)).join(" and ");
      throw invalid(at, `expected scopes of one resource, got those of ${named}.`);
    }
    const unique = [...new Set(scopes)].sort();
    if (unique.length > 1 && unique.some((scope) => scope.endsWith("/.default")))
      throw invalid(at, 'expected "/.default" alone, got other scopes of the same resource beside it.');
    return Object.freeze(unique);
  },
};

const scopeOption: OptionCheck<string> = check<string>(
  "text",
  'a scope in full, for example "api://<app id>/access_as_user"',
  (scope: string) => !oidcScopes.has(scope) && resourceOfScope(scope) !== undefined && !/[\s"\\]/.test(scope),
  scopeHint,
);

function scopeHint(scope: unknown): string | undefined {
  if (typeof scope !== "string" || scope === "") return undefined;
  return oidcScopes.has(scope)
    ? `Leave out ${JSON.stringify(scope)}; it is asked for where it is needed.`
    : "One that names no resource would be taken for a scope of Microsoft Graph.";
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
