import { createHash } from "node:crypto";
import type { Language } from "../texts/languages.js";
import { accentsOf, type SignInBranding } from "./branding.js";
import { codeScript } from "./code-script.js";
import { html, Html } from "./html.js";
import { style } from "./style.js";
import { plainly } from "./words.js";

/** A page, ready to be said in a language. */
export interface Page {
  readonly status: number;
  /** Whether it has the script of the code page. */
  readonly script?: boolean;
  /** The origin that its form leads to in the end, where that has no https: a loopback host. */
  readonly leadsTo?: string | undefined;
  in(language: Language): PageContent;
}

/** What a page says. */
export interface PageContent {
  readonly title: string;
  readonly content: Html;
  readonly mark?: "good" | "bad";
  readonly wide?: boolean;
}

/** What all pages of a service have in common. */
export interface Look {
  /** The whole document. Nothing is loaded but the branding's logo. */
  render(page: Page, language: Language): string;
  headers(page?: Page): Readonly<Record<string, string>>;
  /** Where the chat with an agent is. */
  chatOf(agent: string | undefined): string | undefined;
}

const marks = { good: "✓", bad: "!" } as const;

/**
 * The look of a service. `form-action` names schemes, not hosts: browsers apply it to redirects too, and Entra may send
 * a person on to the organization's own sign-in host.
 */
export function lookOf(loginEndpoint: string, branding?: SignInBranding): Look {
  const ownStyle = style + accentStyle(branding);
  // Not templates: the policy's hashes are of exactly these bytes.
  const styleElement = new Html(`<style>${ownStyle}</style>`);
  const local = loginEndpoint.startsWith("http:") ? ` ${loginEndpoint}` : "";
  const image = branding?.logo === undefined ? "" : ` img-src ${imageSource(branding.logo)};`;
  const policy = (script: string, to = ""): string =>
    `default-src 'none';${script} style-src ${hashOf(ownStyle)};${image} form-action 'self' https:${local}${to}; base-uri 'none'; frame-ancestors 'none'`;
  const headers = {
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    vary: "Accept-Language",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
  };
  const plain = { "content-security-policy": policy(""), ...headers };
  const scripted = { "content-security-policy": policy(` script-src ${hashOf(codeScript)};`), ...headers };
  return {
    render: (page, language) => render(page, language, styleElement, branding),
    headers(page) {
      if (page?.leadsTo !== undefined)
        return { "content-security-policy": policy("", ` ${page.leadsTo}`), ...headers };
      return page?.script === true ? scripted : plain;
    },
    chatOf: (agent) => chatOf(branding, agent),
  };
}

function render(
  page: Page,
  language: Language,
  styleElement: Html,
  branding: SignInBranding | undefined,
): string {
  const { title, content, mark, wide } = page.in(language);
  const width = wide === true ? "wide" : "";
  return html`<!doctype html>
    <html lang="${language.tag}" dir="${language.direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${branding === undefined ? title : `${title} · ${branding.name}`}</title>
        ${styleElement}
      </head>
      <body>
        ${branding === undefined ? undefined : brandHeader(branding, width)}
        <main class="${width}">
          ${mark === undefined ? undefined : html`<div class="mark ${mark}" aria-hidden="true">${marks[mark]}</div>`}
          <h1>${title}</h1>
          ${content}
        </main>
        ${branding === undefined ? undefined : footer(branding, language, width)}
        ${page.script === true ? scriptElement : undefined}
      </body>
    </html>`.text;
}

const scriptElement = new Html(`<script>${codeScript}</script>`);

function brandHeader({ name, logo }: SignInBranding, width: string): Html {
  return html`<header class="brand ${width}">
    ${logo === undefined ? undefined : html`<img src="${String(logo)}" alt="" />`}
    <span dir="auto">${name}</span>
  </header>`;
}

function footer(
  { supportUrl, privacyUrl }: SignInBranding,
  language: Language,
  width: string,
): Html | undefined {
  if (supportUrl === undefined && privacyUrl === undefined) return undefined;
  const link = (url: string | URL | undefined, name: "support" | "privacy"): Html | undefined =>
    url === undefined
      ? undefined
      : html`<a href="${String(url)}" rel="noreferrer">${plainly(language, name)}</a>`;
  return html`<footer class="${width}">
    ${link(supportUrl, "support")} ${link(privacyUrl, "privacy")}
  </footer>`;
}

function chatOf(branding: SignInBranding | undefined, agent: string | undefined): string | undefined {
  const url = branding?.chatUrl;
  if (url === undefined || typeof url === "string" || url instanceof URL) return url?.toString();
  return agent !== undefined && Object.hasOwn(url, agent) ? url[agent]?.toString() : undefined;
}

function accentStyle(branding: SignInBranding | undefined): string {
  const accents = branding === undefined ? undefined : accentsOf(branding);
  if (accents === undefined) return "";
  const light = accents.light === "" ? "" : `:root { --accent: ${accents.light}; }\n`;
  return `${light}@media (prefers-color-scheme: dark) { :root { --accent: ${accents.dark}; } }\n`;
}

/** The source that lets only this image in. A policy compares the path, never the query. */
function imageSource(logo: string | URL): string {
  const { protocol, origin, pathname } = new URL(logo);
  return protocol === "data:" ? "data:" : origin + pathname;
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
