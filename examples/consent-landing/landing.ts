/**
 * The page that Entra sends a person to after its consent screen. It says how that went and sends the person
 * back to the chat. It needs nothing of the agent and knows nothing of it.
 *
 * Prerequisites:
 * - Node 20.19 or newer, and a host name with https (on your own machine, http://localhost will do).
 * - The page's address, registered as a redirect URI of type web of the agent's app:
 *   `az ad app update --id <agent app> --web-redirect-uris https://chat.example.com/consented`
 * - The same address as `redirectUri` of `entraConsentLink()` or `adminConsentLink()`.
 *
 * What Entra appends to the address is never trusted: a code that nobody can redeem (its PKCE verifier is
 * unknown to everybody), a random state, an error. It only picks one of the four texts below. Whether consent
 * was given shows when the agent asks Entra again.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

interface Page {
  readonly title: string;
  readonly text: string;
}

/** The four outcomes, each with an address of its own that carries nothing of Entra's answer. */
type Outcome = "given" | "declined" | "needs-admin" | "problem";

/** What they say, in the languages that the sign-in pages of the library speak. */
const pages = {
  en: {
    given: {
      title: "Thank you",
      text: "Go back to the chat and send your message again. You can close this page.",
    },
    declined: {
      title: "You did not give permission",
      text: "Nothing was changed. You can close this page, or go back to the chat and ask again.",
    },
    "needs-admin": {
      title: "An administrator has to approve first",
      text: "You cannot give this permission yourself. Ask the administrator of your organization, then send your message in the chat again.",
    },
    problem: {
      title: "That did not work",
      text: "Go back to the chat and ask again. If it happens twice, tell whoever looks after the chat.",
    },
  },
  de: {
    given: {
      title: "Vielen Dank",
      text: "Kehren Sie zum Chat zurück und senden Sie Ihre Nachricht noch einmal. Sie können diese Seite schließen.",
    },
    declined: {
      title: "Sie haben nicht zugestimmt",
      text: "Es wurde nichts geändert. Sie können diese Seite schließen oder im Chat noch einmal fragen.",
    },
    "needs-admin": {
      title: "Zuerst muss ein Administrator zustimmen",
      text: "Sie können diese Berechtigung nicht selbst erteilen. Fragen Sie den Administrator Ihrer Organisation und senden Sie dann Ihre Nachricht noch einmal.",
    },
    problem: {
      title: "Das hat nicht funktioniert",
      text: "Kehren Sie zum Chat zurück und fragen Sie noch einmal. Geschieht es wieder, wenden Sie sich an die Betreuer des Chats.",
    },
  },
  fr: {
    given: {
      title: "Merci",
      text: "Retournez à la conversation et renvoyez votre message. Vous pouvez fermer cette page.",
    },
    declined: {
      title: "Vous n’avez pas donné votre accord",
      text: "Rien n’a été modifié. Vous pouvez fermer cette page, ou redemander dans la conversation.",
    },
    "needs-admin": {
      title: "Un administrateur doit d’abord donner son accord",
      text: "Vous ne pouvez pas donner cette autorisation vous-même. Demandez à l’administrateur de votre organisation, puis renvoyez votre message.",
    },
    problem: {
      title: "Cela n’a pas fonctionné",
      text: "Retournez à la conversation et redemandez. Si cela se reproduit, prévenez les responsables de la conversation.",
    },
  },
  es: {
    given: {
      title: "Gracias",
      text: "Vuelva al chat y envíe de nuevo su mensaje. Puede cerrar esta página.",
    },
    declined: {
      title: "No ha dado su permiso",
      text: "No se ha cambiado nada. Puede cerrar esta página, o volver al chat y pedirlo de nuevo.",
    },
    "needs-admin": {
      title: "Antes tiene que aprobarlo un administrador",
      text: "Usted no puede conceder este permiso. Pídalo al administrador de su organización y envíe después su mensaje de nuevo.",
    },
    problem: {
      title: "No ha funcionado",
      text: "Vuelva al chat y pídalo de nuevo. Si ocurre otra vez, avise a los responsables del chat.",
    },
  },
} as const satisfies Record<string, Record<Outcome, Page>>;

type Language = keyof typeof pages;

