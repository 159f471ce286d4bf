import { html } from "./html.js";
import type { Page } from "./layout.js";

/** After a sign-in whose person is known: everything is done. */
export function signedInPage(shown: {
  readonly agent: string;
  readonly serverLabel: string;
  readonly username: string;
  readonly guest: boolean;
  readonly connections: string;
}): Page {
  return {
    status: 200,
    title: "You are signed in",
    mark: "good",
    content: html` <p>
        ${shown.agent} can now use <strong>${shown.serverLabel}</strong> as
        <strong>${shown.username}</strong>. Go back to the chat; you can close this page.
      </p>
      ${shown.guest ? html`<p>You are a guest in this organisation: ${shown.agent} sees what your guest account may see.</p>` : undefined}
      <p class="quiet"><a href="${shown.connections}">See or end what is connected</a></p>`,
  };
}

/** After a sign-in whose person is not known yet: the code proves that the chat is theirs. */
export function codePage(shown: {
  readonly agent: string;
  readonly serverLabel: string;
  readonly username: string;
  readonly guest: boolean;
  readonly code: string;
  readonly minutes: number;
}): Page {
  return {
    status: 200,
    title: "One more step",
    mark: "ask",
    content: html` <p>
        You signed in as
        <strong>${shown.username}</strong>${shown.guest ? " (a guest in this organisation)" : ""}. To let
        ${shown.agent} use <strong>${shown.serverLabel}</strong> as you, type this code into your own chat
        with ${shown.agent}:
      </p>
      <output class="code" aria-label="Your code">${shown.code}</output>
      <p class="warning">
        Never give this code to a person, whoever asks for it. Whoever types it into their chat acts as you.
      </p>
      <p class="quiet">
        The code works for ${shown.minutes === 1 ? "1 minute" : `${shown.minutes} minutes`} and once. Then the
        chat asks you to confirm your account.
      </p>`,
  };
}
