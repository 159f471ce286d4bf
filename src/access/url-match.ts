import { HostedAgentIdentityError } from "../errors.js";

/** The URL of a request as it is sent, if it belongs to a resource; `undefined` where it does not. */
export type UrlMatch = (url: string) => string | undefined;

/**
 * Scheme, host and port must be equal and the resource's path must be the target's or a whole-segment
 * beginning of it: `/mcp` covers `/mcp` and `/mcp/x`, never `/mcp-evil`. Encoded slashes, backslashes and
 * dot segments are refused instead of resolved, since servers resolve them differently: also those that are
 * encoded more than once, or have parameters, white space or control characters in them.
 */
export function urlMatch(resourceUrl: string): UrlMatch {
  const resource = new URL(resourceUrl);
  const path = resource.pathname.endsWith("/") ? resource.pathname.slice(0, -1) : resource.pathname;
  return (url) => {
    // The transport's own URL, unchanged: by far the most common case.
    if (url === resourceUrl) return resource.href;
    if (url.length > maxUrlLength) return undefined;
    if (isSuspicious(url.split(/[?#]/, 1)[0] ?? "") || !URL.canParse(url)) return undefined;
    const target = new URL(url);
    if (target.origin !== resource.origin || target.username !== "" || target.password !== "")
      return undefined;
    const isOwn = target.pathname === path || target.pathname.startsWith(`${path}/`);
    return isOwn ? target.href : undefined;
  };
}

/** No server takes a longer one, and to read a long host name takes long. In characters. */
export const maxUrlLength = 16_384;

/** More often than any chain of servers decodes. */
const maxDecodings = 4;

/** Looks at a URL up to its query as it is, and as each server on its way might read it. */
function isSuspicious(given: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are the characters to refuse
  if (/[\u0000-\u0020\u007f]/.test(given)) return true;
  let text = given;
  for (let times = 0; times <= maxDecodings; times += 1) {
    if (refused.test(text)) return true;
    const decoded = text.replaceAll(/%[0-7][\da-f]/gi, (code) =>
      String.fromCharCode(Number.parseInt(code.slice(1), 16)),
    );
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

/**
 * A backslash, an encoded slash, backslash or dot, a byte that no UTF-8 has (`%c0%ae` was a dot to some), control
 * characters, or a segment of nothing but dots and white space before the next slash or parameter.
 */
const refused: RegExp =
  // oxlint-disable-next-line no-control-regex -- these are the characters to refuse
  /\\|%(?:2f|5c|2e|c[01])|[\u0000-\u001f\u007f]|\/\s*\.[.\s]*(?:[/;?#]|$)/i;

/** The error for a URL that is not the resource's. Only origins are named: a query may hold anything. */
export function urlNotAllowed(url: string, resourceUrl: string): HostedAgentIdentityError {
  const isReadable = url.length <= maxUrlLength && URL.canParse(url);
  const origin = isReadable ? new URL(url).origin : "an unreadable URL";
  return new HostedAgentIdentityError(
    "url_not_allowed",
    `A request to ${JSON.stringify(origin)} is outside the resource ${JSON.stringify(resourceUrl)}; no token was sent.`,
  );
}
