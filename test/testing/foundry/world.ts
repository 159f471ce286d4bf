import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { ResponsesRun } from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import {
  type EntraEmulator,
  type FoundryEmulator,
  type FoundryOptions,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { startMcpServer, type McpTestServer } from "../../support/mcp-servers.js";
import { decodeJwt } from "jose";

export const foundryAudience = "https://ai.azure.com";

/** Two people, a back end, an agent identity, and an MCP server that knows people by their tokens. */
export interface FoundryWorld {
  readonly entra: EntraEmulator;
  readonly mcp: McpTestServer;
  readonly audience: string;
  /** How people are signed in for the source. */
  readonly connection: { readonly type: "oauth2"; readonly app: string; readonly scopes: readonly string[] };
  readonly people: NonNullable<FoundryOptions["toolboxes"]>[number]["sources"][number];
  start(options?: Partial<FoundryOptions>): Promise<FoundryEmulator>;
  /** A token for Foundry. */
  tokenOf(user: string): Promise<string>;
  appToken(name?: string): Promise<string>;
  agentToken(): Promise<string>;
  close(): Promise<void>;
}

export async function foundryWorld(now: () => number = Date.now): Promise<FoundryWorld> {
  const entra = await startEntra({
    now,
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      { name: "chat", secrets: ["chat-secret"], installedIn: ["Fabrikam"] },
      { name: "backend", secrets: ["backend-secret"] },
      { name: "connection", secrets: ["connection-secret"] },
      { name: "people", scopes: ["people.read"] },
      { name: "blueprint", scopes: ["access_agent"] },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }, { name: "Zoe", tenant: "Fabrikam" }],
    managedIdentities: [{ name: "agent identity" }, { name: "another identity" }],
  });
  const [audience = ""] = entra.app("people").identifierUris;
  const mcp = await startMcpServer({ kind: "v1-sessions", whose: (token) => personOf(entra, token) });
  const scopes = [`${audience}/people.read`, "offline_access"];
  const connection = { type: "oauth2", app: "connection", scopes } as const;
  const started: FoundryEmulator[] = [];
  return {
    entra,
    mcp,
    audience,
    connection,
    people: { name: "people", url: mcp.url, auth: connection },
    async start(options = {}) {
      const foundry = await startFoundry({ entra, now, readinessTimeoutMs: 200, ...options });
      started.push(foundry);
      return foundry;
    },
    tokenOf: (user) => entra.issueUserToken({ user, app: foundryAudience, client: "chat" }),
    appToken: (name = "backend") => entra.issueAppToken({ app: foundryAudience, client: name }),
    agentToken: () => identityToken(entra, entra.managedIdentity.identities[0]?.clientId ?? ""),
    async close() {
      await Promise.all(started.map((foundry) => foundry.close()));
      await mcp.close();
      await entra.close();
    },
  };
}

/** The name of the person whose token it is, for the MCP server; undefined for any other token. */
function personOf(entra: EntraEmulator, token: string): string | undefined {
  const { aud, oid, scp, idtyp } = decodeJwt(token);
  if (aud !== entra.app("people").clientId && aud !== entra.app("people").identifierUris[0]) return undefined;
  if (idtyp === "app") return "agent";
  return scp === undefined ? undefined : entra.users.find((user) => user.oid === oid)?.name;
}

export async function identityToken(entra: EntraEmulator, clientId: string): Promise<string> {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = entra.managedIdentity.env;
  const query = new URLSearchParams({
    "api-version": "2019-08-01",
    resource: foundryAudience,
    client_id: clientId,
  });
  const response = await fetch(`${IDENTITY_ENDPOINT}?${query}`, {
    headers: { "x-identity-header": IDENTITY_HEADER },
  });
  return (await response.json()).access_token;
}

export interface RunningContainer {
  readonly url: string;
  readonly seen: {
    readonly headers: NodeJS.Dict<string | string[]>;
    readonly rawHeaders: readonly string[];
  }[];
  close(): Promise<void>;
}

/** A container as this package makes it: Express, `userContext()` and `responses()`, on a real socket. */
export async function startContainer(run: ResponsesRun): Promise<RunningContainer> {
  const seen: RunningContainer["seen"] = [];
  const app = express();
  app.get("/readiness", (_request, response) => void response.sendStatus(200));
  app.use((request, _response, next) => {
    seen.push({ headers: { ...request.headers }, rawHeaders: [...request.rawHeaders] });
    next();
  });
  app.use(
    userContext({
      verify: () => Promise.reject(new Error("no token was expected")),
      platformUserId: "one-person",
      environment: {
        hosted: true,
        agentName: "agent",
        projectEndpoint: "http://127.0.0.1/api/projects/support",
      },
    }),
  );
  app.post(
    "/responses",
    responses(run, { agentReference: { type: "agent_reference", name: "agent", version: "1" } }),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export async function ask(
  foundry: FoundryEmulator,
  token: string,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(foundry.responsesUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}
