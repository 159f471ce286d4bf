/**
 * The agent in a process of its own. It has no secret: its managed identity stands for the blueprint, the
 * blueprint for the agent identity, and the caller's token for the person.
 */
import { ManagedIdentityCredential } from "@azure/identity";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import {
  adminConsentLink,
  agentOnBehalfOf,
  closeMcpClient,
  entraApp,
  federatedCredential,
  mcpClientPool,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import { cloud, contactsResource, env } from "../env.js";
import { answer } from "../script.js";

const port = Number(env("PORT"));
const blueprint = entraApp({
  tenantId: env("AZURE_TENANT_ID"),
  clientId: env("BLUEPRINT_CLIENT_ID"),
  credential: federatedCredential(new ManagedIdentityCredential()),
  cloud: cloud(),
});
const asAgentIdentity = agentOnBehalfOf({
  blueprint,
  agentIdentityId: env("ENTRA_AGENT_ID"),
  consentLink: adminConsentLink({ app: blueprint, redirectUri: `http://127.0.0.1:${port}/consented` }),
});
const contacts = userAccess(contactsResource(), [asAgentIdentity]);
const clients = mcpClientPool({
  async open({ principalKey }) {
    const client = new Client(
      { name: "contacts-assistant", version: "1.0.0" },
      { cachePartition: principalKey },
    );
    await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
    return client;
  },
  close: closeMcpClient,
});

const host = express();
host.get("/readiness", (_req, res) => void res.send("ready"));
host.get("/consented", (_req, res) => void res.type("text").send("Thank you. Ask again in the chat."));
host.post(
  "/responses",
  userContext({
    verify: userTokenVerifier({ app: blueprint, requiredScopes: ["access_agent"] }),
    require: true,
  }),
  responses(
    ({ input }) =>
      answer(input, (name, args) => clients.use((client) => client.callTool({ name, arguments: args }))),
    { prepare: [contacts] },
  ),
);
host.listen(port, "127.0.0.1", () => console.log("The agent is ready."));
