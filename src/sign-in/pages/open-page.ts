import { html, type Html } from "./html.js";
import type { Page } from "./layout.js";
import { plainly, say, strong } from "./words.js";

/** What the page shows before an MCP server's own page is opened. */
export interface OpenPage {
  readonly agent: string;
  readonly serverLabel: string;
  /** Where the button leads. It was checked. */
  readonly url: string;
  /** Why, in the server's words. */
  readonly message: string;
  readonly action: string;
  readonly ticket: string;
  readonly formToken: string;
}

/** Shows the whole address, and goes there only when its button is pressed. */
export function openPage({ agent, serverLabel, url, message, ...form }: OpenPage): Page {
  const { protocol, origin } = new URL(url);
  return {
    status: 200,
    leadsTo: protocol === "http:" ? origin : undefined,
    in: (language) => ({
      title: plainly(language, "openTitle", { server: serverLabel }),
      content: html` <p>${say(language, "openIntro", { agent, server: strong(serverLabel) })}</p>
        <dl>
          ${
            message.trim() === ""
              ? undefined
              : html`<div>
                  <dt>${say(language, "openMessage")}</dt>
                  <dd><bdi>${message}</bdi></dd>
                </div>`
          }
          <div>
            <dt>${say(language, "openAddress")}</dt>
            <dd><small dir="ltr">${address(url)}</small></dd>
          </div>
        </dl>
        ${isForeign(url) ? html`<p class="warning">${say(language, "openForeign")}</p>` : undefined}
        <form method="post" action="${form.action}" class="row wide">
          <input type="hidden" name="t" value="${form.ticket}" />
          <input type="hidden" name="f" value="${form.formToken}" />
          <button class="primary">${say(language, "openButton")}</button>
        </form>
        <p class="quiet">${say(language, "linkForwarded")}</p>`,
    }),
  };
}

/** The whole address, with its host in bold. */
function address(url: string): Html {
  const { href, protocol, host } = new URL(url);
  const start = `${protocol}//`;
  return html`${start}<strong>${host}</strong>${href.slice(start.length + host.length)}`;
}

/** Whether a host has letters that are not ASCII, which may look like others. */
function isForeign(url: string): boolean {
  return new URL(url).hostname.split(".").some((label) => label.startsWith("xn--"));
}
