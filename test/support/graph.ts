import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { EntraEmulator } from "hosted-agent-identity/testing";
import { listening } from "./listening.js";

export interface Graph {
  /** As `https://graph.microsoft.com/v1.0`. */
  readonly url: string;
  /** Object id and path of each request that brought a good token. */
  readonly seen: readonly { readonly oid: string; readonly path: string; readonly token: string }[];
  /** What the next request is answered with instead. */
  answerNext(status: number, headers: Record<string, string>): void;
  close(): Promise<void>;
}

/** A REST API in Graph's shape, which takes only tokens for Graph with the scope `User.Read`. */
export async function startGraph(entra: EntraEmulator): Promise<Graph> {
  const tenant = entra.tenants[0]?.id ?? "";
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${tenant}/discovery/v2.0/keys`));
  const seen: { oid: string; path: string; token: string }[] = [];
  const next: { status: number; headers: Record<string, string> }[] = [];
  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
    };
    const verified = await jwtVerify(token, keys, { audience: "https://graph.microsoft.com" }).catch(
      () => undefined,
    );
    const { oid, scp } = (verified?.payload ?? {}) as { oid?: string; scp?: string };
    if (oid === undefined || !scp?.split(" ").includes("User.Read"))
      return answer(401, { error: { code: "InvalidAuthenticationToken" } });
    seen.push({ oid, path, token });
    const instead = next.shift();
    if (instead !== undefined) return answer(instead.status, { error: { code: "instead" } }, instead.headers);
    const displayName = entra.user(oid).name;
    return answer(200, { id: oid, displayName });
  });
  const host = await listening(server);
  return {
    url: `${host.url}/v1.0`,
    seen,
    answerNext: (status, headers) => void next.push({ status, headers }),
    close: host.close,
  };
}
