import { randomUUID } from "node:crypto";
import {
  startEntra,
  startFoundry,
  type EntraEmulator,
  type FoundryEmulator,
} from "hosted-agent-identity/testing";
import { freePort } from "../free-port.js";
import { startContactsServer, type ContactsServer } from "../mcp-server.js";

/** Entra, the MCP server, and a project of Foundry with a toolbox. */
export interface ToolboxSetting {
  readonly entra: EntraEmulator;
  readonly foundry: FoundryEmulator;
  readonly contacts: ContactsServer;
  /** Where the agent listens. */
  readonly port: number;
  close(): Promise<void>;
}

const scope = "access_as_user";

export async function startToolboxSetting(): Promise<ToolboxSetting> {
  const port = await freePort();
  const entra = await startEntra({
    apps: [
      { name: "the front end" },
      { name: "the back end", secrets: [randomUUID()] },
      { name: "the connection", secrets: [randomUUID()] },
      { name: "the contacts app", scopes: [scope] },
    ],
    users: [{ name: "Katherine Johnson" }, { name: "Dorothy Vaughan" }],
    managedIdentities: [{ name: "the agent" }],
  });
  const contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("the contacts app").clientId,
    scope,
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: ["Mary Jackson"] })),
    onVerified({ call, oid, name }) {
      if (call.startsWith("tools/call")) console.log(`  [MCP server] ${call}: oid ${oid} (${name})`);
    },
  });
  const foundry = await startFoundry({
    entra,
    agentUrl: `http://127.0.0.1:${port}`,
    readinessTimeoutMs: 20_000,
    // Links as the platform makes them: the agent lets people follow those to its consent hosts only.
    consentLinks: "platform",
    impersonators: ["the back end"],
    toolboxes: [
      {
        name: "people",
        sources: [
          {
            name: "contacts",
            url: contacts.url,
            requireApproval: { whoami: "never", my_contacts: "never" },
            auth: {
              type: "oauth2",
              app: "the connection",
              scopes: [`api://${entra.app("the contacts app").clientId}/${scope}`, "offline_access"],
            },
          },
        ],
      },
    ],
  });
  return {
    entra,
    foundry,
    contacts,
    port,
    async close() {
      await Promise.all([foundry.close(), entra.close(), contacts.close()]);
    },
  };
}
