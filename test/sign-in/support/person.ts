import type { EntraEmulator, UserRef } from "hosted-agent-identity/testing";
import { createVisitor, formsOf, type PageAt } from "../../../examples/chat/visitor.js";
import { signInAs } from "../../testing/visitor.js";

/** A person with a browser of their own. */
export interface Person {
  /** Opens an address and follows where it leads. */
  open(url: string): Promise<PageAt>;
  /** Presses the page's (first) button, or the one of the form with this action. */
  press(page: PageAt, fields?: Record<string, string>, action?: string): Promise<PageAt>;
  /** From the link page to Entra, through its pages as this user, and back. */
  signIn(link: string, user?: UserRef): Promise<PageAt>;
  /** Entra's pages only. */
  atEntra(page: PageAt, user?: UserRef): Promise<PageAt>;
  /** A request without following redirects, with this browser's cookies. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

export function person(entra: EntraEmulator, name: UserRef): Person {
  const browser = createVisitor();
  const press: Person["press"] = (page, fields = {}, action = "") => {
    const form = formsOf(page.html).find((one) => one.action.includes(action));
    if (form === undefined) throw new Error(`The page has no such form: ${titleOf(page)}`);
    return browser.submit(page, form, fields);
  };
  const atEntra: Person["atEntra"] = async (start, user = name) => {
    let page = start;
    for (let step = 0; step < 6 && page.url.origin === entra.origin; step += 1) {
      const title = titleOf(page);
      if (title === "Pick an account") {
        const known = entra.user(user);
        const ids = [known.oid, ...Object.values(known.guestOids)];
        const button = formsOf(page.html)[0]?.buttons.find(({ value }) => ids.includes(value));
        if (button === undefined) throw new Error("The account is not offered.");
        page = await press(page, { account: button.value });
      } else if (title === "Permissions requested") page = await press(page, { consent: "accept" });
      else if (title === "Approve sign in request") page = await press(page, { approve: "yes" });
      else break;
    }
    return page;
  };
  return {
    open: (url) => browser.visit(url),
    press,
    atEntra,
    signIn: async (link, user) => atEntra(await press(await browser.visit(link)), user),
    fetch: (url, init = {}) => browser.script(url, init),
  };
}

export function titleOf({ html }: PageAt): string {
  return unescaped(/<h1>([\s\S]*?)<\/h1>/.exec(html)?.[1] ?? "");
}

/** What a page says, without markup. */
export function textOf({ html }: PageAt): string {
  const body = html
    .replace(/<(style|script)>[\s\S]*?<\/\1>/g, "")
    .replace(/<\/?(?:bdi|strong|wbr)\b[^>]*>/g, "")
    .replace(/<[^>]*>/g, " ");
  return unescaped(body.replace(/\s+/g, " ").trim());
}

export function codeOf({ html }: PageAt): string {
  return /<output[^>]*>\s*([A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3})\s*</.exec(html)?.[1] ?? "";
}

function unescaped(text: string): string {
  return text.replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code))).trim();
}

/** Where Entra would send the browser after the click on the link page: not followed. */
export async function authorizeUrlOf(browser: Person, link: string): Promise<URL> {
  const page = await browser.open(link);
  const form = formsOf(page.html)[0];
  if (form === undefined) throw new Error(`The page has no form: ${titleOf(page)}`);
  const response = await browser.fetch(form.action, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...form.fields }).toString(),
  });
  const location = response.headers.get("location");
  if (location === null) throw new Error(`The click led nowhere: ${response.status}`);
  return new URL(location);
}

/** The address Entra sends the browser back to after the user has signed in: not opened. */
export async function callbackUrlOf(
  entra: EntraEmulator,
  browser: Person,
  link: string,
  user: UserRef,
): Promise<string> {
  const url = await authorizeUrlOf(browser, link);
  const { oid } = entra.user(user);
  const answer = await signInAs(entra.origin, url.href, oid);
  return `${url.searchParams.get("redirect_uri")}?${answer}`;
}
