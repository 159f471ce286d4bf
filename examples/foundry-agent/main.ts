/**
 * A hosted agent for Microsoft Foundry: Express, the AI SDK, and the tools of an MCP server, called as the person
 * who is asking. Who holds that person's grant is a matter of configuration:
 *
 * Prerequisites
 *   TOOLBOX_NAME                       Foundry does: the tools of this toolbox (TOOLBOX_VERSION pins a version)
 * or, where the server cannot be in a toolbox,
 *   SIGN_IN_URL, SIGN_IN_CLIENT_ID     your sign-in service does: see ../sign-in-service
 *   AZURE_TENANT_ID                    the tenant of its app
 *   MCP_URL, MCP_CLIENT_ID             the MCP server (MCP_SCOPE: access_as_user)
 * and for both
 *   MODEL_DEPLOYMENT_NAME              optional: without it a script answers, see `scripted` below
 * End of prerequisites
 *
 * The rest the platform sets: FOUNDRY_*, PORT, and the agent's own identity.
 */
import { createMCPClient } from "@ai-sdk/mcp";
import { createOpenAI } from "@ai-sdk/openai";
import { AzureCliCredential, ManagedIdentityCredential } from "@azure/identity";
import { stepCountIs, streamText } from "ai";
import express from "express";
import {
  entraApp,
  federatedCredential,
  foundryToolbox,
  isHostedAgentIdentityError,
  protectedResource,
  runningTurns,
  toolApproval,
  userAccess,
  userTokenVerifier,
  type FetchLike,
  type TurnSignIn,
  type UserContextOptions,
} from "hosted-agent-identity";
import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";
import { responses, userContext } from "hosted-agent-identity/express";
import { remoteSignIn } from "hosted-agent-identity/sign-in";

/** Where the tools are, and how this agent learns who is asking. */
interface Way {
  readonly access: {
    readonly url: string | URL;
    /** Acts for the person of the current request. */
    readonly fetch: FetchLike;
    close(): Promise<void>;
  };
  readonly who: UserContextOptions;
  /** Whether a tool may be called without asking the person first. */
  readonly isFree: (tool: { readonly name: string; readonly _meta?: object | undefined }) => boolean;
  readonly signIn?: TurnSignIn;
}

const hosted = (process.env["FOUNDRY_HOSTING_ENVIRONMENT"] ?? "") !== "";
/** This agent's own: it opens the toolbox, the sign-in service and the model, and never a person's data. */
const identity = hosted ? new ManagedIdentityCredential() : new AzureCliCredential();

const way = configuredWay();
const model = isSet("MODEL_DEPLOYMENT_NAME") ? foundryModel() : undefined;

function configuredWay(): Way {
  if (isSet("TOOLBOX_NAME")) return toolboxWay();
  if (isSet("SIGN_IN_URL")) return signInWay();
  throw new Error("Set the environment variable TOOLBOX_NAME or SIGN_IN_URL: see README.md.");
}

/** Foundry finds the person by the call id of the request, keeps the grant, and asks for consent. */
function toolboxWay(): Way {
  const version = process.env["TOOLBOX_VERSION"];
  return {
    access: foundryToolbox({
      name: env("TOOLBOX_NAME"),
      credential: identity,
      ...(version === undefined ? {} : { version }),
    }),
    // No app of ours is involved, so no user token can be meant for this agent.
    who: { verify: "none" },
    // A toolbox does not enforce approvals, and this agent cannot ask. So `call_tool` of tool search is left out.
    isFree: (tool) => toolApproval(tool) === "never",
  };
}

/** Your sign-in service finds the person by the platform's user id, keeps the grant, and asks for the sign-in. */
function signInWay(): Way {
  const clientId = env("SIGN_IN_CLIENT_ID");
  const loginEndpoint = process.env["LOGIN_ENDPOINT"];
  const signIn = remoteSignIn({
    url: env("SIGN_IN_URL"),
    credential: identity,
    scope: `api://${clientId}/.default`,
  });
  const app = entraApp({
    tenantId: env("AZURE_TENANT_ID"),
    clientId,
    // Never used here: the service exchanges and refreshes. The app says which user tokens are accepted.
    credential: federatedCredential(identity),
    ...(loginEndpoint === undefined ? {} : { cloud: { loginEndpoint } }),
  });
  const server = protectedResource({
    url: env("MCP_URL"),
    serverLabel: "contacts",
    scopes: [`api://${env("MCP_CLIENT_ID")}/${process.env["MCP_SCOPE"] ?? "access_as_user"}`],
    audiences: [env("MCP_CLIENT_ID")],
  });
  return {
    access: userAccess(server, [signIn.tokens()]),
    // True for people in the portal; not for routines, nor for a back end that sends no x-ms-user-identity.
    who: { verify: userTokenVerifier({ app }), platformUserId: "one-person" },
    // No toolbox states approvals here: the MCP server decides what each person may do.
    isFree: () => true,
    signIn,
  };
}

