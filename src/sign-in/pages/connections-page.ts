import type { Language } from "../texts/languages.js";
import { html, type Html } from "./html.js";
import type { Page } from "./layout.js";
import { account, moment, plainly, say, strong, time } from "./words.js";

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

/** What was just done on the page, or is to be done next. */
export type ConnectionsNote = "disconnected" | "changed" | "gone" | "reopen";

/** What the page shows. */
export interface ConnectionsPage {
  readonly username: string;
  readonly connections: readonly Connection[];
  readonly now: number;
  readonly actions: { readonly end: string; readonly leave: string };
  readonly formToken: string;
  readonly links: { readonly apps: string; readonly account: string } | undefined;
  readonly note: ConnectionsNote | undefined;
}

/** What is connected for the account that has signed in here. */
export function connectionsPage(shown: ConnectionsPage): Page {
  const { connections, links, note } = shown;
  return {
    status: 200,
    in: (language) => ({
      title: plainly(language, "listTitle"),
      wide: true,
      content: html` <p>${say(language, "listAccount", { account: account(shown.username) })}</p>
        ${note === undefined ? undefined : html`<p role="status"><strong>${say(language, note)}</strong></p>`}
        ${
          connections.length === 0
            ? html`<p>${say(language, "listEmpty")}</p>`
            : html`<ul class="list">
                ${connections.map((one) => entry(language, one, shown))}
              </ul>`
        }
        ${links === undefined || connections.length === 0 ? undefined : consent(language, links)}
        <form method="post" action="${shown.actions.leave}">
          <input type="hidden" name="f" value="${shown.formToken}" /><button class="small">
            ${say(language, "signOut")}
          </button>
        </form>
        <p class="quiet">${say(language, "signOutText")}</p>`,
    }),
  };
}

function entry(language: Language, one: Connection, shown: ConnectionsPage): Html {
  const { agent, since, until, canChangeAccount, token } = one;
  const button = (act: "disconnect" | "changeAccount"): Html => {
    const label = plainly(language, act);
    const work = until === undefined ? "" : `, ${plainly(language, "listWork")}`;
    return html` <form method="post" action="${shown.actions.end}">
      <input type="hidden" name="c" value="${token}" /><input type="hidden" name="act" value="${act}" />
      <button class="${act === "disconnect" ? "danger" : ""}" aria-label="${`${label}: ${agent}${work}`}">
        ${label}
      </button>
    </form>`;
  };
  return html`<li>
    <h2 dir="auto">${agent}</h2>
    <div class="quiet">${say(language, "listUses", { servers: serversOf(language, one.serverLabels) })}</div>
    <div class="quiet">${say(language, "listSince", { time: time(language, since, shown.now) })}</div>
    ${until === undefined ? undefined : html`<div>${say(language, "listUntil", { time: moment(language, until) })}</div>`}
    <div class="row">${button("disconnect")} ${canChangeAccount ? button("changeAccount") : undefined}</div>
  </li>`;
}

function serversOf(language: Language, labels: readonly string[]): string {
  return labels.length === 0 ? plainly(language, "listUsesNothing") : labels.join(", ");
}

function consent(language: Language, links: { readonly apps: string; readonly account: string }): Html {
  const link = (url: string, name: "listApps" | "listProfile"): Html =>
    html`<a href="${url}" rel="noreferrer">${say(language, name)}</a>`;
  const values = { apps: link(links.apps, "listApps"), profile: link(links.account, "listProfile") };
  return html`<p class="quiet">${say(language, "listConsent", values)}</p>`;
}

/** What disconnecting does, before it is done. */
export function disconnectPage(shown: {
  readonly connection: Omit<Connection, "since" | "canChangeAccount">;
  readonly username: string;
  /** Whether another account is to be used afterwards. */
  readonly change: boolean;
  readonly action: string;
  readonly back: string;
}): Page {
  const { agent, serverLabels, until, token } = shown.connection;
  const act = shown.change ? "changeAccount" : "disconnect";
  return {
    status: 200,
    in: (language) => {
      const values = {
        agent,
        servers: strong(serversOf(language, serverLabels)),
        account: account(shown.username),
      };
      return {
        title: plainly(language, shown.change ? "changeTitle" : "disconnectTitle", { agent }),
        content: html` <p>
            ${until === undefined ? say(language, "disconnectText", values) : say(language, "disconnectWork", { agent })}
          </p>
          ${shown.change ? html`<p>${say(language, "changeText")}</p>` : undefined}
          <p class="quiet">${say(language, "disconnectTokens")}</p>
          <form method="post" action="${shown.action}" class="row wide">
            <input type="hidden" name="c" value="${token}" /><input type="hidden" name="act" value="${act}" />
            <input type="hidden" name="sure" value="yes" />
            <button class="${shown.change ? "primary" : "danger primary"}">${say(language, act)}</button>
          </form>
          <p><a href="${shown.back}">${say(language, "keep")}</a></p>`,
      };
    },
  };
}

/** For somebody who has not signed in here. */
export function connectionsSignInPage(action: string, formToken: string): Page {
  return {
    status: 200,
    in: (language) => ({
      title: plainly(language, "listTitle"),
      content: html` <p>${say(language, "listSignIn")}</p>
        <form method="post" action="${action}" class="row wide">
          <input type="hidden" name="f" value="${formToken}" />
          <button class="primary">${say(language, "listSignInButton")}</button>
        </form>`,
    }),
  };
}
