import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { claimsOf, jwt } from "./people.js";

/** The one token endpoint that the package and its peers are measured against, on a loopback port. */
export interface TokenEndpoint {
  readonly origin: string;
  /** How many token requests came so far. */
  posts(): number;
  /** Answers this user with a status from now on, until told otherwise. */
  refuse(oid: string, status: number, headers?: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

export async function tokenEndpoint(): Promise<TokenEndpoint> {
  const refused = new Map<string, { status: number; headers: Readonly<Record<string, string>> }>();
  let posts = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") return void response.writeHead(405).end();
      posts += 1;
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const { oid, tid } = claimsOf(form.get("assertion") ?? "");
      const refusal = refused.get(String(oid));
      const { status, headers } = refusal ?? { status: 200, headers: {} };
      const body = refusal === undefined ? tokens(String(oid), String(tid), form) : failure(status);
      response
        .writeHead(status, { "content-type": "application/json", ...headers })
        .end(JSON.stringify(body));
    });
  });
  // A socket must not be closed between two rounds: whoever uses it next would measure the reconnection.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts: () => posts,
    refuse: (oid, status, headers = {}) => void refused.set(oid, { status, headers }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** What Entra answers to an exchange that asks for `openid profile offline_access` too. */
export function tokens(oid: string, tid: string, form: URLSearchParams): Record<string, unknown> {
  const aud = form.get("client_id");
  const now = Math.floor(Date.now() / 1000);
  return {
    token_type: "Bearer",
    scope: form.get("scope"),
    expires_in: 3600,
    ext_expires_in: 3600,
    access_token: jwt({ oid, tid, scp: "access_as_user" }),
    refresh_token: `0.${"r".repeat(1000)}${oid}`,
    id_token: jwt({ oid, tid, aud, sub: oid, ver: "2.0", iss: issuer(tid), iat: now, exp: now + 3600 }, 900),
    client_info: Buffer.from(JSON.stringify({ uid: oid, utid: tid })).toString("base64url"),
  };
}

function issuer(tid: string): string {
  return `https://login.microsoftonline.com/${tid}/v2.0`;
}

function failure(status: number): Record<string, unknown> {
  const code = status === 429 ? 90_055 : 90_033;
  return {
    error: "temporarily_unavailable",
    error_description: `AADSTS${code}: try again later.`,
    error_codes: [code],
    trace_id: "11111111-1111-1111-1111-111111111111",
    correlation_id: "22222222-2222-2222-2222-222222222222",
  };
}
