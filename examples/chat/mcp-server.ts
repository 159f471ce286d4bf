/**
 * The other end: an MCP server that Entra protects. It knows nothing of hosted-agent-identity: tokens are
 * verified with jose, for its own audience, and every tool acts for the person the token names.
 *
 * One factory serves both eras of the protocol: 2026-07-28, and 2025 without sessions.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createMcpExpressApp,
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
  requireBearerAuth,
} from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  type AuthInfo,
  type CallToolResult,
} from "@modelcontextprotocol/server";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";

export interface ContactsServerOptions {
  /** 0 takes any free port. */
  readonly port?: number;
  /** Where the tenant signs in, for example `https://login.microsoftonline.com`. */
  readonly loginEndpoint: string;
  readonly tenantId: string;
  /** This server's own client id: the audience of version 2 tokens. */
  readonly clientId: string;
  /** The scope without its resource, for example `Contacts.Access`. */
  readonly scope: string;
  /** Whose contacts are kept here, by object id. */
  readonly people: readonly Person[];
  /** Called for every request whose token was verified. */
  readonly onVerified?: (entry: VerifiedCall) => void;
}

export interface Person {
  readonly oid: string;
  readonly role: "editor" | "reader";
  readonly contacts: readonly string[];
}

/** What the server saw in a verified token; never the token. */
export interface VerifiedCall {
  readonly at: number;
  readonly oid: string;
  readonly tid: string;
  readonly name: string | undefined;
  /** The client that called. */
  readonly azp: string | undefined;
  readonly aud: string;
  readonly scp: string;
  /** The protocol's method, and the tool's name when one was called. */
  readonly call: string;
}

export interface ContactsServer {
  readonly url: string;
  /** Every request with a verified token, oldest first. */
  readonly verified: readonly VerifiedCall[];
  close(): Promise<void>;
}

export async function startContactsServer(options: ContactsServerOptions): Promise<ContactsServer> {
  const verified: VerifiedCall[] = [];
  const people = new Map(options.people.map((one) => [one.oid, { ...one, contacts: [...one.contacts] }]));
  const app = createMcpExpressApp();
  const server = await listen(app, options.port ?? 0);
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  const issuer = `${options.loginEndpoint}/${options.tenantId}/v2.0`;
  const authority = `${options.loginEndpoint}/${options.tenantId}/oauth2/v2.0`;

  app.use(
    mcpAuthMetadataRouter({
      resourceServerUrl: url,
      scopesSupported: [`api://${options.clientId}/${options.scope}`],
      resourceName: "Contacts",
      oauthMetadata: {
        issuer,
        authorization_endpoint: `${authority}/authorize`,
        token_endpoint: `${authority}/token`,
        response_types_supported: ["code"],
      },
    }),
  );

  const bearer = requireBearerAuth({
    verifier: { verifyAccessToken: verifier(options, issuer, url) },
    requiredScopes: [options.scope],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
  });
  const handler = createMcpHandler(({ authInfo }) => contactsFor(callerOf(authInfo), people));
  const node = toNodeHandler(handler);
  app.all("/mcp", bearer, async (req, res) => {
    const entry: VerifiedCall = { at: Date.now(), ...callerOf(req.auth), call: calledBy(req.body) };
    verified.push(entry);
    options.onVerified?.(entry);
    await node(req, res, req.body);
  });

  return {
    url: url.href,
    verified,
    async close() {
      await handler.close();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

type Caller = Omit<VerifiedCall, "at" | "call">;

function verifier(options: ContactsServerOptions, issuer: string, url: URL) {
  const keys = createRemoteJWKSet(
    new URL(`${options.loginEndpoint}/${options.tenantId}/discovery/v2.0/keys`),
  );
  return async (token: string): Promise<AuthInfo> => {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["RS256"],
      issuer,
      audience: options.clientId,
      requiredClaims: ["exp", "oid", "tid"],
    }).catch(refuse);
    const { oid, tid, azp, scp, name, exp } = payload as Record<string, unknown>;
    // A token with an object id and no delegated scope is an application's own: nobody's contacts.
    if (typeof oid !== "string" || typeof scp !== "string" || tid !== options.tenantId) {
      throw new OAuthError(
        OAuthErrorCode.InvalidToken,
        "The token does not stand for a person of this tenant",
      );
    }
    const client = typeof azp === "string" ? azp : undefined;
    const caller: Caller = {
      oid,
      tid: options.tenantId,
      name: typeof name === "string" ? name : undefined,
      azp: client,
      aud: options.clientId,
      scp,
    };
    return {
      token,
      clientId: client ?? "",
      scopes: scp.split(" "),
      expiresAt: Number(exp),
      resource: url,
      extra: { caller },
    };
  };
}

/** jose's reasons are about claims and keys; they hold nothing of the token. */
function refuse(error: unknown): never {
  if (!(error instanceof errors.JOSEError)) throw error;
  throw new OAuthError(OAuthErrorCode.InvalidToken, `The token was refused: ${error.code}`);
}

function callerOf(auth: AuthInfo | undefined): Caller {
  const caller = auth?.extra?.["caller"];
  if (caller === undefined) throw new Error("The request came past the token check.");
  return caller as Caller;
}

/** The tools as one person has them. */
function contactsFor(caller: Caller, people: ReadonlyMap<string, { role: string; contacts: string[] }>) {
  const server = new McpServer({ name: "contacts", version: "1.0.0" });
  const own = people.get(caller.oid);

  server.registerTool("whoami", { description: "Who the server takes the caller for." }, () =>
    result({ oid: caller.oid, name: caller.name ?? "", role: own?.role ?? "none" }),
  );
  server.registerTool("my_contacts", { description: "The caller's own contacts." }, () =>
    result({ owner: caller.name ?? "", contacts: own?.contacts ?? [] }),
  );
  server.registerTool(
    "delete_contact",
    {
      description: "Deletes one of the caller's contacts. Editors only.",
      inputSchema: z.object({ name: z.string().min(1).max(200) }),
      annotations: { destructiveHint: true },
    },
    ({ name }) => {
      if (own?.role !== "editor") {
        return failure(`Only editors may delete contacts; ${caller.name ?? "the caller"} is a reader.`);
      }
      const index = own.contacts.findIndex((one) => one.toLowerCase() === name.toLowerCase());
      if (index < 0) return failure(`There is no contact ${JSON.stringify(name)}.`);
      const [deleted] = own.contacts.splice(index, 1);
      return result({ deleted, left: own.contacts });
    },
  );
  return server;
}

function result(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value };
}

function failure(text: string): CallToolResult {
  return { content: [{ type: "text", text }], isError: true };
}

function calledBy(body: unknown): string {
  const message = Object(body) as { method?: unknown; params?: { name?: unknown } };
  const method = typeof message.method === "string" ? message.method : "no method";
  return method === "tools/call" ? `${method} ${String(message.params?.name)}` : method;
}

function listen(app: ReturnType<typeof createMcpExpressApp>, port: number): Promise<Server> {
  return new Promise((done, failed) => {
    const server = app.listen(port, "127.0.0.1", (error) => (error ? failed(error) : done(server)));
  });
}