/** The project's own models. The agent asks as itself: a model is told nothing by which a person is known. */
function foundryModel() {
  const baseURL = process.env["OPENAI_BASE_URL"] ?? `${env("FOUNDRY_PROJECT_ENDPOINT")}/openai/v1`;
  const asAgent: typeof fetch = async (input, init) => {
    const { token } = await identity.getToken("https://ai.azure.com/.default");
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
  return createOpenAI({ baseURL, apiKey: "replaced", fetch: asAgent })(env("MODEL_DEPLOYMENT_NAME"));
}

const turns = runningTurns();
const agent = responses(
  async function* ({ input, signal }) {
    const { url, fetch } = way.access;
    // One client for each turn, so nothing of one person's is left for the next.
    const mcp = await createMCPClient({ transport: { type: "http", url: String(url), fetch } });
    try {
      const tools = callable(await mcp.tools());
      if (model === undefined) yield* scripted(tools, input, signal);
      else {
        const options = { tools, stopWhen: stepCountIs(8), abortSignal: signal, onError: () => {} };
        yield* aiSdkOutput(streamText({ model, prompt: input, ...options }));
      }
    } finally {
      await mcp.close();
    }
  },
  { turns, ...(way.signIn === undefined ? {} : { signIn: way.signIn }), onError: report },
);

type Tools = Awaited<ReturnType<Awaited<ReturnType<typeof createMCPClient>>["tools"]>>;

/** The tools that may be called, under names that models take: a toolbox writes `source.tool`. */
function callable(tools: Tools): Tools {
  return Object.fromEntries(
    Object.entries(tools)
      .filter(([name, { _meta }]) => way.isFree({ name, _meta }))
      .map(([name, tool]) => [name.replace(/[^\w-]/g, "_"), tool]),
  );
}

/** Answers without a model: calls, without arguments, the tool whose name is in the message. */
async function* scripted(tools: Tools, input: string, abortSignal: AbortSignal): AsyncGenerator<string> {
  const names = Object.keys(tools);
  const words = input.toLowerCase().match(/[\w-]+/g) ?? [];
  const named = names.find((name) =>
    words.some((word) => name.toLowerCase() === word || name.toLowerCase().endsWith(`_${word}`)),
  );
  if (named === undefined) {
    yield `Name one of these tools: ${names.join(", ")}.`;
    return;
  }
  const found = await tools[named]?.execute({}, { toolCallId: "scripted", messages: [], abortSignal });
  const { structuredContent, content } = Object(found) as Record<string, unknown>;
  yield JSON.stringify(structuredContent ?? content);
}

const host = express();
host.get("/readiness", (_request, response) => void response.sendStatus(turns.draining ? 503 : 200));
host.post("/responses", userContext(way.who), agent);
const server = host.listen(Number(process.env["PORT"] ?? 8088), "0.0.0.0", () => {
  console.log(`The agent is ready, with ${isSet("TOOLBOX_NAME") ? "a toolbox" : "a sign-in service"}.`);
});

/** Takes no new requests, lets running answers finish, and goes. */
process.once("SIGTERM", async () => {
  await turns.drain();
  // Not before the last answer has left.
  await new Promise((closed) => {
    server.close(closed);
    server.closeIdleConnections();
  });
  await way.access.close();
  process.exit(0);
});

/** A code says enough for a log; messages may quote what somebody wrote. */
function report(error: unknown): void {
  console.error(`A turn failed: ${isHostedAgentIdentityError(error) ? error.code : Object(error).name}`);
}

function isSet(name: string): boolean {
  return (process.env[name] ?? "") !== "";
}

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`The environment variable ${name} is not set.`);
  return value;
}
