import { isLoopback } from "../../entra/clouds.js";
import { linkFault } from "../../consent/link-policy.js";
import { HostedAgentIdentityError } from "../../errors.js";

/** Where people reach the pages. All of it comes from `publicUrl`: a request's host is anybody's claim. */
export interface SignInUrls {
  readonly callback: string;
  start(ticket: string): string;
  readonly startForm: string;
  done(outcome: string): string;
  connections(note?: string): string;
  readonly connectionsSignIn: string;
  readonly connectionsEnd: string;
  readonly connectionsLeave: string;
}

export function signInUrls(publicUrl: string): SignInUrls {
  return {
    callback: `${publicUrl}/callback`,
    start: (ticket) => `${publicUrl}/start?t=${encodeURIComponent(ticket)}`,
    startForm: `${publicUrl}/start`,
    done: (outcome) => `${publicUrl}/done?r=${encodeURIComponent(outcome)}`,
    connections: (note) => `${publicUrl}/connections${note === undefined ? "" : `?note=${note}`}`,
    connectionsSignIn: `${publicUrl}/connections/sign-in`,
    connectionsEnd: `${publicUrl}/connections/end`,
    connectionsLeave: `${publicUrl}/connections/leave`,
  };
}

/**
 * Checks the address of the pages and takes its trailing slash off. `/callback` under it has to be registered
 * at Entra, so Entra's rules for redirect URIs hold. Source: learn.microsoft.com, identity-platform/reply-url.
 * Throws `invalid_option`.
 */
export function checkedPublicUrl(value: string | URL): string {
  const text = String(value);
  const url = linkFault(text) === undefined ? new URL(text) : undefined;
  const local = url !== undefined && isLoopback(url.hostname) && url.hostname !== "[::1]";
  if (
    url === undefined ||
    (url.protocol !== "https:" && !local) ||
    url.search !== "" ||
    url.hash !== "" ||
    /[!$'(),;*%]/.test(url.pathname) ||
    text.length > 240
  ) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      `publicUrl: expected an https address of at most 240 characters without query, fragment or any of ! $ ' ( ) , ; * % (http only for localhost and 127.0.0.1), got ${JSON.stringify(text)}.`,
    );
  }
  return url.href.replace(/\/+$/, "");
}
