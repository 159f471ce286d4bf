import { html, type Html } from "./html.js";

/** An account name that its owner recognises and nobody else learns: `a••@c••••••.com`. */
export function masked(username: string): string {
  const [local = "", domain] = username.split("@");
  if (domain === undefined) return hidden(local);
  const dot = domain.lastIndexOf(".");
  const [name, ending] = dot > 0 ? [domain.slice(0, dot), domain.slice(dot)] : [domain, ""];
  return `${hidden(local)}@${hidden(name)}${ending}`;
}

/** As many dots as letters would tell how long the name is, so there are always as many. */
function hidden(text: string): string {
  return `${text.slice(0, 1)}•••`;
}

/** How long ago, and when exactly. The server does not know the reader's time zone, so it says UTC. */
export function time(at: number, now: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${ago(now - at)}</time>
    <small>(${exact(at)})</small>`;
}

/** When exactly. */
export function moment(at: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${exact(at)}</time>`;
}

function exact(at: number): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return minutes === 1 ? "1 minute ago" : `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours === 1 ? "1 hour ago" : `${hours} hours ago`;
  return `${Math.floor(hours / 24)} days ago`;
}
