import {
  connectionsPage,
  connectionsSignInPage,
  disconnectPage,
  type Connection,
} from "../../../src/sign-in/pages/connections-page.js";
import { codePage, signedInPage } from "../../../src/sign-in/pages/done-pages.js";
import type { Page } from "../../../src/sign-in/pages/layout.js";
import { linkPage } from "../../../src/sign-in/pages/link-page.js";
import { openPage } from "../../../src/sign-in/pages/open-page.js";
import {
  approvedPage,
  notFoundPage,
  problemPage,
  type Problem,
} from "../../../src/sign-in/pages/problem-pages.js";

const problems: Readonly<Record<Problem, true>> = {
  bad_link: true,
  expired_link: true,
  already_done: true,
  other_tab: true,
  other_browser: true,
  replayed: true,
  lost: true,
  too_many: true,
  wrong_account: true,
  pinned_account: true,
  cancelled: true,
  access_denied: true,
  admin_needed: true,
  wrong_tenant: true,
  guest: true,
  trouble: true,
  not_approved: true,
};

/** What the pages are shown with. */
export interface Shown {
  readonly agent: string;
  readonly serverLabel: string;
  readonly username: string;
  readonly chat: string | undefined;
}

const shownOf: Shown = {
  agent: "Contacts agent",
  serverLabel: "contacts",
  username: "ada@contoso.onmicrosoft.com",
  chat: "https://chat.example.com/?thread=1&x=2",
};

/** Every page that there is, by a name, with the same values each time. */
export function gallery(given: Partial<Shown> = {}): ReadonlyMap<string, Page> {
  const shown = { ...shownOf, ...given };
  const { agent, serverLabel, username, chat } = shown;
  const now = Date.UTC(2026, 10, 30, 9, 30);
  const connections = "https://sign-in.example.com/connections";
  const done = { agent, serverLabel, username, chat, guest: true };
  const connection: Connection = {
    agent,
    serverLabels: [serverLabel, "mail"],
    since: now - 3 * 86_400_000,
    canChangeAccount: true,
    token: "token",
  };
  const work = { ...connection, until: now + 3_600_000, canChangeAccount: false, serverLabels: [] };
  const list = {
    username,
    connections: [connection, work],
    now,
    actions: { end: connections, leave: connections },
    formToken: "token",
    links: { apps: "https://myapps.microsoft.com", account: "https://myaccount.microsoft.com" },
  };
  const question = { username, action: connections, back: connections };
  const link = {
    agent,
    serverLabel,
    host: "contacts.example.com",
    askedAt: now - 90_000,
    now,
    username,
    action: connections,
    ticket: "ticket",
    formToken: "token",
  };
  const page = {
    agent,
    serverLabel,
    url: "https://gateway.example.com/connect/9f2c?provider=github&state=5k2l9x8w7v6u5t4s3r2q1p0o",
    message: "Connect your GitHub account, so that contacts can read the issues that are assigned to you.",
    action: connections,
    ticket: "ticket",
    formToken: "token",
  };
  const facts = {
    again: `${connections}?again`,
    chat,
    connections,
    clientId: "11111111-2222-4333-8444-555555555555",
    reference: "3f9a1c7be2d4",
    at: now,
  };
  return new Map<string, Page>([
    ["link", linkPage({ ...link, sameAccount: false, codeMode: false })],
    ["link-code", linkPage({ ...link, username: undefined, sameAccount: false, codeMode: true })],
    ["open", openPage(page)],
    ["open-foreign", openPage({ ...page, url: "https://xn--gatewy-cua.example.com/connect/9f2c?state=1" })],
    [
      "open-long",
      openPage({
        ...page,
        url: page.url + "x".repeat(4_000),
        message: "Unbroken".repeat(25),
        serverLabel: "s",
      }),
    ],
    ["signed-in", signedInPage({ ...done, connections })],
    ["code", codePage({ ...done, guest: false, code: "ABC-D2E-FGH", leftMs: 290_000 })],
    ["connections", connectionsPage({ ...list, note: undefined })],
    ["connections-changed", connectionsPage({ ...list, connections: [], note: "changed" })],
    ["connections-reopen", connectionsPage({ ...list, note: "reopen" })],
    ["connections-sign-in", connectionsSignInPage(connections, "token")],
    ["disconnect", disconnectPage({ ...question, connection, change: false })],
    ["disconnect-work", disconnectPage({ ...question, connection: work, change: false })],
    ["change-account", disconnectPage({ ...question, connection, change: true })],
    ["approved", approvedPage],
    ["not-found", notFoundPage(connections)],
    ...Object.keys(problems).map((name): [string, Page] => [name, problemPage(name as Problem, facts)]),
  ]);
}
