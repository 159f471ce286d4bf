import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  clientSecret,
  closeMcpClient,
  createUserContext,
  entraApp,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  userTokenVerifier,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import type { ClientKind } from "../../support/mcp-clients.js";
import type { Counterpart, CounterpartWorld } from "../counterpart.js";
import { deadline } from "../features/deadline.js";
import { differences } from "../features/differences.js";
import { features, type Feature } from "../features/features.js";
import { startGate, type Issuer } from "../features/gate.js";
import { openPeer, type Peer } from "../features/peer.js";
import type { Probe, Probes } from "../features/probes.js";
import { featureServers, type FeatureServer } from "../features/servers.js";
import { featureTable, type Seen } from "../features/table.js";

const guide = fileURLToPath(new URL("../../../docs/guides/mcp-features.md", import.meta.url));
/** A probe that hangs has failed. */
const probeMs = 10_000;

/**
 * Every feature of MCP, at servers that nobody here wrote: once with a token in a static header, once through `fetch`
 * in a pool. What came out is the table in the guide.
 */
export const mcpFeatures: Counterpart = {
  name: "mcp-features",
  timeoutMs: 600_000,
  async run(world) {
    const scene = await startScene(world);
    const seen: Seen[] = [];
    const versions = await Promise.all(
      featureServers.map(async (server) => {
        const { url, version } = await server.start(world, scene.issuer);
        const named = `${server.name} ${version}`;
        const kinds = Object.entries(server.probes) as [ClientKind, Probes][];
        await Promise.all(
          kinds.map(([kind, probes]) => compare(world, scene, { server, named, url, kind, probes, seen })),
        );
        return named;
      }),
    );
    for (const feature of Object.keys(differences) as Feature[]) {
      const differs = seen.some((one) => one.feature === feature && one.differs);
      world.checks.add(`${feature} still differs`, differs ? undefined : "take it out of differences.ts");
    }
    await world.checks.check("docs/guides/mcp-features.md has the table of what was seen", () =>
      compareTable(seen),
    );
    return versions.join(", ");
  },
};

interface Scene {
  readonly issuer: Issuer;
  /** A new context of the same person: what one probe leaves in a turn concerns no other. */
  ada(): Promise<UserContext>;
  access(url: string): UserAccess;
}

async function startScene({ atEnd }: CounterpartWorld): Promise<Scene> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["agent-secret"] },
      { name: "server", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
    ],
    users: [{ name: "Ada" }],
  });
  atEnd(() => entra.close());
  const { tenantId, clientId } = entra.app("agent");
  const audience = entra.app("server").clientId;
  const authority = `${entra.cloud.loginEndpoint}/${tenantId}`;
  const app = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud: entra.cloud });
  const verify = userTokenVerifier({ app });
  const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
  return {
    issuer: { jwksUri: `${authority}/discovery/v2.0/keys`, issuer: `${authority}/v2.0`, audience },
    ada: () => createUserContext({ userToken }, { verify }),
    access: (url) =>
      userAccess(
        protectedResource({
          url,
          serverLabel: "server",
          scopes: [`api://${audience}/read`],
          audiences: [audience],
          elicitation: { allowedLinks: ["https://modelcontextprotocol.io/"] },
        }),
        [onBehalfOf(app)],
      ),
  };
}

interface Comparison {
  readonly server: FeatureServer;
  readonly named: string;
  readonly url: string;
  readonly kind: ClientKind;
  readonly probes: Probes;
  readonly seen: Seen[];
}

/** Plays the probes of one server and one client in two columns, each with a gate and a client of its own. */
async function compare(world: CounterpartWorld, scene: Scene, comparison: Comparison): Promise<void> {
  const { named, url, kind, probes, seen } = comparison;
  const [plainGate, ourGate] = await Promise.all([
    startGate(world, url, scene.issuer),
    startGate(world, url, scene.issuer),
  ]);
  const access = scene.access(`${ourGate.url}/mcp`);
  world.atEnd(() => access.close());
  const { token } = await access.token(await scene.ada());
  const headers = { authorization: `Bearer ${token}` };
  const plain = await openPeer({ kind, url: `${plainGate.url}/mcp`, headers });
  world.atEnd(() => plain.close());
  const pool = mcpClientPool({
    open: ({ principalKey }) =>
      openPeer({ kind, url: access.resource.url, fetch: access.fetch, cachePartition: principalKey }),
    close: closeMcpClient,
  });
  world.atEnd(() => pool.close());

  // In the order of the table, because the end of the session is the last.
  const played = (Object.keys(features) as Feature[]).flatMap((feature): [Feature, Probe][] => {
    const probe = probes[feature];
    return probe === undefined ? [] : [[feature, probe]];
  });
  const [ours, theirs] = await Promise.all([
    inTurn(played, async (probe) => {
      const context = await scene.ada();
      try {
        return await runWithUserContext(context, () => pool.use((peer: Peer) => probe(peer, ourGate)));
      } finally {
        context.end();
      }
    }),
    inTurn(played, (probe) => probe(plain, plainGate)),
  ]);
  for (const [n, [feature]] of played.entries()) {
    const [mine, other] = [ours[n] ?? "", theirs[n] ?? ""];
    const name = `${feature}, ${named}, ${kind}`;
    const problem = problemOf(mine, other, feature);
    world.checks.add(name, problem);
    if (problem === undefined) seen.push({ feature, server: named, kind, differs: mine !== other });
  }
}

function problemOf(mine: string, other: string, feature: Feature): string | undefined {
  if (!other.startsWith("saw ")) return `a static header: ${other}`;
  if (mine === other || differences[feature]?.matches(mine) === true) return undefined;
  return `through us: ${mine.slice(0, 500)}; a static header: ${other.slice(0, 500)}`;
}

/** What each came to, as text: one at a time, because they share a client. */
async function inTurn(
  features: readonly (readonly [Feature, Probe])[],
  play: (probe: Probe) => Promise<unknown>,
): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (const [, probe] of features)
    outcomes.push(
      await deadline(probeMs, play(probe)).then(
        (value) => `saw ${JSON.stringify(value ?? null)}`,
        (error: unknown) =>
          `failed ${codeOf(error)} ${error instanceof Error ? error.message : String(error)}`,
      ),
    );
  return outcomes;
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | undefined)?.code ?? "");
}

/** With `UPDATE_MCP_FEATURES=1` it is written instead. */
async function compareTable(seen: readonly Seen[]): Promise<void> {
  const text = await readFile(guide, "utf8");
  const made = text.replace(
    /(<!-- table -->\n)[^]*(\n<!-- end of the table -->)/,
    (_, start: string, end: string) => [start, featureTable(seen), end].join(""),
  );
  if (process.env["UPDATE_MCP_FEATURES"] !== undefined) return writeFile(guide, made);
  if (made === text) return;
  throw new Error(
    "it differs: run `UPDATE_MCP_FEATURES=1 npm run test:foreign -- mcp-features` and look at what has changed",
  );
}
