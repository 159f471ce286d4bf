/**
 * The pages alone, for agents that keep and refresh grants themselves: this process shares their store, their
 * encryption keys and their client. It knows the agents' public keys, and which scopes each may ask for; it
 * can make no link itself.
 *
 * Prerequisites
 *   AZURE_TENANT_ID, SERVICE_CLIENT_ID, SERVICE_CLIENT_SECRET   the app registration, see README.md
 *   PUBLIC_URL        https, where people reach this process; <PUBLIC_URL>/callback is a redirect URI of the app
 *   SIGN_IN_KEYS      the agents' own, comma separated (openssl rand -base64 32); the first one seals
 *   REDIS_URL         the agents' own, with maxmemory-policy noeviction
 *   REDIS_CLUSTER     true where it is a cluster (Azure Managed Redis, as it is made by default)
 *   MCP_URL, MCP_CLIENT_ID                                      the MCP server
 *   AGENTS            JSON: { "<agent's name>": { "publicKeys": ["<PEM>"], "scopes": ["api://…/access_as_user"] } }
 * End of prerequisites
 */
import { createServer } from "node:http";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/node";
import { createSignIn, redisStore, type SignInAgent } from "hosted-agent-identity/sign-in";
import { redisClient } from "./redis-client.ts";

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

const signIn = createSignIn({
  app: entraApp({
    tenantId: env("AZURE_TENANT_ID"),
    clientId: env("SERVICE_CLIENT_ID"),
    credential: clientSecret(env("SERVICE_CLIENT_SECRET")),
  }),
  publicUrl: env("PUBLIC_URL"),
  resources: [
    protectedResource({
      url: env("MCP_URL"),
      serverLabel: "contacts",
      scopes: [`api://${env("MCP_CLIENT_ID")}/access_as_user`],
      audiences: [env("MCP_CLIENT_ID")],
    }),
  ],
  store: redisStore(redisClient()),
  encryptionKeys: env("SIGN_IN_KEYS").split(","),
  agents: JSON.parse(env("AGENTS")) as Record<string, SignInAgent>,
});

// Refuses to start on a store that cannot keep its promises.
await signIn.ready();
const handle = webHandler(async (request) => {
  if (new URL(request.url).pathname === "/readiness") return new Response("ready");
  return signIn.handler(request);
});
const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env["PORT"] ?? 8080), () => console.log("The sign-in pages are ready."));
process.once("SIGTERM", () => {
  server.close(() => {
    void signIn.close().then(() => process.exit(0));
  });
});
