import { createHash } from "node:crypto";
import { authorizeEndpoint } from "../../entra/clouds.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Browser } from "./browser.js";
import { cookieName, cookiesNamed, setCookie } from "./cookies.js";
import { packTicket, unpackTicket } from "../link/ticket.js";
import { signInUrls } from "../link/urls.js";
import { recordName } from "../grants/record-names.js";

/** What a trip to Entra is for. */
export interface Errand {
  /** The text of the ticket; absent for the connections page, which only wants to know who is there. */
  readonly ticket?: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly claims?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** An errand under way: what its return has to match. */
export interface Attempt {
  /** The number in its `state`. */
  readonly id: string;
  /** When it began, in milliseconds since the epoch. */
  readonly at: number;
  readonly ticket?: string | undefined;
  readonly tenantId: string;
  readonly codeVerifier: string;
  readonly nonce: string;
}

/** A trip that begins: where the browser goes, and the cookie that it takes along. */
export interface Begun {
  readonly redirect: string;
  readonly cookies: readonly string[];
}

/** What a `state` that came back is. */
export type Returned =
  | {
      readonly status: "matches";
      readonly attempt: Attempt;
      /** Deletes the attempt's cookie. */
      readonly cookies: readonly string[];
    }
  /** `lost`: its cookie did not come along, though the browser's own did. */
  | { readonly status: "foreign" | "replayed" | "expired" | "lost" };

/** How long a person may take at Entra. */
const attemptMs = 15 * 60_000;
/** How many a browser may have under way. With their size this keeps a request below Node's 16 kB of headers. */
const slots = [1, 2, 3] as const;
/** Of a cookie's name and value together, in bytes. */
const maxCookieBytes = 3_000;

/**
 * Begins a trip to Entra. What the return needs rides in a cookie of its own, sealed for this browser: whoever
 * has not signed in can make the store keep nothing. Each tab has its own cookie, and a fourth takes the place
 * of the oldest. `undefined` for a ticket that does not fit.
 * Source: RFC 7636 (PKCE); RFC 9700 sections 2.1 and 4.7; OpenID Connect Core 3.1.2.1.
 */
export function beginAttempt(
  core: SignInContext,
  browser: Browser,
  request: Request,
  errand: Errand,
): Begun | undefined {
  const { ticket, tenantId } = errand;
  const packed = ticket === undefined ? undefined : packTicket(core, ticket);
  if (packed === undefined && ticket !== undefined) return undefined;
  const attempt: Attempt = {
    id: randomText(core, 16),
    at: core.now(),
    ticket: packed,
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

/** Reads what came back. Stores nothing: that is for a code that was redeemed, in {@link countOnce}. */
export async function endAttempt(
  core: SignInContext,
  browser: Browser,
  request: Request,
  state: string,
): Promise<Returned> {
  const opened = core.keys.open("state", ["parameter", core.publicUrl, browser.id], state);
  if (opened === undefined) return { status: "foreign" };
  const { id, at } = opened as Pick<Attempt, "id" | "at">;
  if (at + attemptMs <= core.now()) return { status: "expired" };
  if ((await core.store.get(markOf(core, browser, id))) !== undefined) return { status: "replayed" };
  for (const slot of slots) {
    const attempt = attemptIn(core, browser, request, slot);
    if (attempt?.id !== id) continue;
    const cookies = [setCookie(core.publicUrl, attemptCookie(core, slot), "", 0)];
    return { status: "matches", attempt: unpacked(core, attempt), cookies };
  }
  return { status: "lost" };
}

/** Marks a trip whose code was redeemed; `false` when another code of the same trip was redeemed before. */
export function countOnce(core: SignInContext, browser: Browser, { id }: Attempt): Promise<boolean> {
  return core.store.setIfAbsent(markOf(core, browser, id), "redeemed", attemptMs);
}

/** A free slot, or the one of the oldest trip. */
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

function unpacked(core: SignInContext, { ticket, ...attempt }: Attempt): Attempt {
  return ticket === undefined ? attempt : { ...attempt, ticket: unpackTicket(core, ticket) };
}

function attemptCookie({ publicUrl }: SignInContext, slot: number): string {
  return `${cookieName(publicUrl)}-${slot}`;
}

/** Of one browser: a cookie that was copied out of another one opens nothing. */
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
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

function randomText({ random }: SignInContext, bytes: number): string {
  return Buffer.from(random(bytes)).toString("base64url");
}
