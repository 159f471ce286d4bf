import { createMcpExpressApp } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { callerOf, protectMcpServer, type McpServerOptions } from "hosted-agent-identity/server";
import * as z from "zod";

/** A person's own contacts: the key is the principal, never a name or an e-mail address. */
const contacts = new Map<string, string[]>();

/** One server for each request: SDK v2 needs no sessions. */
function contactsServer(): McpServer {
  const server = new McpServer({ name: "contacts", version: "1.0.0" });
  server.registerTool("list_contacts", { description: "The caller's contacts." }, (context) => {
    const { principalKey } = callerOf(context.http?.authInfo);
    return text(contacts.get(principalKey) ?? []);
  });
  server.registerTool(
    "add_contact",
    { description: "Adds a contact.", inputSchema: z.object({ name: z.string().min(1).max(100) }) },
    ({ name }, context) => {
      const { principalKey } = callerOf(context.http?.authInfo);
      const all = [...(contacts.get(principalKey) ?? []), name];
      contacts.set(principalKey, all);
      return text(all);
    },
  );
  return server;
}

/**
 * An MCP server that knows who is calling. Everybody who may call may list; adding needs a scope of its own, which
 * the agent asks the person for when it is needed first.
 */
export function contactsApp(
  options: Pick<McpServerOptions, "url" | "app">,
): ReturnType<typeof createMcpExpressApp> {
  const gate = protectMcpServer({
    ...options,
    name: "Contacts",
    scopes: ["access_as_user"],
    tools: { add_contact: { scopes: ["Contacts.Write"] } },
  });
  const handler = toNodeHandler(createMcpHandler(contactsServer));
  const { hostname, pathname } = new URL(options.url);
  // Against DNS rebinding and pages of other sites. The SDK's app compares each of the two headers only where it is
  // told with what.
  const app = createMcpExpressApp({ allowedHosts: [hostname], allowedOrigins: [hostname] });
  app.use(gate.serveMetadata);
  app.all(pathname, gate.middleware, (req, res) => handler(req, res, req.body));
  return app;
}

function text(value: unknown) {
  return { content: [{ type: "text" as const, text: JSON.stringify(value) }] };
}
