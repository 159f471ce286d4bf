/**
 * The agent as a container runs it: configured by environment variables, stopped by SIGTERM.
 *
 * Needs AZURE_TENANT_ID, APP_CLIENT_ID, APP_CLIENT_SECRET, CONTACTS_URL, CONTACTS_CLIENT_ID,
 * CONSENT_REDIRECT_URI; takes PORT (8088), CONTACTS_SCOPE, and LOGIN_ENDPOINT for another cloud.
 */
import { startAgent } from "./agent.js";

function env(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`Set the environment variable ${name}.`);
  return value;
}

const loginEndpoint = process.env["LOGIN_ENDPOINT"];
const agent = await startAgent({
  port: Number(env("PORT", "8088")),
  host: "0.0.0.0",
  tenantId: env("AZURE_TENANT_ID"),
  clientId: env("APP_CLIENT_ID"),
  clientSecret: env("APP_CLIENT_SECRET"),
  contacts: {
    url: env("CONTACTS_URL"),
    clientId: env("CONTACTS_CLIENT_ID"),
    scope: env("CONTACTS_SCOPE", "Contacts.Access"),
  },
  consentRedirectUri: env("CONSENT_REDIRECT_URI"),
  ...(loginEndpoint === undefined ? {} : { cloud: { loginEndpoint } }),
});
console.log(`The agent listens on ${agent.url}.`);

process.once("SIGTERM", () => {
  agent.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
