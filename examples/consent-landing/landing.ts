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
const pages = {
  given: {
    title: "Thank you",
    text: "Go back to the chat and send your message again. You can close this tab.",
  },
  declined: {
    title: "You did not give permission",
    text: "Nothing was done. You can close this tab, or go back to the chat and ask again.",
  },
  "needs-admin": {
    title: "An administrator has to agree",
    text: "You cannot give this permission yourself. Ask the administrator of your organisation, then go back to the chat and send your message again.",
  },
  problem: {
    title: "That did not work",
    text: "Go back to the chat and ask again. If it happens twice, tell whoever looks after the chat.",
  },
} as const satisfies Record<string, Page>;

type Outcome = keyof typeof pages;

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
  const outcome = searchParams.get("outcome") ?? "";
  const page = Object.hasOwn(pages, outcome) ? pages[outcome as Outcome] : pages.problem;
  response.writeHead(200, { ...headers, "content-type": "text/html; charset=utf-8" });
  response.end(request.method === "HEAD" ? undefined : html(page));
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

const style = `
  :root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
  main { max-width: 32rem; padding: 2rem; }
  h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 0.75rem; }
  p { margin: 0; }
`;

const headers = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // Nothing is loaded and no frame may hold the page; the one style is allowed by its hash.
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

function html({ title, text }: Page): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <style>${style}</style>
  </head>
  <body>
    <main>
      <h1>${title}</h1>
      <p>${text}</p>
    </main>
  </body>
</html>
`;
}
