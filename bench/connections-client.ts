/** A process that exchanges now and then. */
import { setTimeout as sleep } from "node:timers/promises";
import { clientSecret, entraApp, onBehalfOf, userAccess } from "hosted-agent-identity";
import { resource } from "./ours.js";
import { agentApp, contextOf, people, tenant } from "./people.js";

const { ENDPOINT: loginEndpoint = "", KEPT, EXCHANGES, APART_MS } = process.env;
const app = entraApp({
  tenantId: tenant,
  clientId: agentApp,
  credential: clientSecret("bench-secret"),
  cloud: { loginEndpoint },
  ...(KEPT === "true" ? { connections: {} } : {}),
});
const contacts = userAccess(resource, [onBehalfOf(app)]);
for (const user of people(Number(EXCHANGES))) {
  await contacts.token(contextOf(user));
  await sleep(Number(APART_MS));
}
await app.close();
process.exit();
