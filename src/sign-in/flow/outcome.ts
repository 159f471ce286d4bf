import type { SignInContext } from "../sign-in-context.js";
import { codePage, signedInPage } from "../pages/done-pages.js";
import type { Page } from "../pages/layout.js";
import { problemPage, type Problem } from "../pages/problem-pages.js";
import type { Browser } from "./browser.js";
import { signInUrls } from "../link/urls.js";

/** How a sign-in ended, for the page that says so. */
export type Outcome = Ended | Failed;

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

interface Failed {
  readonly kind: Problem;
  readonly agent?: string | undefined;
  /** With which it starts again. */
  readonly ticket?: string | undefined;
}

/**
 * The clean address of the outcome's page. The outcome travels in it, sealed for this browser: it costs the
 * store nothing, can be loaded again, and nobody can make an address that shows what did not happen.
 */
export function outcomeUrl(core: SignInContext, browser: Browser | undefined, outcome: Outcome): string {
  return signInUrls(core.publicUrl).done(core.keys.seal("cookie", binding(core, browser), outcome));
}

/** The page of an outcome; `bad_link` for one that is not this browser's. */
export function outcomePage(core: SignInContext, browser: Browser | undefined, text: string): Page {
  // A browser that refuses cookies sees what went wrong all the same: nothing of it is a secret.
  const found =
    core.keys.open("cookie", binding(core, browser), text) ??
    core.keys.open("cookie", binding(core, undefined), text);
  return pageOf(core, (found as Outcome | undefined) ?? { kind: "bad_link" });
}

/** The page of an outcome, without the detour. */
export function pageOf(core: SignInContext, outcome: Outcome): Page {
  const urls = signInUrls(core.publicUrl);
  if (outcome.kind === "signed_in")
    return signedInPage({ ...(outcome as Ended), connections: urls.connections() });
  if (outcome.kind === "code") {
    const { code, expiresAt = 0, ...shown } = outcome as Ended;
    const left = expiresAt - core.now();
    if (code === undefined || left <= 0) return problemPage("expired_link", { agent: shown.agent });
    return codePage({ ...shown, code, minutes: Math.ceil(left / 60_000) });
  }
  const { kind, agent, ticket } = outcome as Failed;
  return problemPage(kind, {
    agent: agent ?? "the agent",
    again: ticket === undefined ? undefined : urls.start(ticket),
    clientId: core.app.facts.clientId,
  });
}

function binding({ publicUrl }: SignInContext, browser: Browser | undefined): readonly string[] {
  return ["outcome", publicUrl, browser?.id ?? "no browser"];
}
