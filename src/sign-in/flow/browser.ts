import type { SignInContext } from "../sign-in-context.js";
import type { Account } from "../grants/grant.js";
import { cookieName, cookiesNamed, setCookie } from "./cookies.js";

/** The browser a request comes from, as its cookie says. */
export interface Browser {
  /** Random; sign-ins begun here end here. */
  readonly id: string;
  /** Who signed in here last, and when. */
  readonly account?: Account & { readonly at: number };
}

/** How long a browser's sign-in opens the connections page and shows names in full. */
const accountMs = 30 * 60_000;

/** The browser that the request's cookie names, if it was made here. */
export function browserOf(core: SignInContext, request: Request): Browser | undefined {
  for (const value of cookiesNamed(request, cookieName(core.publicUrl))) {
    const found = core.keys.open("cookie", ["browser", core.publicUrl], value);
    if (isBrowser(found)) return withoutOldAccount(found, core.now());
  }
  return undefined;
}

export function newBrowser(core: SignInContext): Browser {
  return { id: Buffer.from(core.random(24)).toString("base64url") };
}

/** The `Set-Cookie` header that keeps a browser; it ends with the browser's session. */
export function browserCookie({ keys, publicUrl }: SignInContext, browser: Browser): string {
  const value = keys.seal("cookie", ["browser", publicUrl], browser);
  return setCookie(publicUrl, cookieName(publicUrl), value);
}

function withoutOldAccount({ id, account }: Browser, now: number): Browser {
  return account === undefined || account.at + accountMs <= now ? { id } : { id, account };
}

function isBrowser(value: unknown): value is Browser {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}

/** A token for a form of this browser: what another site sends in its name does not carry one. */
export function formToken(
  { keys, publicUrl }: SignInContext,
  { id }: Browser,
  form: string,
  value: unknown,
): string {
  return keys.seal("cookie", ["form", publicUrl, id, form], { value });
}

/** What the form's token holds, or `undefined` when it was not made for this browser and form. */
export function openFormToken(
  { keys, publicUrl }: SignInContext,
  { id }: Browser,
  form: string,
  token: string,
): { readonly value?: unknown } | undefined {
  return keys.open("cookie", ["form", publicUrl, id, form], token) as
    | { readonly value?: unknown }
    | undefined;
}
