import { endOf, type AuditEnd, type AuditFacts } from "../audit/auditor.js";
import { bind, type SeenBefore } from "../binding/bind.js";
import { keepPending } from "../binding/pending.js";
import { allows, readPin, type Pin } from "../grants/pin.js";
import { nameOf } from "../binding/redeemed.js";
import { issuersOf, isGuid } from "../../entra/clouds.js";
import { exchangeAuthorizationCode } from "../../exchange/authorization-code-exchange.js";
import type { Problem } from "../pages/problem-pages.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { countOnce, endAttempt, type Attempt } from "./attempt.js";
import { browserOf, type Browser } from "./browser.js";
import { approvalIn, problemOfAnswer, problemOfError } from "./entra-answer.js";
import { refusalOf } from "./open.js";
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
  const approval = approvalIn(parameters);
  if (approval !== undefined) return replyWith(service, browser, { kind: approval });
  if (browser === undefined) return replyWith(service, undefined, { kind: "other_browser" });
  const state = one(parameters, "state") ?? "";
  const returned = await endAttempt(core, browser, request, state, ({ ticket }) =>
    lookAhead(service, ticket),
  );
  if (returned.status !== "matches") return replyWith(service, browser, { kind: unmatched[returned.status] });
  return { ...(await carryOn(service, parameters, browser, returned)), cookies: returned.cookies };
}

/** What a callback needs from the store, read in one go. */
interface Ahead extends SeenBefore {
  /** Of a user who will be asked in the chat. */
  readonly pinned?: Pin;
}

/** A link that is read, and what the store has for it. */
interface LookedAt {
  readonly ticket: Ticket | undefined;
  readonly ahead: Promise<Ahead>;
}

/** Before the code is redeemed: a later sign-out ends this sign-in. */
function lookAhead(service: SignInInternals, text: string | undefined): LookedAt {
  const ticket = text === undefined ? undefined : readTicket(service, text);
  if (ticket === undefined || ticket.elicitation !== undefined) return { ticket, ahead: Promise.resolve({}) };
  const ahead = aheadOf(service, ticket);
  // Whoever needs it waits for it; an answer of Entra without a code does not.
  ahead.catch(() => undefined);
  return { ticket, ahead };
}

async function aheadOf(service: SignInInternals, ticket: Ticket): Promise<Ahead> {
  const { agent, initiator } = ticket;
  const owner = ticketPrincipal(ticket);
  const grants = service.grantsOf(agent);
  if (initiator !== undefined) {
    const [record, list] = await Promise.all([grants.look(owner), grants.lookAtList(initiator)]);
    return { record, list };
  }
  const [record, pinned] = await Promise.all([grants.look(owner), readPin(service.coreOf(agent), owner)]);
  return { record, pinned };
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
  { attempt, looked }: { readonly attempt: Attempt; readonly looked: LookedAt },
): Promise<Reply> {
  const { core } = service;
  const { ticket } = looked;
  const failed = (kind: Problem, error?: unknown): Reply =>
    replyWith(
      service,
      browser,
      { kind, agent: ticket?.agent, ticket: ticket?.elicitation === undefined ? attempt.ticket : undefined },
      error,
    );
  if (attempt.ticket !== undefined && ticket === undefined) return failed("bad_link");
  const code = one(parameters, "code");
  const { audit } = core;
  const facts = factsOf(core, ticket);
  if (code === undefined) {
    const problem = parameters.has("error") ? problemOfAnswer(parameters) : "trouble";
    audit.note(facts, { outcome: "refused", reason: problem });
    return failed(problem);
  }
  if (!isExpectedIssuer(service, attempt, parameters.get("iss"))) return failed("trouble");
  let end: ((how: AuditEnd) => void) | undefined;
  try {
    const ahead = await looked.ahead;
    end = await audit.begin(facts);
    const arrived = await redeemCode(service, attempt, ticket, code);
    const { account } = arrived;
    // A user who will be asked in the chat needs a generation by then, be it the first.
    const isAsked =
      ticket !== undefined && ticket.initiator === undefined && ticket.elicitation === undefined;
    const [isFirst, generation] = await Promise.all([
      countOnce(core, browser, attempt),
      isAsked ? (ahead.record?.generation ?? firstGeneration(service, ticket)) : undefined,
    ]);
    if (!isFirst) {
      end({ outcome: "refused", reason: "replayed", account });
      return failed("replayed");
    }
    const seen: Browser = { id: browser.id, account: { ...arrived.account, at: core.now() } };
    if (ticket?.elicitation !== undefined) {
      const refusal = await refusalOf(service, ticket, account);
      end(
        refusal === undefined
          ? { outcome: "done", account }
          : { outcome: "refused", reason: refusal, account },
      );
      if (refusal !== undefined)
        return { ...replyWith(service, seen, { kind: refusal, agent: ticket.agent }), browser: seen };
      return { redirect: signInUrls(core.publicUrl).open(attempt.ticket), browser: seen };
    }
    if (ticket === undefined) {
      end({ outcome: "done", account });
      const note = attempt.reopens === true ? "reopen" : undefined;
      return { redirect: signInUrls(core.publicUrl).connections(note), browser: seen };
    }
    const outcome = await bindOrWait(service, ticket, attempt.ticket, { arrived, generation, ahead });
    end({ ...endOfOutcome(outcome), account });
    return { ...replyWith(service, seen, outcome), browser: seen };
  } catch (error) {
    end?.(endOf(error));
    return failed(problemOfError(error), error ?? "nothing");
  }
}

