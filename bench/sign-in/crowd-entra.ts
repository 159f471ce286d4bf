/** The process of the emulator: tells its addresses, and the processor time it has used when it is asked. */
import { once } from "node:events";
import { startEntra } from "hosted-agent-identity/testing";
import type { EntraStart, EntraStarted } from "./crowd-messages.js";

const [{ people, redirectUri }] = (await once(process, "message")) as [EntraStart];
const agentSecret = "bench-secret";
const entra = await startEntra({
  apps: [
    { name: "agent", scopes: ["chat"], secrets: [agentSecret], redirectUris: [redirectUri] },
    { name: "mcp", scopes: ["access_as_user"] },
  ],
  users: Array.from({ length: people }, (_, number) => ({ name: `User ${number}` })),
});
// People have consented before: its page is the emulator's, and no part of what is measured.
entra.grantConsent({ allUsers: true, client: "agent", resource: "mcp", scopes: ["access_as_user"] });
const started: EntraStarted = {
  origin: entra.origin,
  tenantId: entra.tenants[0]?.id ?? "",
  agentApp: entra.app("agent").clientId,
  agentSecret,
  mcpApp: entra.app("mcp").clientId,
  oids: entra.users.map(({ oid }) => oid),
};
process.send?.(started);
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1000);
});
process.on("disconnect", () => process.exit(0));
