/** Recognises secrets in requests and answers of the demo by the names they have there. */
import type { Secret } from "./search.js";

const formFields: Readonly<Record<string, string>> = {
  client_secret: "client secret",
  client_assertion: "client assertion",
  assertion: "access token",
  code: "authorization code",
  code_verifier: "PKCE verifier",
  refresh_token: "refresh token",
};

/** What a request to Entra's token endpoint says in confidence. */
export function secretsOfForm(body: string): Secret[] {
  const form = new URLSearchParams(body);
  return Object.entries(formFields).flatMap(([name, kind]) =>
    form.getAll(name).flatMap((value) => (value.length < 8 ? [] : [{ kind, value }])),
  );
}

const replyFields: Readonly<Record<string, string>> = {
  access_token: "access token",
  id_token: "id token",
  refresh_token: "refresh token",
};

/** Tokens, links and codes in a JSON body, an event stream or a page. */
export function secretsOfReply(text: string): Secret[] {
  const fields = [
    ...text.matchAll(/"(access_token|id_token|refresh_token|consent_link|link)":("(?:[^"\\]|\\.)*")/g),
  ];
  const codes = [...text.matchAll(/<output[^>]*>([^<]+)<\/output\s*>/g)];
  return [
    ...fields.flatMap(([, name = "", json = '""']): Secret[] => {
      const value = String(JSON.parse(json));
      const kind = replyFields[name];
      if (kind !== undefined) return [{ kind, value }];
      return URL.canParse(value) ? linkSecrets(value) : [];
    }),
    ...codes.flatMap(([, shown = ""]) => codeSecrets(shown.trim())),
  ];
}

/** A sign-in code, as it is shown and as it may be typed or stored. */
export function codeSecrets(code: string): Secret[] {
  return [code, code.replaceAll("-", "")].map((value) => ({ kind: "sign-in code", value }));
}

/**
 * What anybody may know of a link: scheme, host and path, and the values that are configuration. Everything else
 * is secret, and so is any piece that shows how these stand side by side in this link.
 */
const openParameters = new Set([
  "client_id",
  "tenant",
  "admin_consent",
  "scope",
  "redirect_uri",
  "response_type",
  "response_mode",
  "prompt",
  "login_hint",
  "domain_hint",
  // A hash of the verifier.
  "code_challenge",
  "code_challenge_method",
  "client_info",
  "x-client-SKU",
  "x-client-VER",
  "x-client-OS",
  "x-client-CPU",
  "client-request-id",
  "account",
  "error",
  "error_subcode",
  "error_description",
  "session_state",
]);

/** A link; none where everybody may know all of it. */
export function linkSecrets(link: string): Secret[] {
  const start = link.search(/[?#]/);
  if (start < 0 || start === link.length - 1) return [];
  const open: [number, number][] = [[0, start]];
  let at = start + 1;
  for (const pair of link.slice(at).split("&")) {
    const [name = ""] = pair.split("=", 1);
    if (openParameters.has(name)) open.push([at + name.length + 1, at + pair.length]);
    at += pair.length + 1;
  }
  return [{ kind: "link", value: link, open }];
}

/** The values of cookies: they stand for a session. */
export function secretsOfCookies(setCookie: readonly string[]): Secret[] {
  return setCookie
    .map((cookie) => cookie.slice(cookie.indexOf("=") + 1).split(";", 1)[0] ?? "")
    .filter((value) => value.length >= 16)
    .map((value) => ({ kind: "cookie", value }));
}
