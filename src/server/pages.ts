import { mayNeedInput, urlCapability } from "../access/elicitation-capability.js";
import { boundedMap } from "../async/bounded-map.js";
import type { ConsentReason, ConsentRequest } from "../errors.js";
import { digest } from "../sealing/digest.js";

/**
 * How a request may be answered with pages for its user to open. `input_required`: in its result, since MCP 2026-07-28.
 * `url_required`: in an error, in MCP 2025-11-25. `undeclared`: not at all, because its client has not said that it
 * takes URLs.
 */
export type PageAnswer = "input_required" | "url_required" | "undeclared";

/** A request of JSON-RPC, as far as its answer depends on it. */
export interface AskedRequest {
  readonly id: unknown;
  /** The tool that is called. */
  readonly tool: string | undefined;
  /** Whether it is of MCP 2026-07-28 or later. */
  readonly isModern: boolean;
  readonly pages: PageAnswer;
}

/** The request that a parsed body is; `undefined` for a batch, and for one whose answer is never a page. */
export function askedRequest(body: unknown, takesUrls: boolean): AskedRequest | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const { id, method, params } = body as Readonly<Record<string, unknown>>;
  if (id === undefined || !mayNeedInput(method)) return undefined;
  const capability = urlCapability(body);
  const isModern = capability !== "unsaid";
  const older = takesUrls ? "url_required" : "undeclared";
  const { name } = Object(params) as { name?: unknown };
  return {
    id,
    tool: method === "tools/call" && typeof name === "string" ? name : undefined,
    isModern,
    pages: !isModern ? older : capability === "declared" ? "input_required" : "undeclared",
  };
}

/** The codes of MCP 2025-11-25 (URL elicitation required) and 2026-07-28 (missing client capability). */
const codes = { required: -32042, undeclared: -32021 } as const;

/**
 * The answer that asks the user to open pages: theirs alone, which is why the links are in no other part of it.
 * Source: MCP 2025-11-25 and 2026-07-28, elicitation in URL mode.
 */
export function pagesAnswer(asked: AskedRequest | undefined, requests: readonly ConsentRequest[]): object {
  const { id = null, pages = "undeclared" } = asked ?? {};
  const message = (more: object): object => ({ jsonrpc: "2.0", id, ...more });
  if (pages === "undeclared") {
    const data = { requiredCapabilities: { elicitation: { url: {} } } };
    return message({ error: { code: codes.undeclared, message: undeclaredText, data } });
  }
  const asking = requests.map(({ link, serverLabel, reason }) => ({
    mode: "url",
    elicitationId: digest(link),
    url: link,
    message: texts[reason](JSON.stringify(serverLabel)),
  }));
  if (pages === "url_required")
    return message({
      error: {
        code: codes.required,
        message: "The user has to complete a step in the browser.",
        data: { elicitations: asking },
      },
    });
  const inputRequests = asking.map(({ elicitationId, mode, url, message: why }) => [
    elicitationId,
    { method: "elicitation/create", params: { mode, url, message: why } },
  ]);
  return message({
    result: { resultType: "input_required", inputRequests: Object.fromEntries(inputRequests) },
  });
}

/** What a client is told that takes no pages. */
export const undeclaredText: string =
  "The user has to open a page before this call can succeed, and this client has not declared elicitation.url. " +
  "An agent with hosted-agent-identity declares it with elicitation: { allowedLinks: [...] } of protectedResource().";

const texts: Readonly<Record<ConsentReason, (label: string) => string>> = {
  consent: (label) => `Your consent is needed to use ${label} for you.`,
  admin_consent: (label) => `An administrator has to approve the use of ${label}.`,
  sign_in: (label) => `Sign in once, so that ${label} can be used for you.`,
  step_up: (label) => `${label} needs a stronger sign-in.`,
  elicitation: (label) => `${label} needs a step of yours.`,
};

/** Which clients of MCP 2025-11-25 take URLs: they say so once, in `initialize`. */
export interface UrlClients {
  has(client: InitializedClient): boolean;
  note(client: InitializedClient, takesUrls: boolean): void;
}

/** A client as later requests name it. Without a session it is the application that a caller uses. */
export interface InitializedClient {
  readonly sessionId: string | undefined;
  readonly principalKey: string;
  readonly clientId: string;
}

const maxClients = 100_000;

/** Creates an empty, bounded record. */
export function urlClients(max: number = maxClients): UrlClients {
  const known = boundedMap<string, boolean>(max);
  const keyOf = ({ sessionId, principalKey, clientId }: InitializedClient): string =>
    sessionId === undefined ? digest("client", principalKey, clientId) : digest("session", sessionId);
  return {
    // Most servers note nobody: then no name is made.
    has: (client) => known.size > 0 && known.get(keyOf(client)) === true,
    note: (client, takesUrls) => void known.set(keyOf(client), takesUrls),
  };
}

/** Whether the client of an `initialize` takes URLs; `undefined` for any other body. */
export function initializedWithUrls(body: unknown): boolean | undefined {
  if (typeof body !== "object" || body === null || (body as { method?: unknown }).method !== "initialize")
    return undefined;
  return urlCapability(body) === "declared";
}
