import { setTimeout as sleep } from "node:timers/promises";
import { createRemoteJWKSet, jwtVerify } from "jose";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type FetchLike,
  onBehalfOf,
  protectedResource,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { hostileServer } from "../../bench/soak/hostile-server.js";
import { startMcpServer, type McpTestServer, type McpTestServerOptions } from "../support/mcp-servers.js";

/** How many people talk to the agent at the same time. */
export const userCount = 50;

/** Fewer cached tokens than people: most turns find theirs evicted. */
const cachedTokens = 30;

/** A token lives this long, in seconds. The access stops using it 30 seconds before its end. */
const lifetimeS = 33;

/**
 * The MCP server's clock is ahead, in seconds, so that it refuses tokens half a second before the access
 * would stop using them: both ends of a token's life are met while calls are under way.
 */
const serverAheadS = 30.5;

/** On a fast machine no token gets that old: the server also takes each one only so many times. */
const usesOfOneToken = 9;

/** Where one token is shared on purpose, it is not worn out as well: that would hide what the sharing does. */
const usesOfSharedToken = Number.POSITIVE_INFINITY;

/** Everything between a person and their data, real on the wire: Entra (emulated), MCP server, access. */
export interface IsolationWorld {
  entra: EntraEmulator;
  server: McpTestServer;
  access: UserAccess;
  /** The object ids of the people. */
  users: readonly string[];
  /** A context of one person, verified, as their next request would make it. */
  contextOf(oid: string): Promise<UserContext>;
  exchanges(): number;
  close(): Promise<void>;
}

export interface WorldOptions {
  kind: McpTestServerOptions["kind"];
  ttlMs?: number;
  random: () => number;
  /** Breaks the isolation on purpose: everybody is sent with the token of whoever came first. */
  shareOneToken?: boolean;
  /** One request in so many is answered with an attack instead. */
  attackEvery?: number;
}

export async function startWorld({
  kind,
  ttlMs = 0,
  random,
  shareOneToken,
  attackEvery,
}: WorldOptions): Promise<IsolationWorld> {
  const delayMs = (): number => Math.floor(random() * 21);
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "people", scopes: ["people.read"] },
    ],
    users: Array.from({ length: userCount }, (_, i) => ({ name: `user${i}` })),
    accessTokenLifetimeS: lifetimeS,
  });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "people", scopes: ["people.read"] });
  const [agent, people, [tenant]] = [entra.app("agent"), entra.app("people"), entra.tenants];
  const tenantId = tenant?.id ?? "";

  const maxUses = shareOneToken === true ? usesOfSharedToken : usesOfOneToken;
  const uses = new Map<string, number>();
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${tenantId}/discovery/v2.0/keys`));
  const server = await startMcpServer({
    kind,
    ttlMs,
    delayMs,
    whose: async (token) => {
      const verified = await jwtVerify(token, keys, {
        audience: people.clientId,
        issuer: `${entra.origin}/${tenantId}/v2.0`,
        currentDate: new Date(Date.now() + serverAheadS * 1000),
      }).catch(() => undefined);
      const used = (uses.get(token) ?? 0) + 1;
      uses.set(token, used);
      return verified === undefined || used > maxUses ? undefined : String(verified.payload["oid"]);
    },
  });

  const app = entraApp({
    tenantId,
    clientId: agent.clientId,
    credential: clientSecret("agent-secret"),
    cloud: entra.cloud,
    fetch: async (input, init) => {
      await sleep(delayMs());
      return fetch(input, init);
    },
  });
  const access = userAccess(
    protectedResource({
      url: server.url,
      serverLabel: "people",
      scopes: [`api://${people.clientId}/people.read`],
      audiences: [people.clientId],
    }),
    [onBehalfOf(app)],
    {
      cache: { maxEntries: cachedTokens },
      ...(shareOneToken === true ? { fetch: sharingOneToken() } : {}),
      ...(attackEvery === undefined ? {} : { fetch: attacking(attackEvery, random) }),
    },
  );

  const verify = userTokenVerifier({ app, requiredScopes: ["access_as_user"] });
  const assertions = new Map<string, string>();
  for (const user of entra.users) {
    const token = await entra.issueUserToken({ user: user.name, app: "agent", expiresInS: 3600 });
    assertions.set(user.oid, token);
  }
  return {
    entra,
    server,
    access,
    users: [...assertions.keys()],
    contextOf: (oid) => createUserContext({ userToken: assertions.get(oid) }, { verify, require: true }),
    exchanges: () => entra.requests.filter(({ path }) => path.endsWith("/oauth2/v2.0/token")).length,
    async close() {
      await access.close();
      await app.close();
      await server.close();
      await entra.close();
    },
  };
}

/** The mistake this suite must be able to see: a header captured once and sent for everybody. */
function sharingOneToken(): FetchLike {
  let first: string | null = null;
  return (input, init) => {
    const headers = new Headers(init?.headers);
    first ??= headers.get("authorization");
    headers.set("authorization", first ?? "");
    return fetch(input, { ...init, headers });
  };
}

/** A server that answers most requests, and some with what its maker can think of to do harm. */
function attacking(every: number, random: () => number): FetchLike {
  const attacker = hostileServer();
  return (input, init) => (random() < 1 / every ? attacker.fetch(input, init) : fetch(input, init));
}
