import type { Page } from "../pages/layout.js";
import { languageFor } from "../texts/languages.js";
import { boundedText } from "../../input/json-limits.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { browserCookie, type Browser } from "./browser.js";

/** What a route answers. */
export type Reply = Answer & {
  readonly browser?: Browser | undefined;
  /** `Set-Cookie` headers besides the browser's. */
  readonly cookies?: readonly string[];
  /** The methods of the path, for a request with another one. */
  readonly allow?: string;
};

type Answer =
  | { readonly page: Page }
  | { readonly redirect: string }
  | { readonly json: object; readonly status: number };

/** Writes an answer, a page in the language of the browser. */
export function respond(service: SignInInternals, reply: Reply, request: Request): Response {
  const { core, look, languages } = service;
  const headers = new Headers(look.headers("page" in reply ? reply.page : undefined));
  if (reply.browser !== undefined) headers.append("set-cookie", browserCookie(core, reply.browser));
  for (const cookie of reply.cookies ?? []) headers.append("set-cookie", cookie);
  if (reply.allow !== undefined) headers.set("allow", reply.allow);
  if ("redirect" in reply) {
    headers.set("location", reply.redirect);
    return new Response(null, { status: 303, headers });
  }
  const { status } = "json" in reply ? reply : reply.page;
  if (status === 503) headers.set("retry-after", "30");
  if ("json" in reply) return Response.json(reply.json, { status, headers });
  const language = languageFor(request.headers.get("accept-language"), languages);
  headers.set("content-type", "text/html; charset=utf-8");
  headers.set("content-language", language.tag);
  const body = request.method === "HEAD" ? null : look.render(reply.page, language);
  return new Response(body, { status, headers });
}

/** A form has a ticket and a form token. */
export const maxFormBytes = 32_768;

/** The fields of a form; `undefined` for a body that is no form or too large. */
export async function formOf(request: Request): Promise<URLSearchParams | undefined> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") return undefined;
  const text = await boundedText(request, maxFormBytes);
  return text === undefined ? undefined : new URLSearchParams(text);
}

/** A parameter that came exactly once. */
export function one(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = parameters.getAll(name);
  return more.length > 0 || value === "" ? undefined : value;
}
