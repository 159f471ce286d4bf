import { linkFault } from "../../consent/link-policy.js";
import { check, isLoopback } from "../../options/checks.js";
import { type OptionCheck } from "../../options/option-table.js";

/** Where people reach the pages. All of it comes from `publicUrl`: a request's host is anybody's claim. */
export interface SignInUrls {
  readonly callback: string;
  start(ticket: string): string;
  readonly startForm: string;
  /** The page in front of one that an MCP server asks for; without a ticket, where its form goes. */
  open(ticket?: string): string;
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
    open: (ticket) => `${publicUrl}/open${ticket === undefined ? "" : `?t=${encodeURIComponent(ticket)}`}`,
    done: (outcome) => `${publicUrl}/done?r=${encodeURIComponent(outcome)}`,
    connections: (note) => `${publicUrl}/connections${note === undefined ? "" : `?note=${note}`}`,
    connectionsSignIn: `${publicUrl}/connections/sign-in`,
    connectionsEnd: `${publicUrl}/connections/end`,
    connectionsLeave: `${publicUrl}/connections/leave`,
  };
}

/**
 * The option `publicUrl`. `/callback` under it has to be registered at Entra, so Entra's rules for redirect URIs
 * hold. Source: learn.microsoft.com, identity-platform/reply-url.
 */
export const publicUrlOption: OptionCheck<string | URL> = check<string | URL>(
  "url",
  "an https address of at most 240 characters without query, fragment or any of ! $ ' ( ) , ; * % (http only for localhost and 127.0.0.1)",
  (value: string | URL) => {
    const text = String(value);
    if (linkFault(text) !== undefined || text.length > 240) return false;
    const { protocol, hostname, pathname, search, hash } = new URL(text);
    const local = isLoopback(hostname) && hostname !== "[::1]";
    return (protocol === "https:" || local) && search + hash === "" && !/[!$'(),;*%]/.test(pathname);
  },
);

/** The address of the pages without its trailing slash. */
export function publicUrlOf(value: string | URL): string {
  return new URL(value).href.replace(/\/+$/, "");
}
