import { allowsTenant } from "../../entra/clouds.js";
import { isUsed } from "../binding/bind.js";
import { linkPage } from "../pages/link-page.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { isSame } from "../grants/record-changes.js";
import { beginAttempt } from "./attempt.js";
import { browserOf, formToken, newBrowser, openFormToken } from "./browser.js";
import { refusedPage, type Refused } from "./outcome.js";
import { formOf, one, type Reply } from "./replies.js";
import { openTicket, type Ticket } from "../link/ticket.js";
import { signInUrls } from "../link/urls.js";

/** `GET /start`: the link page. It changes nothing, so a prefetched link does no harm. */
export async function getStart(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const text = one(new URL(request.url).searchParams, "t") ?? "";
  const opened = await openLink(service, text);
  if ("kind" in opened) return { page: refusedPage(service, opened) };
  const { agent, initiator, resource, serverLabel, askedAt } = opened;
  const known = browserOf(core, request);
  const browser = known ?? newBrowser(core);
  const page = linkPage({
    agent,
    serverLabel,
    host: new URL(resource).host,
    askedAt,
    now: core.now(),
    username: initiator?.username,
    sameAccount: initiator !== undefined && known?.account !== undefined && isSame(initiator, known.account),
    codeMode: initiator === undefined,
    action: signInUrls(core.publicUrl).startForm,
    ticket: text,
    formToken: formToken(core, browser, "start", [opened.id, core.now()]),
  });
  return { page, browser: known === undefined ? browser : undefined };
}

/** `POST /start`: the click. Sends the user to Entra. */
export async function postStart(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const form = await formOf(request);
  const text = one(form ?? new URLSearchParams(), "t") ?? "";
  const browser = browserOf(core, request);
  const token =
    browser && openFormToken(core, browser, "start", one(form ?? new URLSearchParams(), "f") ?? "");
  const [id, at] = Array.isArray(token?.value) ? (token.value as readonly unknown[]) : [];
  const isFresh = typeof at === "number" && at <= core.now() && at + freshMs > core.now();
  const opened = await openLink(service, text, isFresh ? id : undefined);
  if ("kind" in opened) return { page: refusedPage(service, opened) };
  const { agent, initiator, scopes, claims } = opened;
  if (browser === undefined) return { page: refusedPage(service, { kind: "other_browser", agent }) };
  if (id !== opened.id) return { page: refusedPage(service, { kind: "other_tab", agent, ticket: text }) };
  const begun = beginAttempt(core, browser, request, {
    ticket: text,
    tenantId: await tenantOf(service, initiator?.tid),
    scopes,
    claims,
    loginHint: initiator?.username,
  });
  return begun ?? { page: refusedPage(service, { kind: "bad_link" }) };
}

/** How long a page knows that its link was not used. What was used since is noticed on the way back from Entra. */
const freshMs = 60_000;

/** The ticket of a link that can still be used, or the outcome to show. `unused`: the id of one that was just looked up. */
async function openLink(service: SignInInternals, text: string, unused?: unknown): Promise<Ticket | Refused> {
  const opened = openTicket(service.core, service.linkKeys, text);
  if (opened.status === "bad" || opened.ticket.elicitation !== undefined) return { kind: "bad_link" };
  const { ticket } = opened;
  if (ticket.id !== unused && (await isUsed(service, ticket)))
    return { kind: "already_done", agent: ticket.agent };
  return opened.status === "expired" ? { kind: "expired_link", agent: ticket.agent } : ticket;
}

/**
 * Where to sign in: the tenant of a known user (a guest's grant belongs to the tenant of the token), the only listed
 * tenant, or else any organization. Users of one that is not listed are refused afterwards.
 */
export async function tenantOf({ core }: SignInInternals, tid: string | undefined): Promise<string> {
  const { facts } = core.app;
  if (tid !== undefined && (await allowsTenant(facts, tid))) return tid;
  const [only, ...others] = typeof facts.allowedTenants === "function" ? [] : facts.allowedTenants;
  return only !== undefined && others.length === 0 ? only : "organizations";
}
