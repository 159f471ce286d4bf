/**
 * The process of the service: the pages, and beside them what an agent does for its chat (asks for a link,
 * passes on what the person writes, uses the token). Tells what it has used when it is asked.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import {
  clientSecret,
  entraApp,
  isConsentRequiredError,
  protectedResource,
  userAccess,
  UserContext,
} from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/node";
import { createSignIn, redisStore } from "hosted-agent-identity/sign-in";
import { createClient, createCluster } from "redis";
import { claimsOf } from "../people.js";
import type { ServiceStart, ServiceUse } from "./crowd-messages.js";

const [start] = (await once(process, "message")) as [ServiceStart];
const resource = protectedResource({
  url: "https://contacts.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${start.mcpApp}/access_as_user`],
  audiences: [start.mcpApp],
});
const [url = "", ...others] = start.redisUrls;
const redis =
  others.length === 0
    ? createClient({ url })
    : createCluster({ rootNodes: start.redisUrls.map((one) => ({ url: one })) });
const errors: string[] = [];
const signIn = createSignIn({
  app: entraApp({
    tenantId: start.tenantId,
    clientId: start.agentApp,
    credential: clientSecret(start.agentSecret),
    cloud: {
      loginEndpoint: start.origin,
      stsEndpoint: start.origin,
      tokenExchangeAudience: "api://AzureADTokenExchange",
    },
  }),
  agentName: "Contacts agent",
  publicUrl: `http://127.0.0.1:${start.port}/sign-in`,
  resources: [resource],
  store: redisStore(redis),
  encryptionKeys: [start.key],
  onEvent: (event) => {
    if (event.type === "sign_in_failed") errors.push(`sign_in_failed ${event.code}`);
    if (event.type === "sign_in_refused") errors.push(`sign_in_refused ${event.reason}`);
  },
});
await signIn.ready();
const contacts = userAccess(resource, [signIn.tokens()]);

/** A user of the platform; one that begins with "known " is named by a token. */
function contextOf(user: string): UserContext {
  const oid = /^known (.*)/.exec(user)?.[1];
  if (oid !== undefined)
    return new UserContext({
      principal: { kind: "entra", tid: start.tenantId, oid },
      platform: { hosted: true },
      clientHeaders: {},
      trace: {},
    });
  return new UserContext({
    principal: {
      kind: "platform",
      project: "https://project.example.com",
      agent: "Contacts agent",
      id: user,
    },
    platform: { hosted: true, userId: user, conversationId: `chat of ${user}` },
    clientHeaders: {},
    trace: {},
  });
}

/** The chat of a person: what the hosted agent of this process does with a message. */
async function chat(path: string, user: string, text: string): Promise<string> {
  const context = contextOf(user);
  try {
    if (path === "/chat/message") return (await signIn.redeem(context, text)).status;
    const { token } = await contacts.token(context);
    return String(claimsOf(token)["oid"]);
  } catch (error) {
    if (isConsentRequiredError(error)) return error.requests[0]?.link ?? "";
    throw error;
  } finally {
    context.end();
  }
}

const handle = webHandler(async (request) => {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/chat/")) return signIn.handler(request);
  const { user, text } = (await request.json()) as { readonly user: string; readonly text: string };
  return new Response(await chat(pathname, user, text));
});
const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    errors.push(error instanceof Error ? error.name : "unknown");
    response.writeHead(500).end();
  });
});
server.listen(start.port, "127.0.0.1", 4096, () => process.send?.("ready"));

let peakRss = 0;
setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), 20).unref();

process.on("message", () => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const rss = process.memoryUsage.rss();
  peakRss = Math.max(peakRss, rss);
  const use: ServiceUse = { rss, peakRss, cpuMs: (user + system) / 1000, errors };
  process.send?.(use);
});
process.on("disconnect", () => process.exit(0));
