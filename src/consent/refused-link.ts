import type { IdentityEvent } from "../events/events.js";
import { redacted } from "../errors/redact.js";
import { maxLinkLength } from "./link-form.js";

const maxShown = 200;

/**
 * The event of a link that was not shown: its origin and path, so that somebody can see where it would have led. Never
 * its query, which may sign somebody in, nor what in a path looks random.
 */
export function consentLinkRefused(
  from: "run" | "toolbox" | "turn",
  link: unknown,
  serverLabel: unknown,
): IdentityEvent {
  const label = typeof serverLabel === "string" ? { serverLabel: serverLabel.slice(0, maxShown) } : {};
  return { type: "consent_link_refused", from, ...label, ...placeOf(link) };
}

function placeOf(link: unknown): { readonly origin?: string; readonly path?: string } {
  if (typeof link !== "string" || link.length > maxLinkLength || !URL.canParse(link)) return {};
  const { protocol, host, pathname } = new URL(link);
  if (host === "") return {};
  return {
    // Not `origin`, which is "null" for what is not of the web.
    origin: `${protocol}//${host}`.slice(0, maxShown),
    path: redacted(pathname.slice(0, maxShown)),
  };
}
