/**
 * The calling side for real use: this back end, a Foundry hosted agent behind its public endpoint, and
 * Entra. README.md says how the apps are registered and what the environment variables are.
 */
import { fileURLToPath } from "node:url";
import { createBackEnd } from "./app.js";
import { pageApp } from "./page.js";

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`Set the environment variable ${name}.`);
  return value;
}

const origin = env("ORIGIN");
const backEnd = createBackEnd({
  origin,
  redirectUri: `${origin}/auth/callback`,
  agentScope: `api://${env("APP_CLIENT_ID")}/access_as_user`,
  agentEndpoint: env("RESPONSES_ENDPOINT"),
  msal: {
    auth: {
      authority: `https://login.microsoftonline.com/${env("TENANT_ID")}`,
      clientId: env("CHAT_CLIENT_ID"),
      clientSecret: env("CHAT_CLIENT_SECRET"),
    },
  },
});
const folder = fileURLToPath(new URL("../chat/page/", import.meta.url));
const port = Number(process.env["PORT"] ?? "3000");

pageApp({ origin, folder, routers: [backEnd.router] }).listen(port, () => {
  console.log(`The back end for ${origin} listens on port ${port}.`);
});
