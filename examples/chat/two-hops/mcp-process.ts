/** The MCP server in a process of its own: examples/mcp-server/mailbox.ts. */
import { randomBytes } from "node:crypto";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { mailboxApp } from "../../mcp-server/mailbox.js";
import { cloud, env } from "../env.js";
import { sharingItsFirstToken } from "./breaks.js";

const port = Number(env("PORT"));
const origin = `http://127.0.0.1:${port}`;
const app = mailboxApp({
  url: `${origin}/mcp`,
  app: entraApp({
    tenantId: env("AZURE_TENANT_ID"),
    clientId: env("MCP_CLIENT_ID"),
    credential: clientSecret(env("MCP_CLIENT_SECRET")),
    cloud: cloud(),
  }),
  api: protectedResource({
    url: env("API_URL"),
    serverLabel: "Mail",
    scopes: [`api://${env("API_CLIENT_ID")}/Mail.Read`],
    audiences: [env("API_CLIENT_ID")],
  }),
  publicUrl: `${origin}/sign-in`,
  encryptionKey: randomBytes(32),
  ...(process.env["APP_BREAK"] === "shared-second-hop" ? { through: sharingItsFirstToken } : {}),
});
app.listen(port, "127.0.0.1", () => console.log("The MCP server is ready."));
