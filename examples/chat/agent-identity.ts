/**
 * `npm run demo -- --once --agent-identity`: callers bring tokens for the agent's blueprint, and the agent calls
 * the MCP server as the person, with an agent identity as the client. An agent identity has no consent screen:
 * an administrator consents once, for the blueprint, and its agent identities inherit it.
 */
import { startAgentIdentitySetting, type AgentIdentitySetting } from "./agent-identity/setting.js";
import { tell } from "./agent-identity/story.js";
import { judged } from "./checks.js";
import { startProcesses, type ProcessPlan } from "./processes.js";

/** Returns whether everything was seen as the person it was made for, through the agent identity. */
export function onceWithAgentIdentity(): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startAgentIdentitySetting();
    try {
      const processes = await startProcesses([agentIdentityProcess(setting)]);
      try {
        await tell({ setting, check });
      } finally {
        await processes.kill();
      }
    } finally {
      await setting.close();
    }
  });
}

/** The agent, and what it is told of its surroundings: no secret. */
export function agentIdentityProcess({ entra, contacts, port }: AgentIdentitySetting): ProcessPlan {
  return {
    name: "agent",
    file: new URL("agent-identity/agent-process.ts", import.meta.url),
    env: {
      ...entra.managedIdentity.env,
      LOGIN_ENDPOINT: entra.origin,
      AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
      BLUEPRINT_CLIENT_ID: entra.app("the blueprint").clientId,
      ENTRA_AGENT_ID: entra.app("the agent identity").clientId,
      MCP_URL: contacts.url,
      MCP_CLIENT_ID: entra.app("the contacts app").clientId,
      PORT: String(port),
    },
  };
}
