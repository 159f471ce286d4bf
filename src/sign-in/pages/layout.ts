import { createHash } from "node:crypto";
import { html, Html } from "./html.js";
import { style } from "./style.js";

/** A page, ready to be sent. */
export interface Page {
  readonly status: number;
  readonly title: string;
  readonly content: Html;
  readonly mark?: "good" | "bad" | "ask";
  readonly wide?: boolean;
}

const marks = { good: "✓", bad: "!", ask: "?" } as const;

/** The whole document. There is no script, and nothing is loaded. */
export function renderPage({ title, content, mark, wide }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        <main class="${wide === true ? "wide" : "card"}">
          ${mark === undefined ? undefined : html`<div class="mark ${mark}" aria-hidden="true">${marks[mark]}</div>`}
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html>`.text;
}

/** Not a template: the policy's hash is of exactly these bytes. */
const styleElement = new Html(`<style>${style}</style>`);
const styleHash = createHash("sha256").update(style).digest("base64");

/**
 * Headers of every answer. `form-action` names schemes, not hosts: browsers apply it to redirects too, and
 * Entra may send a person on to the organisation's own sign-in host.
 */
export function pageHeaders(loginEndpoint: string): Readonly<Record<string, string>> {
  const local = loginEndpoint.startsWith("http:") ? ` ${loginEndpoint}` : "";
  return {
    "content-security-policy": `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self' https:${local}; base-uri 'none'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
  };
}