/** For the audit. The principal may not be the account that signs in: that shows at the end. */
function factsOf(core: SignInContext, ticket: Ticket | undefined): AuditFacts {
  if (ticket === undefined) return { action: "sign_in", agent: core.agent };
  // Its sign-in proves who the user is, and opens nothing.
  if (ticket.elicitation !== undefined) return { action: "sign_in", agent: ticket.agent };
  const { agent, resource, scopes } = ticket;
  return { action: "sign_in", agent, owner: ticketPrincipal(ticket), resource, scopes };
}

function endOfOutcome({ kind }: Outcome): AuditEnd {
  if (kind === "signed_in") return { outcome: "done" };
  return kind === "code"
    ? { outcome: "done", reason: "waits_for_code" }
    : { outcome: "refused", reason: kind };
}

/** Binds at once if the user is known by a token, and otherwise waits for the code. */
export async function bindOrWait(
  service: SignInInternals,
  ticket: Ticket,
  text: string | undefined,
  {
    arrived,
    generation,
    ahead,
  }: { readonly arrived: Arrived; readonly generation: number | undefined; readonly ahead?: Ahead },
): Promise<Outcome> {
  const { agent, serverLabel } = ticket;
  const shown = { agent, serverLabel, username: nameOf(arrived.account), guest: arrived.guest };
  if (ticket.initiator !== undefined) {
    const bound = await bind(service, ticket, arrived, generation, ahead);
    if (bound === "bound") return { kind: "signed_in", ...shown };
    return { kind: bound === "signed_out" ? "expired_link" : bound, agent, ticket: text };
  }
  const { record, pinned } = ahead ?? (await aheadOf(service, ticket));
  if (record?.usedBy(ticket.id) !== undefined) return { kind: "already_done", agent };
  if (!allows(pinned, arrived.account)) return { kind: "pinned_account", agent };
  const began = generation ?? (await firstGeneration(service, ticket));
  return { kind: "code", ...shown, ...(await keepPending(service, ticket, arrived, began)) };
}

/** Of a principal that most likely has no record yet. */
function firstGeneration(service: SignInInternals, ticket: Ticket): Promise<number> {
  return service.grantsOf(ticket.agent).firstGeneration(ticketPrincipal(ticket));
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
    scopes: ticket === undefined || ticket.elicitation !== undefined ? [] : ticket.scopes,
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

function replyWith(
  { core }: SignInInternals,
  browser: Browser | undefined,
  outcome: Outcome,
  error?: unknown,
): Reply {
  return { redirect: outcomeUrl(core, browser, outcome, error) };
}
