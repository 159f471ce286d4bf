import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import express, { type Express, type RequestHandler } from "express";
import { userContext } from "hosted-agent-identity/express";
import { createRemoteJWKSet, customFetch } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";
import { agentApp } from "./people.js";
import { issuer, type Issuer } from "./signed-tokens.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";
import { verifier } from "./verify.js";

const rounds = 15;
const each = 100;
/** Rounds before those that count: compiled code first. */
const warmUp = 5;

/**
 * A whole request to an Express app on loopback, beside the same app behind the MCP SDK's `requireBearerAuth`
 * with jose. Two ways: each request with a token not seen before, and with one that came before.
 */
export async function middleware(): Promise<readonly Row[]> {
  const signer = issuer();
  const hosts: Hosts = {
    ours: await host("x-client-user-token", userContext({ verify: verifier(signer), require: true })),
    bearerAuth: await host("authorization", requireBearerAuth({ verifier: joseVerifier(signer) })),
    bare: await host("authorization"),
  };
  const known = Array.from({ length: each }, (_, number) => signer.token(number));
  const fresh: Samples = { ours: [], bearerAuth: [], bare: [] };
  const again: Samples = { ours: [], bearerAuth: [], bare: [] };
  for (let round = -warmUp; round < rounds; round += 1) {
    const unseen = known.map((_, number) => signer.token(number));
    await ask(hosts, known, round < 0 ? undefined : again);
    await ask(hosts, unseen, round < 0 ? undefined : fresh);
  }
  for (const kind of kinds) hosts[kind].close();
  return [
    row("again (remembered)", again),
    row("first time", fresh),
    {
      what: "Express middleware, added to a bare request, again (remembered)",
      unit: "ms",
      budget: 0.15,
      ours: median(again.ours) - median(again.bare),
      bearerAuth: median(again.bearerAuth) - median(again.bare),
    },
  ];
}

const kinds = ["ours", "bearerAuth", "bare"] as const;
type Hosts = Readonly<Record<(typeof kinds)[number], Host>>;
type Samples = Record<(typeof kinds)[number], number[]>;

/** Asks every host with each token, in changing order, so that noise meets all alike; keeps the medians. */
async function ask(hosts: Hosts, tokens: readonly string[], kept: Samples | undefined): Promise<void> {
  const samples: Samples = { ours: [], bearerAuth: [], bare: [] };
  for (const [number, token] of tokens.entries()) {
    for (let at = 0; at < kinds.length; at += 1) {
      const kind = kinds[(number + at) % kinds.length] ?? "bare";
      const started = performance.now();
      await hosts[kind].ask(token);
      samples[kind].push(performance.now() - started);
    }
  }
  for (const kind of kinds) kept?.[kind].push(median(samples[kind]));
}

function row(which: string, samples: Samples): Row {
  return {
    what: `Express middleware, whole request p50, ${which}`,
    unit: "ms",
    budget: 2,
    ours: median(samples.ours),
    bearerAuth: median(samples.bearerAuth),
    note: `without any middleware ${median(samples.bare).toPrecision(3)} ms.`,
  };
}

interface Host {
  ask(token: string): Promise<void>;
  close(): void;
}

async function host(header: string, ...handlers: readonly RequestHandler[]): Promise<Host> {
  const app: Express = express();
  app.disable("x-powered-by");
  for (const handler of handlers) app.use(handler);
  app.get("/", (_request, response) => void response.send("ok"));
  const server: Server = createServer(app);
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    ask: (token) =>
      new Promise((resolve, reject) => {
        const headers = { [header]: `Bearer ${token}` };
        const asked = request({ host: "127.0.0.1", port, agent, headers }, (response) => {
          response.resume().once("end", () => {
            if (response.statusCode === 200) resolve();
            else reject(new Error(`the host answered ${response.statusCode}`));
          });
        });
        asked.once("error", reject).end();
      }),
    close() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** As the SDK's documentation has it: jose, and keys that are fetched once. */
function joseVerifier(signer: Issuer): Parameters<typeof requireBearerAuth>[0]["verifier"] {
  const keys = createRemoteJWKSet(new URL("https://login.microsoftonline.com/keys"), {
    [customFetch]: async () => Response.json(signer.jwks),
  });
  return {
    async verifyAccessToken(token) {
      const { payload } = await jwtVerify(token, keys, {
        issuer: signer.issuer,
        audience: agentApp,
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
