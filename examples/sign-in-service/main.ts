/**
 * The sign-in service: the one process that holds grants, encryption keys and the client credential. Agents
 * fetch short-lived tokens from it (`remoteSignIn()`, or client.py), and people see its pages.
 *
 * Prerequisites
 *   AZURE_TENANT_ID, SERVICE_CLIENT_ID, SERVICE_CLIENT_SECRET   the app registration, see README.md
 *   PUBLIC_URL        https, where people reach this process; <PUBLIC_URL>/callback is a redirect URI of the app
 *   SIGN_IN_KEYS      one or more keys, comma separated (openssl rand -base64 32); the first one seals
 *   REDIS_URL         a Redis with maxmemory-policy noeviction
 *   REDIS_CLUSTER     true where it is a cluster (Azure Managed Redis, as it is made by default)
 *   MCP_URL, MCP_CLIENT_ID                                      the MCP server
 *   CALLER_NAME, CALLER_CLIENT_IDS                              the agent that may ask: its name, its client ids
 *                     (comma separated)
 *   CALLER_PROJECT    optional: the project whose platform user ids each stand for one person
 * End of prerequisites
 */
import { createServer } from "node:http";
import { clientSecret, entraApp, protectedResource, userTokenVerifier } from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/node";
import { createSignIn, redisStore, signInApi } from "hosted-agent-identity/sign-in";
import { redisClient } from "./redis-client.ts";

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

const app = entraApp({
  tenantId: env("AZURE_TENANT_ID"),
  clientId: env("SERVICE_CLIENT_ID"),
  credential: clientSecret(env("SERVICE_CLIENT_SECRET")),
});
const contacts = protectedResource({
  url: env("MCP_URL"),
  serverLabel: "contacts",
  scopes: [`api://${env("MCP_CLIENT_ID")}/access_as_user`],
  audiences: [env("MCP_CLIENT_ID")],
});
const signIn = createSignIn({
  app,
  agentName: env("CALLER_NAME"),
  publicUrl: env("PUBLIC_URL"),
  resources: [contacts],
  store: redisStore(redisClient()),
  encryptionKeys: env("SIGN_IN_KEYS").split(","),
});
const project = process.env["CALLER_PROJECT"];
const api = signInApi({
  app,
  verify: userTokenVerifier({ app }),
  agents: [
    {
      name: env("CALLER_NAME"),
      clientIds: env("CALLER_CLIENT_IDS").split(","),
      signIn,
      resources: [contacts],
      ...(project === undefined ? {} : { platformProject: project }),
    },
  ],
});

// Refuses to start on a store that cannot keep its promises.
await signIn.ready();
const handle = webHandler(async (request) => {
  if (new URL(request.url).pathname === "/readiness") return new Response("ready");
  return (await api(request)) ?? signIn.handler(request);
});
const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env["PORT"] ?? 8080), () => console.log("The sign-in service is ready."));
process.once("SIGTERM", () => {
  server.close(() => {
    void signIn.close().then(() => process.exit(0));
  });
});
