/**
 * The process of a sign-in service with grants in Redis, and in it a route that answers as much without us, and reads a
 * record first if it is told one. Says what it has used when it is asked.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { userTokenVerifier } from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/node";
import { signInApi } from "hosted-agent-identity/sign-in";
import { networkTo } from "../network.js";
import { app, resource } from "../ours.js";
import { jwt } from "../people.js";
import { agentName, connected, instance, project } from "./grants.js";

/** What the service is told. */
export interface RemoteStart {
  readonly url: string;
  readonly key: string;
  readonly jwks: object;
  readonly agentClient: string;
}

/** What it has used since the last time, in microseconds of the processor, and how often it went to the store. */
export interface RemoteUse {
  readonly cpu: number;
  readonly steps: number;
}

const [start] = (await once(process, "message")) as [RemoteStart];
const grants = {
  url: start.url,
  key: Buffer.from(start.key, "base64"),
  count: 0,
  redisBytes: 0,
  textBytes: 0,
};
const { signIn, steps } = await instance(grants, () => Promise.reject(new Error("no network")));
const entra = app(networkTo("http://127.0.0.1:9"));
const fetchKeys = async (): Promise<Response> => Response.json(start.jwks);
const api = signInApi({
  app: entra,
  verify: userTokenVerifier({ app: entra, fetch: fetchKeys }),
  fetch: fetchKeys,
  agents: [
    {
      name: agentName,
      clientIds: [start.agentClient],
      signIn,
      resources: [resource],
      platformProject: project,
      newUsersPerMinute: 1_000_000,
    },
  ],
});
const served = webHandler(async (request) => (await api(request)) ?? new Response(null, { status: 404 }));
const store = await connected(start.url);
const reply = { status: "token", access_token: jwt({}), expires_at: 0, use_for_ms: 60_000, account: null };

async function bare(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { server_label, record } = JSON.parse(Buffer.concat(chunks).toString()) as {
    server_label?: unknown;
    record?: string;
  };
  const isThere = record === undefined || (await store.get(record)) !== null;
  const status = server_label === resource.serverLabel && isThere ? 200 : 400;
  const expires_at = Date.now() + 3_600_000;
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ ...reply, expires_at }));
}

const server = createServer((request, response) =>
  request.url === "/bare" ? bare(request, response) : served(request, response),
);
server.keepAliveTimeout = 0;
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
let before = process.cpuUsage();
let stepsBefore = steps.length;
process.on("message", () => {
  const { user, system } = process.cpuUsage(before);
  const use: RemoteUse = { cpu: user + system, steps: steps.length - stepsBefore };
  globalThis.gc?.();
  [before, stepsBefore] = [process.cpuUsage(), steps.length];
  process.send?.(use);
});
process.on("disconnect", () => process.exit());
process.send?.((server.address() as AddressInfo).port);
