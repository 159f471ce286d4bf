import { urlMatch } from "../../access/url-match.js";
import { linkFault } from "../../consent/link-policy.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { Account } from "../grants/grant.js";
import { allows, readPin } from "../grants/pin.js";
import { isSame } from "../grants/record-changes.js";
import { openTicket, ticketPrincipal, type Ticket } from "../link/ticket.js";
import { signInUrls } from "../link/urls.js";
import { linkPage } from "../pages/link-page.js";
import { openPage } from "../pages/open-page.js";
import type { Problem } from "../pages/problem-pages.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { beginAttempt } from "./attempt.js";
import { browserOf, formToken, newBrowser, openFormToken } from "./browser.js";
import { noteOpened } from "./opened.js";
import { refusedPage, type Refused } from "./outcome.js";
import { formOf, one, type Reply } from "./replies.js";
import { tenantOf } from "./start.js";

/** A ticket for a page that an MCP server asks its user to open. */
type PageTicket = Ticket & { readonly elicitation: NonNullable<Ticket["elicitation"]> };

/**
 * `GET /open`: shows the page that an MCP server asks for, to its user only. Whoever has not signed in here is sent to
 * Entra first. Nothing is fetched from that page, and nothing is stored.
 * Source: MCP 2025-11-25, elicitation: the user sees the whole URL and agrees before it is opened.
 */
export async function getOpen(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const text = one(new URL(request.url).searchParams, "t") ?? "";
  const opened = openPageLink(service, text);
  if ("kind" in opened) return { page: refusedPage(service, opened) };
  const { agent, initiator, serverLabel, resource, askedAt, elicitation } = opened;
  const known = browserOf(core, request);
  const browser = known ?? newBrowser(core);
  const form = {
    action: signInUrls(core.publicUrl).open(),
    ticket: text,
    formToken: formToken(core, browser, "open", opened.id),
  };
  const isProven = (await refusalOf(service, opened, known?.account)) === undefined;
  const page = isProven
    ? openPage({ agent, serverLabel, ...elicitation, ...form })
    : linkPage({
        agent,
        serverLabel,
        host: new URL(resource).host,
        askedAt,
        now: core.now(),
        username: initiator?.username,
        sameAccount: false,
        codeMode: false,
        ...form,
      });
  return { page, browser: known === undefined ? browser : undefined };
}

/** `POST /open`: the click. Leads to the page, or to Entra first. */
export async function postOpen(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const form = (await formOf(request)) ?? new URLSearchParams();
  const text = one(form, "t") ?? "";
  const opened = openPageLink(service, text);
  if ("kind" in opened) return { page: refusedPage(service, opened) };
  const { agent, initiator, elicitation } = opened;
  const browser = browserOf(core, request);
  if (browser === undefined) return { page: refusedPage(service, { kind: "other_browser", agent }) };
  const token = openFormToken(core, browser, "open", one(form, "f") ?? "");
  if (token?.value !== opened.id) return { page: refusedPage(service, { kind: "other_browser", agent }) };
  if ((await refusalOf(service, opened, browser.account)) === undefined) {
    await noteOpened(service.coreOf(agent), opened, elicitation.url);
    return { redirect: elicitation.url };
  }
  const errand = {
    tenantId: await tenantOf(service, initiator?.tid),
    scopes: [],
    loginHint: initiator?.username,
  };
  const begun =
    beginAttempt(core, browser, request, { ...errand, ticket: text }) ??
    beginAttempt(core, browser, request, { ...errand, reopens: true });
  return begun ?? { page: refusedPage(service, { kind: "bad_link" }) };
}

/**
 * Why an account may not open a page; `undefined` for one that may. A user known by a token has to be that account. A
 * platform's user has to be the account that is pinned, and without one there is nothing to compare with.
 */
export async function refusalOf(
  service: SignInInternals,
  ticket: Ticket,
  account: Account | undefined,
): Promise<Problem | undefined> {
  const { agent, initiator } = ticket;
  if (initiator !== undefined) return isSame(initiator, account) ? undefined : "wrong_account";
  const pinned = await readPin(service.coreOf(agent), ticketPrincipal(ticket));
  if (pinned === undefined) return undefined;
  return account !== undefined && allows(pinned, account) ? undefined : "pinned_account";
}

/** Whether the server of a resource may ask its users to open a page. */
export function allowsPage({ elicitation }: ProtectedResource, url: string): boolean {
  if (elicitation === undefined || linkFault(url) !== undefined) return false;
  return elicitation.allowedLinks.some((link) => urlMatch(link)(url) !== undefined);
}

/** The ticket of a link that can still be used, or the outcome to show. The resource's own list counts here, too. */
function openPageLink({ core, linkKeys }: SignInInternals, text: string): PageTicket | Refused {
  const opened = openTicket(core, linkKeys, text);
  if (opened.status === "bad" || opened.ticket.elicitation === undefined) return { kind: "bad_link" };
  const { agent, resource, elicitation } = opened.ticket;
  const known = core.resources.find(({ url }) => url === resource);
  if (known === undefined || !allowsPage(known, elicitation.url)) return { kind: "bad_link" };
  return opened.status === "expired" ? { kind: "expired_link", agent } : { ...opened.ticket, elicitation };
}
