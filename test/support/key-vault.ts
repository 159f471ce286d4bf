import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from "jose";
import type { EntraEmulator } from "hosted-agent-identity/testing";
import { testTls } from "./test-tls.js";

/** A request as it arrived: whose token it had, if any, and how long its body was. */
export interface VaultRequest {
  readonly method: string;
  readonly path: string;
  readonly oid: string | undefined;
  readonly token: string | undefined;
  readonly bodyLength: number;
}

export interface KeyVault {
  readonly url: string;
  readonly requests: readonly VaultRequest[];
  /** Tokens that are out stop working until another one is asked for with these claims. */
  revoke(oid: string): void;
  close(): Promise<void>;
}

/** The claims that continuous access evaluation asks for. Source: learn.microsoft.com, app-resilience-continuous-access-evaluation. */
const caeClaims = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

/**
 * Key Vault's data plane for secrets, as far as a client can tell: the first request is refused with a challenge
 * that names authority and resource, tokens are verified, and everybody sees secrets of their own.
 * Source: learn.microsoft.com, key-vault/general/authentication-requests-and-responses.
 */
export async function startKeyVault(entra: EntraEmulator, resource: string): Promise<KeyVault> {
  const tenant = entra.tenants[0]?.id ?? "";
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${tenant}/discovery/v2.0/keys`));
  const requests: VaultRequest[] = [];
  const secrets = new Map<string, string>();
  const revoked = new Set<string>();
  const latest = new Map<string, string>();

  const server = createServer(testTls(), async (request, response) => {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
    };
    let body = "";
    for await (const chunk of request) body += chunk;
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const claims = await verified(token);
    const oid = claims?.["oid"] as string | undefined;
    const path = new URL(request.url ?? "", "https://vault").pathname;
    requests.push({ method: request.method ?? "", path, oid, token, bodyLength: body.length });
    if (token === undefined || oid === undefined) {
      const challenge = `Bearer authorization="https://login.elsewhere.example/${tenant}", resource="${resource}"`;
      return answer(401, { error: { code: "Unauthorized" } }, { "www-authenticate": challenge });
    }
    if (revoked.has(token)) {
      const claims = Buffer.from(caeClaims, "utf8").toString("base64");
      const challenge = `Bearer realm="", authorization_uri="https://login.elsewhere.example/oauth2/authorize", error="insufficient_claims", claims="${claims}"`;
      return answer(401, { error: { code: "Unauthorized" } }, { "www-authenticate": challenge });
    }
    latest.set(oid, token);
    const name = path.split("/")[2] ?? "";
    const key = JSON.stringify([oid, name]);
    if (request.method === "PUT") secrets.set(key, (JSON.parse(body) as { value: string }).value);
    const value = secrets.get(key);
    if (value === undefined) return answer(404, { error: { code: "SecretNotFound", message: "not found" } });
    return answer(200, { value, id: `${url}/secrets/${name}/1`, attributes: { enabled: true } });
  });

  async function verified(token: string | undefined): Promise<JWTPayload | undefined> {
    if (token === undefined) return undefined;
    const { payload } = await jwtVerify(token, keys, { audience: resource });
    return payload["scp"] === "user_impersonation" ? payload : undefined;
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    revoke(oid) {
      const token = latest.get(oid);
      if (token !== undefined) revoked.add(token);
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
