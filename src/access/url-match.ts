import { HostedAgentIdentityError } from "../errors.js";

/** Decides whether a URL belongs to a resource. */
export type UrlMatch = (url: string | URL) => boolean;

/**
 * Scheme, host and port must be equal and the resource's path must be the target's or a whole-segment
 * beginning of it: `/mcp` covers `/mcp` and `/mcp/x`, never `/mcp-evil`. Encoded slashes, backslashes and
 * dot segments are refused instead of resolved, since servers resolve them differently. Rule 1.
 */
export function urlMatch(resourceUrl: string): UrlMatch {
  const resource = new URL(resourceUrl);
  const path = resource.pathname.endsWith("/") ? resource.pathname.slice(0, -1) : resource.pathname;
  return (url) => {
    // The transport's own URL, unchanged: by far the most common case.
    const text = typeof url === "string" ? url : url.href;
    if (text === resourceUrl) return true;
    if (text.length > maxUrlLength) return false;
    if (suspicious.test(text.split(/[?#]/, 1)[0] ?? "") || !URL.canParse(text)) return false;
    const target = new URL(text);
    if (target.origin !== resource.origin || target.username !== "" || target.password !== "") return false;
    return target.pathname === path || target.pathname.startsWith(`${path}/`);
  };
}

/** No server takes a longer one, and to read a long host name takes long. In characters. */
export const maxUrlLength = 16_384;

/** Backslash, encoded slash, backslash or dot, a dot segment, white space and control characters. */
// oxlint-disable-next-line no-control-regex -- these are the characters to refuse
const suspicious: RegExp = /\\|%(?:2f|5c|2e)|\/\.{1,2}(?:\/|$)|[\u0000-\u0020\u007f]/i;

/** The error for a URL that is not the resource's. Only origins are named: a query may hold anything. */
export function urlNotAllowed(url: string | URL, resourceUrl: string): HostedAgentIdentityError {
  const text = String(url);
  const isReadable = text.length <= maxUrlLength && URL.canParse(text);
  const origin = isReadable ? new URL(text).origin : "an unreadable URL";
  return new HostedAgentIdentityError(
    "url_not_allowed",
    `A request to ${JSON.stringify(origin)} is outside the resource ${JSON.stringify(resourceUrl)}; no token was sent.`,
  );
}
