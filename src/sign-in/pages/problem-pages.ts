import { html } from "./html.js";
import type { Page } from "./layout.js";

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
  | "trouble";

/** What is known besides. */
export interface ProblemFacts {
  /** Names the agent, or "the agent". */
  readonly agent: string;
  /** Where the same link starts again, while it lives. */
  readonly again?: string | undefined;
  /** What an administrator has to be told: the app. */
  readonly clientId?: string | undefined;
}

interface Text {
  readonly status: number;
  readonly title: string;
  readonly paragraphs: (agent: string) => readonly string[];
  /** Whether trying the same link again makes sense. */
  readonly retry?: boolean;
  readonly mark?: Page["mark"];
}

const nothing = "Nothing was stored and nobody can act in your name.";
const askAgain = (agent: string): string =>
  `Go back to your chat with ${agent} and send your message again: you will get a new link.`;

const texts: Readonly<Record<Problem, Text>> = {
  bad_link: {
    status: 400,
    title: "This link does not work",
    paragraphs: (agent) => [
      "It is incomplete, or was not made by an agent that may ask for a sign-in.",
      askAgain(agent),
    ],
  },
  expired_link: {
    status: 410,
    title: "This link has expired",
    paragraphs: (agent) => [
      askAgain(agent),
      "Links work for some minutes only, so that nobody finds one lying about.",
    ],
  },
  already_done: {
    status: 200,
    title: "You are already signed in",
    mark: "good",
    paragraphs: (agent) => [
      `This link has done its work, perhaps in another tab. Go back to your chat with ${agent}; you can close this page.`,
    ],
  },
  other_tab: {
    status: 409,
    title: "You have this open in another tab",
    retry: true,
    paragraphs: () => ["Go on in the tab you opened last and close this one, or start again here.", nothing],
  },
  other_browser: {
    status: 403,
    title: "This sign-in began in another browser",
    paragraphs: (agent) => [
      "It has to end in the browser and the window where it began. Perhaps cookies are blocked, or somebody sent you an address out of their own sign-in.",
      nothing,
      askAgain(agent),
    ],
  },
  replayed: {
    status: 409,
    title: "This step was done before",
    paragraphs: (agent) => [
      "The page was loaded a second time; each sign-in counts once. If the first time ended well, there is nothing more to do.",
      `Otherwise: ${askAgain(agent)}`,
    ],
  },
  lost: {
    status: 409,
    title: "This sign-in cannot go on here",
    paragraphs: (agent) => [
      "Your browser did not bring back what it was given when the sign-in began. Perhaps it blocks cookies, or you began more than three sign-ins at once: then the oldest ends.",
      nothing,
      askAgain(agent),
    ],
  },
  too_many: {
    status: 409,
    title: "Too much is connected",
    paragraphs: (agent) => [
      `Your account is connected with as many chats and pieces of work as one account may have. ${nothing}`,
      `Open the connections page, end what you do not need, and send your message to ${agent} again.`,
    ],
  },
  wrong_account: {
    status: 403,
    title: "This link is for another account",
    retry: true,
    paragraphs: (agent) => [
      `The person who asked ${agent} has to sign in, and with the same account. ${nothing}`,
      "Did you ask, and only pick the wrong account? Then try again and choose the other one. Did somebody send you this link? Then close this page.",
    ],
  },
  pinned_account: {
    status: 403,
    title: "Another account is connected",
    paragraphs: (agent) => [
      `Your chat with ${agent} is connected to another account, and keeps to it. ${nothing}`,
      `To change it, open the connections page with the account that is connected, choose “Use another account”, and then send your message to ${agent} again.`,
    ],
  },
  cancelled: {
    status: 200,
    title: "You cancelled the sign-in",
    retry: true,
    paragraphs: (agent) => [
      `${nothing} ${agent} goes on without it.`,
      "Did the page before say that an administrator has to approve? Then ask your administrator.",
    ],
  },
  access_denied: {
    status: 403,
    title: "Access was refused",
    retry: true,
    paragraphs: (agent) => [
      `Your organisation, or you, did not let ${agent} have access. ${nothing}`,
      "If you did not expect that, ask your administrator.",
    ],
  },
  admin_needed: {
    status: 403,
    title: "An administrator has to approve first",
    paragraphs: (agent) => [
      `In your organisation you cannot give ${agent} this permission yourself. ${nothing}`,
      "Ask your administrator to approve it, then send your message in the chat again.",
    ],
  },
  wrong_tenant: {
    status: 403,
    title: "This organisation is not admitted",
    retry: true,
    paragraphs: (agent) => [
      `You signed in with an account of an organisation that ${agent} does not serve. ${nothing}`,
      "Try again with the account of the organisation where you use the agent.",
    ],
  },
  guest: {
    status: 403,
    title: "Your account is not a guest here",
    retry: true,
    paragraphs: (agent) => [
      `You belong to another organisation and have no guest account in the one where ${agent} works. ${nothing}`,
      "Try again with an account of that organisation, or ask its administrator to invite you as a guest.",
    ],
  },
  trouble: {
    status: 503,
    title: "That did not work just now",
    retry: true,
    paragraphs: (agent) => [
      `It is not your fault, and ${nothing.charAt(0).toLowerCase()}${nothing.slice(1)}`,
      `Wait a minute and try again. If it lasts, tell whoever looks after ${agent}.`,
    ],
  },
};

/** The page for a problem: what happened, what it means, what to do. */
export function problemPage(problem: Problem, facts: ProblemFacts): Page {
  const { status, title, paragraphs, retry, mark } = texts[problem];
  const again = retry === true ? facts.again : undefined;
  const admin =
    problem === "admin_needed" && facts.clientId !== undefined
      ? html`<p class="quiet">
          For your administrator: grant consent to the application ${facts.clientId} (${facts.agent}).
        </p>`
      : undefined;
  return {
    status,
    title,
    mark: mark ?? "bad",
    content: html` ${paragraphs(facts.agent).map((text) => html`<p>${text}</p>`)} ${admin}
    ${again === undefined ? undefined : html`<p><a class="button primary" href="${again}">Try again</a></p>`}`,
  };
}

/** A page nobody should see: an address that is none of ours. */
export const notFoundPage: Page = {
  status: 404,
  title: "There is nothing here",
  mark: "bad",
  content: html`<p>The address is not a page of this sign-in.</p>`,
};
