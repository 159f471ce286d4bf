import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import express, { type Express, type RequestHandler } from "express";
import { createRemoteJWKSet, customFetch } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";
import type { Issuer } from "./signed-tokens.js";
import { interleaved, median, p50, timesMore, type Rounds } from "./statistics.js";

const rounds = 41;
const each = 40;
/** Requests to each host before those that count: compiled code first. */
const warmUps = 1_000;

/** An Express app on loopback, and one kept connection to it. */
export interface Host {
  ask(token: string): Promise<void>;
  close(): void;
}

/** What a host is like, and its handlers before the route. */
export interface HostOptions {
  readonly handlers: readonly RequestHandler[];
  /** The header that brings the token. Default: `authorization`. */
  readonly header?: string;
  /** What is posted, as JSON. Without it the request is a GET. */
  readonly body?: unknown;
}

/** Starts one. */
export async function host({ handlers, header = "authorization", body }: HostOptions): Promise<Host> {
  const app: Express = express();
  app.disable("x-powered-by");
  for (const handler of handlers) app.use(handler);
  app.all("/mcp", (_request, response) => void response.json({ jsonrpc: "2.0", id: 1, result: {} }));
  const server: Server = createServer(app);
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const text = body === undefined ? undefined : JSON.stringify(body);
  const posted =
    text === undefined ? {} : { "content-type": "application/json", "content-length": String(text.length) };
  const accept = "application/json, text/event-stream";
  const to = { host: "127.0.0.1", port, path: "/mcp", method: text === undefined ? "GET" : "POST", agent };
  return {
    ask: (token) =>
      new Promise((resolve, reject) => {
        const headers = { ...posted, accept, [header]: `Bearer ${token}` };
        const asked = request({ ...to, headers }, (response) => {
          response.resume().once("end", () => {
            if (response.statusCode === 200) resolve();
            else reject(new Error(`the host answered ${response.statusCode}`));
          });
        });
        asked.once("error", reject).end(text);
      }),
    close() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** As the SDK's documentation has it: jose, and keys that are fetched once. */
export function joseVerifier(
  signer: Issuer,
  audience: string,
): Parameters<typeof requireBearerAuth>[0]["verifier"] {
  const keys = createRemoteJWKSet(new URL("https://login.microsoftonline.com/keys"), {
    [customFetch]: async () => Response.json(signer.jwks),
  });
  return {
    async verifyAccessToken(token) {
      const { payload } = await jwtVerify(token, keys, {
        issuer: signer.issuer,
        audience,
        algorithms: ["RS256"],
      });
      return {
        token,
        clientId: String(payload["azp"]),
        scopes: String(payload["scp"]).split(" "),
        expiresAt: payload.exp ?? 0,
      };
    },
  };
}

/** Which tokens come: each for the first time, or the same ones again. */
export type Coming = "first" | "again";

/** The median time and the CPU of a request to each host, by interleaved rounds. */
export interface HostRounds<Name extends string> {
  readonly wall: Rounds<Name>;
  readonly cpu: Rounds<Name>;
}

/** Asks every host in turn, many short rounds long. */
export async function measureHosts<Name extends string>(
  hosts: Readonly<Record<Name, Host>>,
  coming: Coming,
  token: (number: number) => string,
): Promise<HostRounds<Name>> {
  const known = Array.from({ length: each }, (_, number) => token(number));
  const names = Object.keys(hosts) as Name[];
  const cpu = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const subjects = Object.fromEntries(
    names.map((name) => [
      name,
      async () => {
        const tokens = coming === "again" ? known : known.map((_, number) => token(number));
        globalThis.gc?.();
        const before = process.cpuUsage();
        const wall = await p50(tokens, (one) => hosts[name].ask(one));
        const { user, system } = process.cpuUsage(before);
        cpu[name].push((user + system) / 1000 / each);
        return wall;
      },
    ]),
  ) as Record<Name, () => Promise<number>>;
  await interleaved(warmUps / each, subjects);
  for (const name of names) cpu[name].length = 0;
  return { wall: await interleaved(rounds, subjects), cpu };
}

/** How many times more one host takes than another, and what a request costs, for people. */
export function hostTimes<Name extends string>(
  { wall, cpu }: HostRounds<Name>,
  one: Name,
  other: Name,
): { readonly wall: number; readonly cpu: number; readonly costs: string } {
  const costs = (Object.keys(wall) as Name[])
    .map((name) => `${name} ${inMicroseconds(wall[name])} (CPU ${inMicroseconds(cpu[name])})`)
    .join(", ");
  return {
    wall: timesMore(wall[one], wall[other]),
    cpu: timesMore(cpu[one], cpu[other]),
    costs: `${costs}.`,
  };
}

function inMicroseconds(taken: readonly number[]): string {
  return `${(median(taken) * 1000).toFixed(0)} µs`;
}
