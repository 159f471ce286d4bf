import { html, type Html } from "./html.js";
import type { Page } from "./layout.js";
import { moment, time } from "./words.js";

/** One thing that is connected. */
export interface Connection {
  readonly agent: string;
  readonly serverLabels: readonly string[];
  readonly since: number;
  /** When it ends by itself: that of work that goes on after the chat. */
  readonly until?: number | undefined;
  /** Whether it is pinned to a chat whose user may be someone else's name for the same person. */
  readonly canChangeAccount: boolean;
  /** Names it in the forms; opens only in this browser. */
  readonly token: string;
}

/** What the page shows. */
export interface ConnectionsPage {
  readonly username: string;
  readonly connections: readonly Connection[];
  readonly now: number;
  readonly actions: { readonly end: string; readonly leave: string };
  readonly formToken: string;
  readonly links: { readonly apps: string; readonly account: string } | undefined;
  /** What was just done. */
  readonly note: string | undefined;
}

/** What is connected for the account that has signed in here. */
export function connectionsPage(shown: ConnectionsPage): Page {
  const { connections, links } = shown;
  return {
    status: 200,
    title: "What is connected",
    wide: true,
    content: html` <p>Signed in here as <strong>${shown.username}</strong>.</p>
      ${shown.note === undefined ? undefined : html`<p role="status"><strong>${shown.note}</strong></p>`}
      ${
        connections.length === 0
          ? html`<p>Nothing is connected with this account.</p>`
          : html`<ul class="list">
              ${connections.map((one) => entry(one, shown))}
            </ul>`
      }
      ${links === undefined ? undefined : consent(links)}
      <form method="post" action="${shown.actions.leave}">
        <input type="hidden" name="f" value="${shown.formToken}" /><button>Leave this page</button>
      </form>`,
  };
}

function entry(
  { agent, serverLabels, since, until, canChangeAccount, token }: Connection,
  shown: ConnectionsPage,
): Html {
  const what = serverLabels.length === 0 ? "nothing at the moment" : serverLabels.join(", ");
  const button = (act: string, label: string): Html =>
    html` <form method="post" action="${shown.actions.end}">
      <input type="hidden" name="c" value="${token}" /><input type="hidden" name="act" value="${act}" />
      <button
        aria-label="${until === undefined ? `${label}: ${agent}` : `${label}: ${agent}, work after the chat`}"
      >
        ${label}
      </button>
    </form>`;
  return html`<li>
    <h2>${agent}</h2>
    <div class="quiet">uses ${what}; connected ${time(since, shown.now)}</div>
    ${until === undefined ? undefined : html`<div>Goes on working for you after the chat, until ${moment(until)}.</div>`}
    <div class="row">
      ${button("disconnect", "Disconnect")}
      ${canChangeAccount ? button("change", "Use another account") : undefined}
    </div>
  </li>`;
}

function consent(links: { readonly apps: string; readonly account: string }): Html {
  return html`<p class="quiet">
    Disconnecting makes this service forget its access. The permission itself stays with Microsoft until you
    withdraw it: see <a href="${links.apps}" rel="noreferrer">your apps</a> and
    <a href="${links.account}" rel="noreferrer">your account</a>.
  </p>`;
}

/** For somebody who has not signed in here. */
export function connectionsSignInPage(action: string, formToken: string): Page {
  return {
    status: 200,
    title: "What is connected",
    content: html` <p>Sign in to see which agents act in your name, and to end that.</p>
      <form method="post" action="${action}">
        <input type="hidden" name="f" value="${formToken}" />
        <button class="primary">Sign in with Microsoft</button>
      </form>`,
  };
}
