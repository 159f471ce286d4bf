import { createHash } from "node:crypto";
import { authorizeEndpoint } from "../../entra/clouds.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Browser } from "./browser.js";
import { cookieName, cookiesNamed, setCookie } from "./cookies.js";
import { packTicket, unpackTicket } from "../link/ticket.js";
import { signInUrls } from "../link/urls.js";
import { recordName } from "../grants/record-names.js";

/** What the user is sent to Entra for. */
export interface Errand {
  /** The text of the ticket. Absent where only the account is needed: on the connections page, or by `reopens`. */
  readonly ticket?: string;
  /** The user opens the link once more afterwards, because its ticket does not fit into a cookie. */
  readonly reopens?: true;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly claims?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** A sign-in at Entra under way: what the callback has to match. */
export interface Attempt {
  /** The number in its `state`. */
  readonly id: string;
  /** When it began, in milliseconds since the epoch. */
  readonly at: number;
  readonly ticket?: string | undefined;
  readonly reopens?: true | undefined;
  readonly tenantId: string;
  readonly codeVerifier: string;
  readonly nonce: string;
}

/** A sign-in that begins: where the browser goes, and the cookies it gets. */
export interface Begun {
  readonly redirect: string;
  readonly cookies: readonly string[];
}

/** What a returned `state` is. */
export type Returned<T> =
  | {
      readonly status: "matches";
      readonly attempt: Attempt;
      readonly looked: T;
      /** Deletes the attempt's cookie. */
      readonly cookies: readonly string[];
    }
  /** `lost`: its cookie did not come along, though the browser's own did. */
  | { readonly status: "foreign" | "replayed" | "expired" | "lost" };

/** How long the user may take at Entra. */
const attemptMs = 15 * 60_000;
/** How many sign-ins a browser may have under way. Their cookies have to fit into Node's 16 kB of headers. */
const slots = [1, 2, 3] as const;
/** The size of a cookie's name and value together, in bytes. */
const maxCookieBytes = 3_000;

/**
 * Begins a sign-in at Entra. What the callback needs is in a cookie, sealed for this browser, so that users who have not
 * signed in can store nothing. Each tab has its own cookie, and a fourth replaces the oldest. `undefined` for a ticket
 * that does not fit.
 * Source: RFC 7636 (PKCE); RFC 9700 sections 2.1 and 4.7; OpenID Connect Core 3.1.2.1.
 */
export function beginAttempt(
  core: SignInContext,
  browser: Browser,
  request: Request,
  errand: Errand,
): Begun | undefined {
  const { ticket, reopens, tenantId } = errand;
  const packed = ticket === undefined ? undefined : packTicket(core, ticket);
  if (packed === undefined && ticket !== undefined) return undefined;
  const attempt: Attempt = {
    id: randomText(core, 16),
    at: core.now(),
    ticket: packed,
    reopens,
    tenantId,
    codeVerifier: randomText(core, 32),
    nonce: randomText(core, 16),
  };
  const name = attemptCookie(core, slotFor(core, browser, request));
  const value = core.keys.seal("attempt", bindingOf(core, browser), attempt);
  if (name.length + value.length > maxCookieBytes) return undefined;
  const parameter = { id: attempt.id, at: attempt.at };
  const state = core.keys.seal("state", ["parameter", core.publicUrl, browser.id], parameter);
  return {
    redirect: authorizeUrl(core, errand, attempt, state),
    cookies: [setCookie(core.publicUrl, name, value, attemptMs / 1_000)],
  };
}

/**
 * Finds the attempt of a returned `state`. It stores nothing; {@link countOnce} does, after the code was redeemed.
 * `look` begins what is looked up for the attempt at the same time.
 */
export async function endAttempt<T>(
  core: SignInContext,
  browser: Browser,
  request: Request,
  state: string,
  look: (attempt: Attempt) => T,
): Promise<Returned<T>> {
  const opened = core.keys.open("state", ["parameter", core.publicUrl, browser.id], state);
  if (opened === undefined) return { status: "foreign" };
  const { id, at } = opened as Pick<Attempt, "id" | "at">;
  if (at + attemptMs <= core.now()) return { status: "expired" };
  const marked = core.store.get(markOf(core, browser, id));
  const found = attemptOf(core, browser, request, id);
  const looked = found && look(found.attempt);
  if ((await marked) !== undefined) return { status: "replayed" };
  return found === undefined ? { status: "lost" } : { status: "matches", ...found, looked: looked as T };
}

/** The attempt with this id, and what deletes its cookie. */
function attemptOf(
  core: SignInContext,
  browser: Browser,
  request: Request,
  id: string,
): { readonly attempt: Attempt; readonly cookies: readonly string[] } | undefined {
  for (const slot of slots) {
    const attempt = attemptIn(core, browser, request, slot);
    if (attempt?.id !== id) continue;
    const cookies = [setCookie(core.publicUrl, attemptCookie(core, slot), "", 0)];
    return { attempt: withTicket(core, attempt), cookies };
  }
  return undefined;
}

/** Marks an attempt whose code was redeemed. `false` when another code of it was redeemed before. */
export function countOnce(core: SignInContext, browser: Browser, { id }: Attempt): Promise<boolean> {
  return core.store.setIfAbsent(markOf(core, browser, id), "redeemed", attemptMs);
}

/** A free slot, or that of the oldest attempt. */
function slotFor(core: SignInContext, browser: Browser, request: Request): number {
  const taken = slots.map((slot) => {
    const at = attemptIn(core, browser, request, slot)?.at ?? 0;
    return { slot, at: at + attemptMs > core.now() ? at : 0 };
  });
  return taken.reduce((oldest, one) => (one.at < oldest.at ? one : oldest)).slot;
}

function attemptIn(
  core: SignInContext,
  browser: Browser,
  request: Request,
  slot: number,
): Attempt | undefined {
  for (const value of cookiesNamed(request, attemptCookie(core, slot))) {
    if (value.length > maxCookieBytes) continue;
    const attempt = core.keys.open("attempt", bindingOf(core, browser), value);
    if (attempt !== undefined) return attempt as Attempt;
  }
  return undefined;
}

function withTicket(core: SignInContext, { ticket, ...attempt }: Attempt): Attempt {
  return ticket === undefined ? attempt : { ...attempt, ticket: unpackTicket(core, ticket) };
}

function attemptCookie({ publicUrl }: SignInContext, slot: number): string {
  return `${cookieName(publicUrl)}-${slot}`;
}

/** An attempt is bound to its browser: a cookie that was copied into another browser does not open. */
function bindingOf({ publicUrl }: SignInContext, browser: Browser): readonly string[] {
  return [publicUrl, browser.id];
}

function markOf({ publicUrl }: SignInContext, browser: Browser, id: string): string {
  return recordName("state", publicUrl, browser.id, id);
}

function authorizeUrl(core: SignInContext, errand: Errand, attempt: Attempt, state: string): string {
  const { facts } = core.app;
  const url = new URL(authorizeEndpoint(facts.cloud, errand.tenantId));
  const parameters = {
    client_id: facts.clientId,
    response_type: "code",
    response_mode: "query",
    redirect_uri: signInUrls(core.publicUrl).callback,
    scope: [...errand.scopes, "openid", "profile", "offline_access"].join(" "),
    state,
    nonce: attempt.nonce,
    code_challenge: createHash("sha256").update(attempt.codeVerifier).digest("base64url"),
    code_challenge_method: "S256",
    login_hint: errand.loginHint,
    prompt: errand.loginHint === undefined ? "select_account" : undefined,
    claims: errand.claims,
  };
  // Not `url.searchParams`: it writes the whole address anew for each parameter.
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.set(name, value);
  }
  url.search = search.toString();
  return url.href;
}

function randomText({ random }: SignInContext, bytes: number): string {
  return Buffer.from(random(bytes)).toString("base64url");
}
