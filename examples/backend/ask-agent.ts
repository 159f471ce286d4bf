/**
 * One turn with the agent, as a calling application sees it: `POST /responses` with the person's token
 * beside it, and an answer that is text, a request for consent, or a request to sign in again.
 */
export interface Question {
  /** The agent's `/responses` endpoint. */
  readonly endpoint: string;
  /** The person's token for the agent's own app; goes into `x-client-user-token`. */
  readonly userToken: string | undefined;
  /** The token that the platform checks and takes away; not needed when the agent is called directly. */
  readonly foundryToken?: string | undefined;
  /** More headers; only the demo, which stands in for the platform's gateway as well, has some. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly input: string;
  /** The response that was interrupted by a consent request, when this repeats its prompt. */
  readonly previousResponseId?: string | undefined;
  readonly signal?: AbortSignal;
}

export type AgentEvent =
  | { readonly type: "text"; readonly delta: string }
  /** Show it as a card. The link is for this person only: no log, no other page. */
  | {
      readonly type: "consent";
      readonly link: string;
      readonly serverLabel: string;
      readonly responseId: string;
    }
  /** The agent did not take the token: sign the person in again, with these claims. */
  | { readonly type: "sign_in"; readonly claims?: string | undefined }
  | { readonly type: "done"; readonly status: string; readonly responseId: string }
  | { readonly type: "error"; readonly message: string };

export async function* askAgent(question: Question, send: typeof fetch = fetch): AsyncGenerator<AgentEvent> {
  const { endpoint, userToken, foundryToken, headers, input, previousResponseId, signal } = question;
  const response = await send(endpoint, {
    method: "POST",
    // fetch would take the person's token along to wherever a redirect leads.
    redirect: "error",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(foundryToken === undefined ? {} : { authorization: `Bearer ${foundryToken}` }),
      ...(userToken === undefined ? {} : { "x-client-user-token": userToken }),
      ...headers,
    },
    body: JSON.stringify({
      input,
      stream: true,
      ...(previousResponseId === undefined ? {} : { previous_response_id: previousResponseId }),
    }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.status === 401) {
    await response.body?.cancel();
    yield { type: "sign_in", claims: claimsOf(response.headers.get("www-authenticate")) };
    return;
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    yield { type: "error", message: `The agent answered ${response.status}.` };
    return;
  }
  for await (const event of sseEvents(response.body)) yield* agentEvents(event);
}

/** The fields this back end reads; an event has more. */
interface ResponsesEvent {
  readonly type?: string;
  readonly delta?: string;
  readonly message?: string;
  readonly response?: {
    readonly id?: string;
    readonly status?: string;
    readonly error?: {
      readonly code?: string;
      readonly message?: string;
      /** What the next sign-in has to ask for, where the stream had begun before anybody knew. */
      readonly additionalInfo?: { readonly claims?: string };
    } | null;
    readonly output?: readonly { type?: string; consent_link?: string; server_label?: string }[];
  };
}

/** Codes of an agent that cannot go on before the person has signed in to this application again. */
const signInCodes = ["sign_in_required", "step_up_required", "user_token_expired"];

function* agentEvents(event: ResponsesEvent): Generator<AgentEvent> {
  const { type, response = {} } = event;
  const { id: responseId = "", status = "", error, output = [] } = response;
  if (type === "response.output_text.delta") yield { type: "text", delta: event.delta ?? "" };
  if (type === "error") yield { type: "error", message: event.message ?? "The agent failed." };
  if (type === "response.failed") {
    yield signInCodes.includes(error?.code ?? "")
      ? { type: "sign_in", claims: error?.additionalInfo?.claims }
      : { type: "error", message: error?.message ?? "The agent failed." };
  }
  // The output of the last event is the one that counts.
  if (type === "response.incomplete") {
    for (const { type: kind, consent_link: link, server_label: serverLabel = "a server" } of output) {
      if (kind === "oauth_consent_request" && link !== undefined && isHttps(link)) {
        yield { type: "consent", link, serverLabel, responseId };
      }
    }
  }
  if (type === "response.completed" || type === "response.incomplete")
    yield { type: "done", status, responseId };
}

/** A link from an agent is put into a page: never anything a browser would run. http is for loopback only. */
function isHttps(link: string): boolean {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const loopback = url?.protocol === "http:" && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  return (
    url !== undefined && (url.protocol === "https:" || loopback) && url.username === "" && url.password === ""
  );
}

/** Server-sent events of a body; each holds one JSON object. */
async function* sseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ResponsesEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart())
        .join("\n");
      if (data !== "") yield JSON.parse(data) as ResponsesEvent;
    }
  }
}

/**
 * The claims of a `WWW-Authenticate` challenge, as JSON for the next sign-in. Source: learn.microsoft.com,
 * identity-platform/claims-challenge: base64 of a JSON object, in quotes.
 */
function claimsOf(challenge: string | null): string | undefined {
  const encoded = /\bclaims="([A-Za-z0-9+/_=-]+)"/.exec(challenge ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  try {
    return typeof JSON.parse(text) === "object" ? text : undefined;
  } catch {
    return undefined;
  }
}
