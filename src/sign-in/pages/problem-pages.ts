import type { SignInText } from "../texts/texts.js";
import { wayBack } from "./done-pages.js";
import { html } from "./html.js";
import type { Page } from "./layout.js";
import { moment, plainly, say } from "./words.js";

/** Everything that can go wrong in front of a person; each has a page of its own. */
export type Problem =
  | "bad_link"
  | "expired_link"
  | "already_done"
  | "other_tab"
  | "other_browser"
  | "replayed"
  | "lost"
  | "too_many"
  | "wrong_account"
  | "pinned_account"
  | "cancelled"
  | "access_denied"
  | "admin_needed"
  | "wrong_tenant"
  | "guest"
  | "trouble"
  | "not_approved";

/** What is known besides. */
export interface ProblemFacts {
  /** Where the same link starts again, while it lives. */
  readonly again: string | undefined;
  /** Where the chat is. */
  readonly chat: string | undefined;
  readonly connections: string;
  /** What an administrator has to be told: the app. */
  readonly clientId: string;
  /** Names the event of this problem. It grants nothing. */
  readonly reference: string;
  /** When it happened. */
  readonly at: number;
}

/** How a problem is shown. */
interface Shown {
  readonly status: number;
  readonly title: SignInText;
  readonly paragraphs: readonly SignInText[];
  /** Where the page leads: to the same link again, or to the connections. */
  readonly on?: "again" | "connections";
  readonly mark?: "good";
}

const shownAs: Readonly<Record<Problem, Shown>> = {
  bad_link: { status: 400, title: "badLinkTitle", paragraphs: ["badLinkText", "askAgain"] },
  expired_link: { status: 410, title: "expiredTitle", paragraphs: ["askAgain", "expiredText"] },
  already_done: {
    status: 200,
    title: "alreadyDoneTitle",
    paragraphs: ["alreadyDoneText"],
    on: "connections",
    mark: "good",
  },
  other_tab: {
    status: 409,
    title: "otherTabTitle",
    paragraphs: ["otherTabText", "nothingStored"],
    on: "again",
  },
  other_browser: {
    status: 403,
    title: "otherBrowserTitle",
    paragraphs: ["otherBrowserText", "nothingStored", "askAgain"],
  },
  replayed: { status: 409, title: "replayedTitle", paragraphs: ["replayedText", "askAgain"] },
  lost: { status: 409, title: "lostTitle", paragraphs: ["lostText", "nothingStored", "askAgain"] },
  too_many: {
    status: 409,
    title: "tooManyTitle",
    paragraphs: ["tooManyText", "nothingStored", "tooManyNext"],
    on: "connections",
  },
  wrong_account: {
    status: 403,
    title: "wrongAccountTitle",
    paragraphs: ["wrongAccountText", "nothingStored", "wrongAccountNext"],
    on: "again",
  },
  pinned_account: {
    status: 403,
    title: "pinnedTitle",
    paragraphs: ["pinnedText", "nothingStored", "pinnedNext"],
    on: "connections",
  },
  cancelled: {
    status: 200,
    title: "cancelledTitle",
    paragraphs: ["nothingStored", "cancelledText", "cancelledNext"],
    on: "again",
  },
  access_denied: {
    status: 403,
    title: "accessDeniedTitle",
    paragraphs: ["accessDeniedText", "nothingStored", "accessDeniedNext"],
    on: "again",
  },
  admin_needed: {
    status: 403,
    title: "adminNeededTitle",
    paragraphs: ["adminNeededText", "nothingStored", "adminNeededNext"],
  },
  wrong_tenant: {
    status: 403,
    title: "wrongTenantTitle",
    paragraphs: ["wrongTenantText", "nothingStored", "wrongTenantNext"],
    on: "again",
  },
  guest: {
    status: 403,
    title: "guestTitle",
    paragraphs: ["guestText", "nothingStored", "guestNext"],
    on: "again",
  },
  trouble: {
    status: 503,
    title: "troubleTitle",
    paragraphs: ["troubleText", "nothingStored", "troubleNext"],
    on: "again",
  },
  not_approved: { status: 200, title: "notApprovedTitle", paragraphs: ["notApprovedText"] },
};

/** The page for a problem: what happened, what it means, what to do, and what to tell whoever helps. */
export function problemPage(problem: Problem, facts: ProblemFacts): Page {
  const { status, title, paragraphs, on, mark } = shownAs[problem];
  const { reference, at, clientId } = facts;
  return {
    status,
    in: (language) => ({
      title: plainly(language, title),
      mark: mark ?? "bad",
      content: html` ${paragraphs.map((name) => html`<p>${say(language, name)}</p>`)}
      ${problem === "admin_needed" ? html`<p>${say(language, "adminNeededApp", { application: clientId })}</p>` : undefined}
      ${
        on === "again" && facts.again !== undefined
          ? html`<p><a class="button primary" href="${facts.again}">${say(language, "tryAgain")}</a></p>`
          : undefined
      }
      ${wayBack(language, facts.chat)}
      ${
        on === "connections"
          ? html`<p><a href="${facts.connections}">${say(language, "doneConnections")}</a></p>`
          : undefined
      }
      ${
        mark === "good"
          ? undefined
          : html`<p class="quiet">
              ${say(language, "reference", { reference, time: moment(language, at) })}
            </p>`
      }`,
    }),
  };
}

/** For an administrator who comes back from Entra. Anybody can make such an address, so it says nothing was granted. */
export const approvedPage: Page = {
  status: 200,
  in: (language) => ({
    title: plainly(language, "approvedTitle"),
    mark: "good",
    content: html` <p>${say(language, "approvedText")}</p>
      <p>${say(language, "approvedNext")}</p>`,
  }),
};

/** A page nobody should see: an address that is none of ours. */
export function notFoundPage(connections: string, status = 404): Page {
  return {
    status,
    in: (language) => ({
      title: plainly(language, "notFoundTitle"),
      mark: "bad",
      content: html` <p>${say(language, "notFoundText")}</p>
        <p><a href="${connections}">${say(language, "doneConnections")}</a></p>`,
    }),
  };
}
