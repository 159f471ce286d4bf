import { emit } from "../../events/events.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { SignInContext } from "../sign-in-context.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { codePage, signedInPage } from "../pages/done-pages.js";
import type { Page } from "../pages/layout.js";
import { approvedPage, problemPage, type Problem } from "../pages/problem-pages.js";
import type { Browser } from "./browser.js";
import { signInUrls } from "../link/urls.js";

/** How a sign-in ended, for the page that says so. */
export type Outcome = Ended | Refused | { readonly kind: "approved" };

interface Ended {
  readonly kind: "signed_in" | "code";
  readonly agent: string;
  readonly serverLabel: string;
  readonly username: string;
  readonly guest: boolean;
  /** Only with `code`. */
  readonly code?: string;
  /** When the code stops working. */
  readonly expiresAt?: number;
}

/** Why it went no further. */
export interface Refused {
  readonly kind: Problem;
  readonly agent?: string | undefined;
  /** With which it starts again. */
  readonly ticket?: string | undefined;
}

/** The same with what its event says, too. */
interface Noted extends Refused {
  readonly reference: string;
  /** When it happened. */
  readonly at: number;
}

type Shown = Exclude<Outcome, Refused> | Noted;

/**
 * The clean address of the outcome's page. The outcome travels in it, sealed for this browser: it costs the
 * store nothing, can be loaded again, and nobody can make an address that shows what did not happen.
 */
export function outcomeUrl(
  core: SignInContext,
  browser: Browser | undefined,
  outcome: Outcome,
  error?: unknown,
): string {
  const shown: Shown = isRefused(outcome) ? noted(core, outcome, error) : outcome;
  return signInUrls(core.publicUrl).done(core.keys.seal("cookie", binding(core, browser), shown));
}

/** The page of an outcome; `bad_link` for one that is not this browser's. */
export function outcomePage(service: SignInInternals, browser: Browser | undefined, text: string): Page {
  const { core } = service;
  // A browser that refuses cookies sees what went wrong all the same: nothing of it is a secret.
  const found =
    core.keys.open("cookie", binding(core, browser), text) ??
    core.keys.open("cookie", binding(core, undefined), text);
  return found === undefined ? refusedPage(service, { kind: "bad_link" }) : pageOf(service, found as Shown);
}

/** The page of a refusal, without the detour. */
export function refusedPage(service: SignInInternals, refused: Refused): Page {
  return pageOf(service, noted(service.core, refused));
}

/** The page of a failure, without the detour. */
export function failurePage(service: SignInInternals, error: unknown): Page {
  return pageOf(service, noted(service.core, { kind: "trouble" }, error));
}

function pageOf(service: SignInInternals, outcome: Shown): Page {
  const { core, look } = service;
  const urls = signInUrls(core.publicUrl);
  if (outcome.kind === "approved") return approvedPage;
  const chat = look.chatOf(outcome.agent);
  if ("username" in outcome) {
    if (outcome.kind === "signed_in")
      return signedInPage({ ...outcome, chat, connections: urls.connections() });
    const { code, expiresAt = 0, agent } = outcome;
    const leftMs = expiresAt - core.now();
    if (code === undefined || leftMs <= 0) return refusedPage(service, { kind: "expired_link", agent });
    return codePage({ ...outcome, chat, code, leftMs });
  }
  const { kind, ticket, reference, at } = outcome;
  return problemPage(kind, {
    again: ticket === undefined ? undefined : urls.start(ticket),
    chat,
    connections: urls.connections(),
    clientId: core.app.facts.clientId,
    reference,
    at,
  });
}

function isRefused(outcome: Outcome): outcome is Refused {
  return outcome.kind !== "approved" && !("username" in outcome);
}

/**
 * Tells the operator, with a reference that the page shows: from what a user reads out, the event can be found. It is
 * random and names nothing else. Twelve hexadecimal digits: nothing that could be taken for a code.
 */
function noted(core: SignInContext, refused: Refused, error?: unknown): Noted {
  const reference = Buffer.from(core.random(6)).toString("hex");
  if (error !== undefined) {
    const code = isHostedAgentIdentityError(error) ? error.code : "unexpected";
    emit(core.onEvent, { type: "sign_in_failed", code, reference });
  }
  emit(core.onEvent, { type: "sign_in_refused", reason: refused.kind, reference });
  return { ...refused, reference, at: core.now() };
}

function binding({ publicUrl }: SignInContext, browser: Browser | undefined): readonly string[] {
  return ["outcome", publicUrl, browser?.id ?? "no browser"];
}
