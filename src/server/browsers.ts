/** What a browser is told before and after a page of another origin calls. */
export interface BrowserAnswer {
  /** For every answer to the request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the request only asks what may be sent. It carries no token, and these headers are the whole answer. */
  readonly isPreflight: boolean;
}

interface BrowserRequest {
  readonly method: string;
  /** A header by its lower-case name. */
  header(name: string): string | undefined;
}

/** What a page has to read of an answer: the SDKs' clients look for both of the first. */
const exposed = "WWW-Authenticate, Mcp-Session-Id, Retry-After";
const none: BrowserAnswer = { headers: {}, isPreflight: false };

/**
 * Lets pages of the listed origins call, with a token that they have themselves: cookies are never allowed. A request
 * from elsewhere gets no header more, so its browser keeps the answer from the page.
 * Source: Fetch Standard, CORS protocol.
 */
export function browserAnswer(origins: readonly string[], { method, header }: BrowserRequest): BrowserAnswer {
  if (origins.length === 0) return none;
  const origin = header("origin");
  // Caches must not give one origin's answer to another.
  const vary = { vary: "Origin" };
  if (origin === undefined || !origins.includes(origin)) return { headers: vary, isPreflight: false };
  const allowed = { ...vary, "access-control-allow-origin": origin };
  if (method !== "OPTIONS" || header("access-control-request-method") === undefined)
    return { headers: { ...allowed, "access-control-expose-headers": exposed }, isPreflight: false };
  return {
    headers: {
      ...allowed,
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": askedFor(header("access-control-request-headers")),
      "access-control-max-age": "600",
    },
    isPreflight: true,
  };
}

/** Any header may be sent: revision 2026-07-28 makes some out of the arguments of a tool. */
function askedFor(names = ""): string {
  return /^[\w!#$%&'*+.^`|~, -]{1,4000}$/.test(names) ? names : "authorization, content-type";
}
