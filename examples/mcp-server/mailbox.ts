import { createMcpExpressApp } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import {
  onBehalfOf,
  userAccess,
  type EntraApp,
  type ProtectedResource,
  type UserAccess,
} from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/express";
import { callerOf, protectMcpServer } from "hosted-agent-identity/server";
import { createSignIn, memoryStore } from "hosted-agent-identity/sign-in";

export interface MailboxOptions {
  /** The MCP endpoint, as its clients address it. */
  readonly url: string;
  /** This server's own app, with a credential: it exchanges the tokens that it gets. */
  readonly app: EntraApp;
  /** The API behind it. */
  readonly api: ProtectedResource;
  /** Where this server's sign-in pages are. `<publicUrl>/callback` is a redirect URI of `app`. */
  readonly publicUrl: string;
  readonly encryptionKey: string | Uint8Array;
  /** Looks at the access to the API; the demo breaks it here. */
  readonly through?: (mail: UserAccess) => Pick<UserAccess, "fetch">;
}

/**
 * An MCP server with an API behind it, each hop as the person. Before `read_mail` runs, the gate has a token for the API,
 * or has asked the person for what is missing: on pages of this server, as the person of the verified token.
 */
export function mailboxApp(options: MailboxOptions): ReturnType<typeof createMcpExpressApp> {
  const { url, app, api, publicUrl } = options;
  const signIn = createSignIn({
    app,
    agentName: "Mailbox server",
    publicUrl,
    resources: [api],
    // One process, and everybody signs in again when it starts anew: see docs/guides/sign-in.md for stores that last.
    store: memoryStore({ quiet: true }),
    encryptionKeys: [options.encryptionKey],
  });
  const mail = userAccess(api, [onBehalfOf(app), signIn.tokens()]);
  const { fetch } = options.through?.(mail) ?? mail;
  const gate = protectMcpServer({
    url,
    app,
    name: "Mailbox",
    scopes: ["access_as_user"],
    tools: { read_mail: { downstream: [mail] } },
  });

  function mailboxServer(): McpServer {
    const server = new McpServer({ name: "mailbox", version: "1.0.0" });
    // The gate runs tools as the caller, so `fetch` of the access acts as the same person.
    server.registerTool("read_mail", { description: "The caller's mail." }, async (context) => {
      const { oid } = callerOf(context.http?.authInfo);
      const response = await fetch(`${api.url}/messages`);
      if (!response.ok) throw new Error(`The API answered ${response.status}`);
      return {
        content: [{ type: "text", text: JSON.stringify({ caller: oid, mail: await response.json() }) }],
      };
    });
    return server;
  }

  const handler = toNodeHandler(createMcpHandler(mailboxServer));
  const { hostname, pathname } = new URL(url);
  const host = createMcpExpressApp({ allowedHosts: [hostname], allowedOrigins: [hostname] });
  host.use(gate.serveMetadata);
  host.use(new URL(publicUrl).pathname, webHandler(signIn.handler));
  host.all(pathname, gate.middleware, (req, res) => handler(req, res, req.body));
  return host;
}
