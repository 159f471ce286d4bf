import type { Language } from "../texts/languages.js";
import { html, type Html } from "./html.js";
import type { Page } from "./layout.js";
import { account, minutes, plainly, say, strong } from "./words.js";

/** Whose sign-in has ended, and for what. */
interface Done {
  readonly agent: string;
  readonly serverLabel: string;
  readonly username: string;
  readonly guest: boolean;
  /** Where the chat is. */
  readonly chat: string | undefined;
}

/** After a sign-in whose person is known: everything is done. */
export function signedInPage(shown: Done & { readonly connections: string }): Page {
  const { agent, serverLabel, username, guest } = shown;
  return {
    status: 200,
    in: (language) => ({
      title: plainly(language, "doneTitle"),
      mark: "good",
      content: html` <p>
          ${say(language, "doneText", { agent, server: strong(serverLabel), account: account(username) })}
        </p>
        ${guest ? html`<p>${say(language, "doneGuest", { agent })}</p>` : undefined}
        ${wayBack(language, shown.chat)}
        <p class="quiet"><a href="${shown.connections}">${say(language, "doneConnections")}</a></p>`,
    }),
  };
}

/** After a sign-in whose person is not known yet: the code proves that the chat is theirs. */
export function codePage(shown: Done & { readonly code: string; readonly leftMs: number }): Page {
  const { agent, serverLabel, username, guest, code, leftMs } = shown;
  return {
    status: 200,
    script: true,
    in: (language) => ({
      title: plainly(language, "codeTitle"),
      content: html` <p>
          ${say(language, "codeText", { agent, server: strong(serverLabel), account: account(username) })}
        </p>
        ${guest ? html`<p>${say(language, "doneGuest", { agent })}</p>` : undefined}
        ${codeElement(plainly(language, "codeLabel"), code)}
        <p id="over" role="alert" data-text="${plainly(language, "codeOver")}"></p>
        <div class="row wide">
          <button id="copy" hidden class="primary" data-done="${plainly(language, "codeCopied")}">
            ${say(language, "codeCopy")}
          </button>
          ${chatLink(language, shown.chat)}
        </div>
        <p id="copied" role="status" class="quiet"></p>
        <p id="left" hidden role="timer" data-ms="${leftMs}" data-text="${language.texts.codeLeft}"></p>
        <p class="warning">${say(language, "codeWarning")}</p>
        <p class="quiet">
          ${say(language, "codeLives", { time: minutes(language, Math.ceil(leftMs / 60_000)) })}
        </p>`,
    }),
  };
}

/** On one line: programs that sign in for a test read the code out of it, as `<output ...>code</output>`. */
function codeElement(label: string, code: string): Html {
  return html`<output id="code" class="code" dir="ltr" aria-label="${label}">${code}</output>`;
}

/** The way back, where the operator has said where it leads. */
export function wayBack(language: Language, chat: string | undefined): Html | undefined {
  const link = chatLink(language, chat);
  return link === undefined ? undefined : html`<p>${link}</p>`;
}

function chatLink(language: Language, chat: string | undefined): Html | undefined {
  return chat === undefined
    ? undefined
    : html`<a class="button" href="${chat}" rel="noreferrer">${say(language, "backToChat")}</a>`;
}
