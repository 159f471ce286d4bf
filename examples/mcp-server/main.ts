/**
 * Serves the contacts: `MCP_URL=http://localhost:3001/mcp AZURE_TENANT_ID=… MCP_CLIENT_ID=… npx tsx
 * examples/mcp-server/main.ts`. The app registration is described in docs/guides/mcp-server.md.
 */
import { createServer } from "node:http";
import { contactsApp } from "./app.js";

const url = setting("MCP_URL");
const app = { tenantId: setting("AZURE_TENANT_ID"), clientId: setting("MCP_CLIENT_ID") };
const port = Number(process.env["PORT"] ?? 3001);
const server = createServer(contactsApp({ url, app })).listen(port, () => {
  console.log(`The contacts are served at ${url}, on port ${port}.`);
});
process.once("SIGTERM", () => server.close());

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`Set ${name}.`);
  return value;
}
