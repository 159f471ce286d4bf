import {
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/client";
import type { TokenSource } from "hosted-agent-identity";
import type { Grant } from "./grants.js";

/** A token that is there already, as with passthrough. */
export function oneToken(token: string): TokenSource {
  return source("static", async () => ({ token, expiresAt: Date.now() + 3_600_000 }));
}

/**
 * Asks the authorization server of an MCP server. In an agent a developer configures where that is; here the
 * suite makes a new one for each scenario, so it is read from the metadata, once, before there is any user.
 */
export async function grantSource(url: string, grant: Grant): Promise<TokenSource> {
  const resource = await discoverOAuthProtectedResourceMetadata(url);
  const issuer = resource.authorization_servers?.[0] ?? new URL(url).origin;
  const server = await discoverAuthorizationServerMetadata(issuer);
  const endpoint = server?.token_endpoint ?? "";
  return source("grant", async () => {
    const headers = grant.basic === undefined ? undefined : { authorization: basic(...grant.basic) };
    const body = new URLSearchParams(await grant.form(server?.issuer ?? issuer, resource.resource));
    const answer = await fetch(endpoint, { method: "POST", body, ...(headers && { headers }) });
    if (!answer.ok) throw new Error(`The authorization server answered ${answer.status}.`);
    const { access_token: token, expires_in: seconds = 3_600 } = (await answer.json()) as {
      access_token: string;
      expires_in?: number;
    };
    return { token, expiresAt: Date.now() + seconds * 1_000 };
  });
}

function basic(clientId: string, clientSecret: string): string {
  const pair = [clientId, clientSecret].map(encodeURIComponent).join(":");
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

function source(kind: string, get: () => Promise<{ token: string; expiresAt: number }>): TokenSource {
  return {
    kind,
    provesUser: false,
    cacheScope: kind,
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    acquire: async () => ({ status: "token", token: { ...(await get()), source: kind } }),
  };
}
