import { html } from "./html.js";
import type { Page } from "./layout.js";
import { masked, time } from "./words.js";

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
  const account =
    username === undefined
      ? undefined
      : html`<div>
          <dt>Your account</dt>
          <dd>${shown.sameAccount ? username : masked(username)}</dd>
        </div>`;
  return {
    status: 200,
    title: `Sign in for ${agent}`,
    mark: "ask",
    content: html` <p>
        ${agent} wants to use <strong>${serverLabel}</strong> for you. Go on only if you asked it to, just
        now.
      </p>
      <dl>
        <div>
          <dt>Who asks</dt>
          <dd>${agent}</dd>
        </div>
        <div>
          <dt>What it wants to use</dt>
          <dd>${serverLabel} <small>${host}</small></dd>
        </div>
        <div>
          <dt>When you asked</dt>
          <dd>${time(shown.askedAt, shown.now)}</dd>
        </div>
        ${account}
      </dl>
      <form method="post" action="${shown.action}">
        <input type="hidden" name="t" value="${shown.ticket}" />
        <input type="hidden" name="f" value="${shown.formToken}" />
        <button class="primary">Continue to Microsoft sign-in</button>
      </form>
      ${shown.codeMode ? html`<p class="quiet">Afterwards you get a code that you type into your own chat with ${agent}.</p>` : undefined}
      <p class="quiet">Somebody sent you this link? Then close this page: signing in would not help you.</p>`,
  };
}
