import { network, said, start, taken } from "./setting.js";

let began = start();
const { clientSecret, entraApp, onBehalfOf, protectedResource, runWithUserContext, UserContext, userAccess } =
  await import("hosted-agent-identity");
const { tenant, clientId, scope, assertion, oid, claims } = said;
const app = entraApp({
  tenantId: tenant,
  clientId,
  credential: clientSecret("bench-secret"),
  fetch: network,
});
const url = "https://contacts.example.com/mcp";
const server = protectedResource({ url, serverLabel: "contacts", scopes: [scope], audiences: [clientId] });
const contacts = userAccess(server, [onBehalfOf(app)]);
if (said.idleMs !== undefined) {
  await new Promise((resolve) => setTimeout(resolve, said.idleMs));
  began = start();
}
const context = new UserContext({
  principal: { kind: "entra", tid: tenant, oid },
  user: { tid: tenant, oid },
  platform: { hosted: false },
  clientHeaders: {},
  trace: {},
  assertion: { token: assertion, hash: "first", claims, use: "app" },
});
const { token } = await runWithUserContext(context, () => contacts.token());
taken(began, token.length > 0);
