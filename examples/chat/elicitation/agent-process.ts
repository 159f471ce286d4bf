/** The agent in a process of its own. What concerns the tracker is one option of the resource. */
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
  serverLabel: "issues",
  scopes: [`api://${env("MCP_CLIENT_ID")}/access_as_user`],
  audiences: [env("MCP_CLIENT_ID")],
  elicitation: { allowedLinks: [`${env("TRACKER_URL")}/connect/`] },
});
const signIn = createSignIn({
  app,
  agentName: "Issues assistant",
  publicUrl: `http://127.0.0.1:${port}/sign-in`,
  resources: [resource],
  store: memoryStore({ quiet: true }),
  encryptionKeys: [randomBytes(32)],
});
// With signIn.tokens() among the sources, a card for a page leads to the sign-in service first.
const pages = process.env["APP_BREAK"] === "link-on-the-card" ? [] : [signIn.tokens()];
const issues = userAccess(resource, [onBehalfOf(app), ...pages]);
const clients = mcpClientPool({
  async open({ principalKey }) {
    const client = new Client(
      { name: "issues-assistant", version: "1.0.0" },
      { cachePartition: principalKey, versionNegotiation: { mode: "auto" } },
    );
    await client.connect(new StreamableHTTPClientTransport(issues.url, { fetch: issues.fetch }));
    return client;
  },
  close: closeMcpClient,
});

/** Stands in for a language model: it calls one of two tools, and repeats to the person what comes back. */
async function* answer(input: string): AsyncGenerator<string> {
  const name = /prize/i.test(input) ? "my_prizes" : "my_issues";
  const result = await clients.use((client) => client.callTool({ name, arguments: {} }));
  yield JSON.stringify(result.structuredContent ?? result.content);
}

const host = express();
host.get("/readiness", (_req, res) => void res.send("ready"));
host.use("/sign-in", webHandler(signIn.handler));
host.post(
  "/responses",
  userContext({ verify: userTokenVerifier({ app }), require: true }),
  responses(({ input }) => answer(input), {
    onError: (error) =>
      console.error(`A turn failed: ${isHostedAgentIdentityError(error) ? error.code : Object(error).name}`),
  }),
);
host.listen(port, "127.0.0.1", () => console.log("The agent is ready."));
