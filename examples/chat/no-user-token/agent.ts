import type { Server } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import {
  closeMcpClient,
  isHostedAgentIdentityError,
  mcpClientPool,
  userAccess,
  type ProtectedResource,
  type TokenSource,
  type TurnSignIn,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext, webHandler } from "hosted-agent-identity/express";
import { answer } from "../script.js";

/** How people sign in for this agent: the only thing that differs between the ways to run it. */
export interface AgentSignIn {
  readonly resource: ProtectedResource;
  readonly signIn: TurnSignIn & { tokens(): TokenSource };
  readonly verify: UserTokenVerifier;
  /** Where the agent serves the pages itself. */
  readonly pages?: (request: Request) => Promise<Response>;
}

/** What the platform tells its containers. It is the one way in, and it says who is asking. */
const environment = {
  hosted: true,
  projectEndpoint: "https://foundry.example.com/projects/demo",
  agentName: "contacts",
};

/** An agent that gets no user token: it answers as soon as somebody has signed in. */
export async function startAgent(
  { resource, signIn, verify, pages }: AgentSignIn,
  port: number,
  now: () => number = Date.now,
): Promise<void> {
  const access = userAccess(resource, [signIn.tokens()], { now });
  const clients = mcpClientPool({
    async open({ principalKey }) {
      const client = new Client(
        { name: "contacts-assistant", version: "1.0.0" },
        { cachePartition: principalKey },
      );
      await client.connect(new StreamableHTTPClientTransport(access.url, { fetch: access.fetch }));
      return client;
    },
    close: closeMcpClient,
  });
  const host = express();
  host.get("/readiness", (_req, res) => void res.send("ready"));
  if (pages !== undefined) host.use("/sign-in", webHandler(pages));
  host.post(
    "/responses",
    userContext({ verify, platformUserId: "one-person", environment }),
    responses(
      ({ input }) =>
        answer(input, (name, args) => clients.use((client) => client.callTool({ name, arguments: args }))),
      // Takes codes out of the chat, and runs the interrupted question after the yes.
      { signIn, onError: report },
    ),
  );
  await new Promise<Server>((listening, failed) => {
    const server = host.listen(port, "127.0.0.1", (error) => (error ? failed(error) : listening(server)));
  });
}

/** A code says enough for a log; messages may quote what somebody wrote. */
function report(error: unknown): void {
  console.error(`A turn failed: ${isHostedAgentIdentityError(error) ? error.code : Object(error).name}`);
}
