/** One of the two servers that are compared: ours, or Microsoft's host. */
export interface ContractServer {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, if it is JSON. */
  readonly json: Json;
  /** The events, if it is a stream. */
  readonly events: readonly Json[];
}

/** JSON as it came: rows look at what they want to. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** Sends a body to `/responses`: as it is if it is a text, else as JSON. */
export async function post(
  { url, headers }: ContractServer,
  body: unknown,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return ask(url, "/responses", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers, ...more },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Asks for another address of the protocol. */
export function ask(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  return fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(20_000) }).then(read);
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const events = text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Json);
  return { status: response.status, headers: response.headers, text, json: parsed(text), events };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
