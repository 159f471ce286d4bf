/** Uses the declarations of every entry as a project with other settings than ours would. */
import { createClient } from "redis";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import * as root from "hosted-agent-identity";
import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";
import { consentReader, readConsentRequests } from "hosted-agent-identity/consent";
import * as onExpress from "hosted-agent-identity/express";
import * as onFastify from "hosted-agent-identity/fastify";
import * as onHono from "hosted-agent-identity/hono";
import * as onNode from "hosted-agent-identity/node";
import { agentsOutput } from "hosted-agent-identity/openai-agents";
import { openTelemetry } from "hosted-agent-identity/otel";
import { protectMcpServer } from "hosted-agent-identity/server";
import { memoryStore, redisStore } from "hosted-agent-identity/sign-in";
import { startEntra } from "hosted-agent-identity/testing";
import * as turns from "hosted-agent-identity/turn";

const resource: root.ProtectedResource = root.protectedResource({
  url: "https://x.example",
  serverLabel: "x",
  scopes: ["api://x/y"],
  audiences: ["api://x"],
});
const access: root.UserAccess = root.userAccess(resource, [root.passthrough()], { onEvent: openTelemetry() });
export const send: (url: string | URL, init?: RequestInit) => Promise<Response> = access.fetch;
export const code: root.ErrorCode = "no_token";
// @ts-expect-error an undocumented code
export const wrong: root.ErrorCode = "no_such_code";

// What a pool's client is follows from `open`, whatever `close` takes.
declare class Client {
  readonly transport?: object;
  callTool(call: { name: string }): Promise<{ content: string }>;
  close(): Promise<void>;
}
const open = async (): Promise<Client> => new Client();
const pools = [
  root.mcpClientPool({
    open: async ({ principalKey }) => {
      if (principalKey === "") throw new Error("nobody");
      return new Client();
    },
    close: root.closeMcpClient,
  }),
  root.mcpClientPool({ close: root.closeMcpClient, open }),
  root.mcpClientPool({
    async open({ context }) {
      void context.user?.name;
      return new Client();
    },
    close: (client) => client.close(),
  }),
];
export const called: Promise<{ content: string }>[] = pools.map((pool) =>
  pool.use((client) => client.callTool({ name: "x" })),
);
export const turn: Promise<turns.TurnResult<{ content: string }>> = turns.runTurn(() => ({ content: "x" }));
export const bound: (question: string) => Promise<number> = root.bindUserContext(
  async (question: string) => question.length,
);
export const within: number = root.runWithUserContext({} as root.UserContext, () => 1);

const verify: root.UserTokenVerifier = root.userTokenVerifier({
  app: root.entraApp({ tenantId: "t", clientId: "c", credential: root.clientSecret("s") }),
});
const run: root.ResponsesRun = async function* ({ input }) {
  yield input;
};
express()
  .use(onExpress.userContext({ verify, require: true }))
  .post("/", onExpress.responses(run));
fastify().register(onFastify.userContext({ verify }));
fastify().post("/", onFastify.responses(run));
new Hono().use(onHono.userContext({ verify })).post("/", onHono.responses(run));
export const store = redisStore(createClient());
export const used = [
  onNode,
  aiSdkOutput,
  agentsOutput,
  consentReader,
  readConsentRequests,
  protectMcpServer,
  memoryStore,
  startEntra,
];
