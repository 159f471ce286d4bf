import { isSecureUrl } from "../options/secure-url.js";

/** In characters. Browsers and servers take no longer ones for sure. */
export const maxLinkLength = 8_192;
const authority = /^https?:\/\/([^/?#]*)/i;
const plainHost = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[1-9]\d{0,4})?$/;

/**
 * What is wrong with a link, or `undefined`. The text is checked as well as the parsed URL, because clients
 * parse it again, each in its own way. Source: agent-framework, `_responses.py`, the hosts' own check.
 */
export function linkFault(link: unknown): string | undefined {
  if (typeof link !== "string" || link === "") return "it is not a text";
  if (link.length > maxLinkLength) return `it is longer than ${maxLinkLength} characters`;
  if (!/^[!-~]+$/.test(link)) return "it has whitespace, control or non-ASCII characters";
  if (link.includes("\\")) return "it has a backslash";
  const host = authority.exec(link)?.[1];
  if (host === undefined) return "it is not an absolute https link";
  if (host.includes("@")) return "it has user information";
  if (host.includes("%") || !plainHost.test(host) || !URL.canParse(link)) return "its host is not plain";
  return isSecureUrl(new URL(link)) ? undefined : "http is for loopback hosts only";
}
