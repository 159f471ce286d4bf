import { html } from "./html.js";
import type { Page } from "./layout.js";
import { account, masked, plainly, say, strong, time } from "./words.js";

/** What the link page shows. */
export interface LinkPage {
  readonly agent: string;
  readonly serverLabel: string;
  /** The host of the resource. */
  readonly host: string;
  readonly askedAt: number;
  readonly now: number;
  /** The account that has to sign in, when it is known. */
  readonly username: string | undefined;
  /** Whether that same account has signed in in this browser: then it is shown in full. */
  readonly sameAccount: boolean;
  /** Whether the chat will ask for a code afterwards. */
  readonly codeMode: boolean;
  readonly action: string;
  readonly ticket: string;
  readonly formToken: string;
}

/** What a person sees first. It changes nothing until its button is pressed. */
export function linkPage(shown: LinkPage): Page {
  const { agent, serverLabel, host, username } = shown;
  return {
    status: 200,
    in: (language) => ({
      title: plainly(language, "linkTitle", { agent }),
      content: html` <p>${say(language, "linkIntro", { agent, server: strong(serverLabel) })}</p>
        <dl>
          <div>
            <dt>${say(language, "linkAgent")}</dt>
            <dd><bdi>${agent}</bdi></dd>
          </div>
          <div>
            <dt>${say(language, "linkServer")}</dt>
            <dd><bdi>${serverLabel}</bdi> <small dir="ltr">${host}</small></dd>
          </div>
          <div>
            <dt>${say(language, "linkTime")}</dt>
            <dd>${time(language, shown.askedAt, shown.now)}</dd>
          </div>
          ${
            username === undefined
              ? undefined
              : html`<div>
                  <dt>${say(language, "linkAccount")}</dt>
                  <dd>${account(shown.sameAccount ? username : masked(username))}</dd>
                </div>`
          }
        </dl>
        <form method="post" action="${shown.action}" class="row wide">
          <input type="hidden" name="t" value="${shown.ticket}" />
          <input type="hidden" name="f" value="${shown.formToken}" />
          <button class="primary">${say(language, "linkButton")}</button>
        </form>
        ${shown.codeMode ? html`<p class="quiet">${say(language, "linkCode", { agent })}</p>` : undefined}
        <p class="quiet">${say(language, "linkForwarded")}</p>`,
    }),
  };
}
