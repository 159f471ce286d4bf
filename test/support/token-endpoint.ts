import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeClaims } from "../../src/entra/token-claims.js";

/** A scripted token endpoint: for answers that no real Entra, and so no emulator, would give. */
export interface TokenEndpoint {
  readonly origin: string;
  /** The form of each request, in order. */
  readonly forms: readonly URLSearchParams[];
  readonly paths: readonly string[];
  /** Answers from now on; default: a token for whoever the assertion names. */
  answer(answer: Answer): void;
  close(): Promise<void>;
}

export type Answer = (
  form: URLSearchParams,
  response: ServerResponse,
  request: IncomingMessage,
) => void | Promise<void>;

export async function tokenEndpoint(): Promise<TokenEndpoint> {
  const forms: URLSearchParams[] = [];
  const paths: string[] = [];
  let current: Answer = (form, response) => json(response, 200, goodBody(form));
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    forms.push(form);
    paths.push(request.url ?? "");
    await current(form, response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forms,
    paths,
    answer: (answer) => void (current = answer),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

let issued = 0;

/** What Entra would answer: a token, and the id token that says whose it is. */
export function goodBody(
  form: URLSearchParams,
  overrides: Record<string, unknown> = {},
): Record<string, unknown> {
  const { tid, oid } = decodeClaims(form.get("assertion") ?? "") ?? {};
  issued += 1;
  return {
    token_type: "Bearer",
    scope: form.get("scope"),
    expires_in: 3600,
    ext_expires_in: 3600,
    access_token: unsigned({ oid, tid, n: issued }),
    id_token: unsigned({
      oid,
      tid,
      aud: form.get("client_id"),
      sub: "pairwise",
      ver: "2.0",
      iss: "issuer",
      exp: 4_000_000_000,
    }),
    ...overrides,
  };
}

/** Entra's way of saying no. */
export function refusal(
  error: string,
  code: number,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    error,
    error_description: `AADSTS${code}: secret-looking-description.`,
    error_codes: [code],
    trace_id: "11111111-1111-1111-1111-111111111111",
    correlation_id: "22222222-2222-2222-2222-222222222222",
    ...more,
  };
}

/** A token nobody verifies. */
export function unsigned(claims: Record<string, unknown>): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.c2lnbmF0dXJl`;
}
