import { bind, isUsed } from "../binding/bind.js";
import { keepPending } from "../binding/pending.js";
import { allows, readPin } from "../grants/pin.js";
import { nameOf } from "../binding/redeem.js";
import { issuersOf } from "../../entra/clouds.js";
import { isGuid } from "../../entra/tenants.js";
import { emit } from "../../events/events.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { exchangeAuthorizationCode } from "../../exchange/authorization-code-exchange.js";
import type { Problem } from "../pages/problem-pages.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { countOnce, endAttempt, type Attempt } from "./attempt.js";
import { browserOf, type Browser } from "./browser.js";
import { problemOfAnswer, problemOfError } from "./entra-answer.js";
import { outcomeUrl, type Outcome } from "./outcome.js";
import { one, type Reply } from "./replies.js";
import { openTicket, ticketPrincipal, type Ticket } from "../link/ticket.js";
import { signInUrls } from "../link/urls.js";

/**
 * `GET /callback`: Entra's redirect. Its outcome is shown on a page with another address, so that neither code nor
 * state stays in the address bar or the history.
 */
export async function handleCallback(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const parameters = new URL(request.url).searchParams;
  const browser = browserOf(core, request);
  if (browser === undefined) return replyWith(service, undefined, { kind: "other_browser" });
  const returned = await endAttempt(core, browser, request, one(parameters, "state") ?? "");
  if (returned.status !== "matches") return replyWith(service, browser, { kind: unmatched[returned.status] });
  return { ...(await carryOn(service, parameters, browser, returned.attempt)), cookies: returned.cookies };
}

const unmatched = {
  foreign: "other_browser",
  replayed: "replayed",
  expired: "expired_link",
  lost: "lost",
} as const;

/** Nothing is stored before the code has been redeemed: until then, anybody can send such a request. */
async function carryOn(
  service: SignInInternals,
  parameters: URLSearchParams,
  browser: Browser,
  attempt: Attempt,
): Promise<Reply> {
  const { core } = service;
  const ticket = attempt.ticket === undefined ? undefined : readTicket(service, attempt.ticket);
  const failed = (kind: Problem): Reply =>
    replyWith(service, browser, { kind, agent: ticket?.agent, ticket: attempt.ticket });
  if (attempt.ticket !== undefined && ticket === undefined) return failed("bad_link");
  const code = one(parameters, "code");
  if (code === undefined) return failed(parameters.has("error") ? problemOfAnswer(parameters) : "trouble");
  if (!isExpectedIssuer(service, attempt, parameters.get("iss"))) return failed("trouble");
  try {
    // Read before the code is redeemed: a later sign-out ends this sign-in.
    const known = await generationOf(service, ticket);
    const arrived = await redeemCode(service, attempt, ticket, code);
    if (!(await countOnce(core, browser, attempt))) return failed("replayed");
    const seen: Browser = { id: browser.id, account: { ...arrived.account, at: core.now() } };
    if (ticket === undefined) return { redirect: signInUrls(core.publicUrl).connections(), browser: seen };
    const outcome = await bindOrWait(service, ticket, attempt.ticket, { arrived, generation: known });
    return { ...replyWith(service, seen, outcome), browser: seen };
  } catch (error) {
    emit(core.onEvent, {
      type: "sign_in_failed",
      code: isHostedAgentIdentityError(error) ? error.code : "unexpected",
    });
    return failed(problemOfError(error));
  }
}

/** Binds at once if the user is known by a token, and otherwise waits for the code. */
export async function bindOrWait(
  service: SignInInternals,
  ticket: Ticket,
  text: string | undefined,
  { arrived, generation }: { readonly arrived: Arrived; readonly generation: number | undefined },
): Promise<Outcome> {
  const { agent, serverLabel } = ticket;
  const shown = { agent, serverLabel, username: nameOf(arrived.account), guest: arrived.guest };
  if (ticket.initiator !== undefined) {
    const bound = await bind(service, ticket, arrived, generation);
    if (bound === "bound") return { kind: "signed_in", ...shown };
    return { kind: bound === "signed_out" ? "expired_link" : bound, agent, ticket: text };
  }
  if (await isUsed(service, ticket)) return { kind: "already_done", agent };
  const pinned = await readPin(service.coreOf(agent), ticketPrincipal(ticket));
  if (!allows(pinned, arrived.account)) return { kind: "pinned_account", agent };
  const began = generation ?? (await service.grantsOf(agent).generation(ticketPrincipal(ticket)));
  return { kind: "code", ...shown, ...(await keepPending(service, ticket, arrived, began)) };
}

/** Only a sign-in that will wait for a code needs it: a known user is bound at once. */
async function generationOf(
  service: SignInInternals,
  ticket: Ticket | undefined,
): Promise<number | undefined> {
  if (ticket === undefined || ticket.initiator !== undefined) return undefined;
  return service.grantsOf(ticket.agent).knownGeneration(ticketPrincipal(ticket));
}

async function redeemCode(
  { core }: SignInInternals,
  { codeVerifier, nonce, tenantId }: Attempt,
  ticket: Ticket | undefined,
  code: string,
): Promise<Arrived> {
  return exchangeAuthorizationCode(core.app, {
    code,
    codeVerifier,
    nonce,
    tenantId,
    scopes: ticket?.scopes ?? [],
    claims: ticket?.claims,
    redirectUri: signInUrls(core.publicUrl).callback,
    // Each request in it has a limit of its own.
    signal: new AbortController().signal,
  });
}

/** The ticket may have expired while the user was at Entra. */
function readTicket({ core, linkKeys }: SignInInternals, text: string): Ticket | undefined {
  const opened = openTicket(core, linkKeys, text);
  return opened.status === "bad" ? undefined : opened.ticket;
}

/** An issuer in the answer has to be the one we asked. Source: RFC 9207, section 2.4. */
function isExpectedIssuer({ core }: SignInInternals, { tenantId }: Attempt, iss: string | null): boolean {
  if (iss === null) return true;
  const [named = ""] = /[0-9a-f-]{36}/i.exec(iss) ?? [];
  const tenant = isGuid(tenantId) ? tenantId : named;
  return issuersOf(core.app.facts.cloud, tenant).includes(iss);
}

function replyWith(service: SignInInternals, browser: Browser | undefined, outcome: Outcome): Reply {
  const { core } = service;
  if (outcome.kind !== "signed_in" && outcome.kind !== "code")
    emit(core.onEvent, { type: "sign_in_refused", reason: outcome.kind });
  return { redirect: outcomeUrl(core, browser, outcome) };
}
