/** The agent in a process of its own. It knows nothing of the API behind its MCP server. */
import { randomBytes } from "node:crypto";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  isHostedAgentIdentityError,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext, webHandler } from "hosted-agent-identity/express";
import { createSignIn, memoryStore } from "hosted-agent-identity/sign-in";
import { cloud, env } from "../env.js";

const port = Number(env("PORT"));
const app = entraApp({
  tenantId: env("AZURE_TENANT_ID"),
  clientId: env("APP_CLIENT_ID"),
  credential: clientSecret(env("APP_CLIENT_SECRET")),
  cloud: cloud(),
});
const resource = protectedResource({
  url: env("MCP_URL"),
  serverLabel: "mailbox",
  scopes: [`api://${env("MCP_CLIENT_ID")}/access_as_user`],
  audiences: [env("MCP_CLIENT_ID")],
  // The server's own sign-in pages.
  elicitation: { allowedLinks: [new URL("/sign-in/", env("MCP_URL")).href] },
});
const signIn = createSignIn({
  app,
  agentName: "Mail assistant",
  publicUrl: `http://127.0.0.1:${port}/sign-in`,
  resources: [resource],
  store: memoryStore({ quiet: true }),
  encryptionKeys: [randomBytes(32)],
});
// With signIn.tokens() among the sources, a card leads to the agent's own page first, which shows the server's link.
const mailbox = userAccess(resource, [onBehalfOf(app), signIn.tokens()]);
const clients = mcpClientPool({
  async open({ principalKey }) {
    const client = new Client(
      { name: "mail-assistant", version: "1.0.0" },
      { cachePartition: principalKey, versionNegotiation: { mode: "auto" } },
    );
    await client.connect(new StreamableHTTPClientTransport(mailbox.url, { fetch: mailbox.fetch }));
    return client;
  },
  close: closeMcpClient,
});

/** Stands in for a language model: it calls the tool, and repeats to the person what comes back. */
async function* answer(): AsyncGenerator<string> {
  const result = await clients.use((client) => client.callTool({ name: "read_mail", arguments: {} }));
  yield (result.content as { text?: string }[]).map(({ text }) => text ?? "").join(" ");
}

const host = express();
host.get("/readiness", (_req, res) => void res.send("ready"));
host.use("/sign-in", webHandler(signIn.handler));
host.post(
  "/responses",
  userContext({ verify: userTokenVerifier({ app }), require: true }),
  responses(() => answer(), {
    onError: (error) =>
      console.error(`A turn failed: ${isHostedAgentIdentityError(error) ? error.code : Object(error).name}`),
  }),
);
host.listen(port, "127.0.0.1", () => console.log("The agent is ready."));
