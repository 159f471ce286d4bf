import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { freePort } from "../free-port.js";
import { startContactsServer, type ContactsServer } from "../mcp-server.js";

/** Entra and the MCP server, and what an administrator has registered. */
export interface AgentIdentitySetting {
  readonly entra: EntraEmulator;
  readonly contacts: ContactsServer;
  /** Where the agent listens. */
  readonly port: number;
  close(): Promise<void>;
}

const scope = "access_as_user";

export async function startAgentIdentitySetting(): Promise<AgentIdentitySetting> {
  const port = await freePort();
  const entra = await startEntra({
    apps: [
      { name: "the front end" },
      {
        name: "the blueprint",
        scopes: ["access_agent"],
        // No secret: the container's managed identity stands for the blueprint.
        federatedCredentials: [{ managedIdentity: "the container" }],
        agentIdentities: ["the agent identity"],
        inheritablePermissions: [{ resource: "the contacts app", scopes: [scope] }],
        redirectUris: [`http://127.0.0.1:${port}/consented`],
      },
      { name: "the contacts app", scopes: [scope] },
    ],
    users: [
      { name: "Katherine Johnson" },
      { name: "Dorothy Vaughan" },
      { name: "Mary Winston", admin: true },
    ],
    managedIdentities: [{ name: "the container" }],
  });
  const label = (id = ""): string => entra.apps.find(({ clientId }) => clientId === id)?.name ?? id;
  const contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("the contacts app").clientId,
    scope,
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: ["Mary Jackson"] })),
    onVerified({ call, oid, name, azp }) {
      if (call.startsWith("tools/call"))
        console.log(`  [MCP server] ${call}: oid ${oid} (${name}), azp ${azp} (${label(azp)})`);
    },
  });
  return {
    entra,
    contacts,
    port,
    async close() {
      await Promise.all([entra.close(), contacts.close()]);
    },
  };
}
