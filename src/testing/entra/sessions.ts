import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { cookie } from "./http.js";
import { remember, type BrowserSession, type EntraState } from "./state.js";

/** The browser behind a request: its session and the headers that keep it. */
export interface Browser {
  readonly id: string;
  readonly session: BrowserSession;
  readonly headers: Readonly<Record<string, string>>;
}

/** The session the request's cookie names, or a new one. */
export function browserOf(state: EntraState, request: IncomingMessage): Browser {
  const name = cookieName(state);
  const known = cookie(request, name);
  const id = known !== undefined && state.sessions.has(known) ? known : randomUUID();
  const session = state.sessions.get(id) ?? { accounts: new Map() };
  remember(state.sessions, id, session);
  const site = state.options.tls === undefined ? "SameSite=Lax" : "SameSite=None; Secure";
  return { id, session, headers: { "set-cookie": `${name}=${id}; Path=/; HttpOnly; ${site}` } };
}

export function forget(state: EntraState, request: IncomingMessage): void {
  const id = cookie(request, cookieName(state));
  if (id !== undefined) state.sessions.delete(id);
}

/** Cookies do not keep ports apart; the name does, for several emulators on one machine. */
function cookieName({ origin }: EntraState): string {
  return `ESTSAUTHPERSISTENT-${new URL(origin).port}`;
}