/**
 * Handles every request of a server, or of a router that is mounted at the redirect URI's path. Answers
 * Entra's redirect with another one to a clean address, so that neither the code nor the state stays in the
 * address bar, the history or a `Referer`. Logs nothing and stores nothing.
 */
export function consentLanding(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...headers, allow: "GET, HEAD" }).end();
    return;
  }
  const { searchParams } = new URL(request.url ?? "/", "http://landing.invalid");
  if ([...searchParams.keys()].some((name) => name !== "outcome")) {
    response.writeHead(303, { ...headers, location: `?outcome=${outcomeOf(searchParams)}` }).end();
    return;
  }
  const language = languageOf(request.headers["accept-language"] ?? "");
  const texts: Readonly<Record<string, Page>> = pages[language];
  const outcome = searchParams.get("outcome") ?? "";
  const page = Object.hasOwn(texts, outcome) ? texts[outcome] : undefined;
  response.writeHead(200, { ...headers, "content-type": "text/html; charset=utf-8" });
  response.end(
    request.method === "HEAD" ? undefined : html(language, outcome, page ?? pages[language].problem),
  );
}

/** AADSTS codes after which only an administrator can help. Source: Entra's error code reference. */
const adminCodes = /\bAADSTS(90094|90095|90008|650056)\b/;

/**
 * What to tell the person. `admin_consent` comes from the page for administrators; the description is looked
 * at for the sake of the wording only.
 */
function outcomeOf(answer: URLSearchParams): Outcome {
  const error = answer.get("error");
  if (error === null)
    return answer.has("code") || answer.get("admin_consent") === "True" ? "given" : "problem";
  if (error === "consent_required" || adminCodes.test(answer.get("error_description") ?? ""))
    return "needs-admin";
  return error === "access_denied" || error === "permission_denied" ? "declined" : "problem";
}

/** The first language of the browser that the page speaks; English for everybody else. */
function languageOf(accepted: string): Language {
  const wanted = accepted
    .slice(0, 512)
    .split(",")
    .map((range) => range.trim().slice(0, 2).toLowerCase());
  const found = wanted.find((tag) => Object.hasOwn(pages, tag));
  return found === "de" || found === "fr" || found === "es" ? found : "en";
}

/** The same rules as on the sign-in pages of the library, where there are more. */
const style = `
:root { color-scheme: light dark; --page: #f3f4f6; --card: #ffffff; --text: #1a1d21; --quiet: #555b63; --line: #d5d9de;
  --accent: #0b5cad; --on-accent: #ffffff; --good: #0b6a3f; --bad: #a1260d; --tint: #f0f2f5; }
@media (prefers-color-scheme: dark) { :root { --page: #121417; --card: #1c1f23; --text: #eceef0; --quiet: #a9b0b8;
  --line: #3a4047; --accent: #7db7f5; --on-accent: #0a1420; --good: #6fd3a1; --bad: #ff9d86; --tint: #262a2f; } }
*, *::before { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: var(--page); color: var(--text); }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; justify-content: center; padding: 1rem; }
main { width: 100%; max-width: 30rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: clamp(1.25rem, 6vw, 2.25rem); overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; text-wrap: balance; }
p { margin: 0 0 1rem; } p:empty { margin: 0; } main > :last-child { margin-bottom: 0; }
.mark { width: 2.5rem; height: 2.5rem; border-radius: 50%; display: grid; place-items: center; margin: 0 0 1rem;
  font-size: 1.25rem; font-weight: 700; border: 2px solid currentColor; color: var(--accent); }
.mark.good { color: var(--good); } .mark.bad { color: var(--bad); }
`;

const headers = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  vary: "Accept-Language",
  "x-content-type-options": "nosniff",
  // Nothing is loaded and no frame may hold the page; the one style is allowed by its hash.
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

function html(language: Language, outcome: string, { title, text }: Page): string {
  const mark = outcome === "given" ? ["good", "✓"] : ["bad", "!"];
  return `<!doctype html>
<html lang="${language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <style>${style}</style>
  </head>
  <body>
    <main>
      <div class="mark ${mark[0]}" aria-hidden="true">${mark[1]}</div>
      <h1>${title}</h1>
      <p>${text}</p>
    </main>
  </body>
</html>
`;
}
