import { ok, strictEqual } from "node:assert/strict";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import {
  clientSecret,
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
import type { Counterpart, CounterpartWorld } from "../counterpart.js";
import { startServer, type ForeignServer } from "../programs.js";

/** A client of either SDK, as far as the checks use it. */
interface Client {
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>;
  call(name: string, args?: Record<string, unknown>, onprogress?: () => void): Promise<string>;
  close(): Promise<void>;
}

/** An MCP server of FastMCP that verifies tokens by itself, called with both SDKs through `userAccess().fetch`. */
export const fastMcp: Counterpart = {
  name: "fastmcp",
  timeoutMs: 600_000,
  async run(world) {
    const { server, contacts, ada, oid } = await startContacts(world);
    for (const [sdk, open] of Object.entries(openers)) {
      const pool = mcpClientPool({ open: () => open(contacts), close: (client: Client) => client.close() });
      const use = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
        runWithUserContext(ada, () => pool.use(work));

      await world.checks.check(`tools/list and a call as the person, SDK ${sdk}`, async () => {
        const { tools } = await use((client) => client.listTools());
        ok(tools.some(({ name }) => name === "whoami"));
        strictEqual(await use((client) => client.call("whoami")), oid);
      });
      await world.checks.check(`progress, SDK ${sdk}`, async () => {
        let heard = 0;
        strictEqual(await use((client) => client.call("count", { steps: 4 }, () => (heard += 1))), "counted");
        strictEqual(heard, 4);
      });
      await world.checks.check(`elicitation, SDK ${sdk}`, async () => {
        strictEqual(await use((client) => client.call("greet")), "Hello Zed");
      });
      await world.checks.check(`the first call after a restart of the server, SDK ${sdk}`, async () => {
        await server.restart();
        strictEqual(await use((client) => client.call("whoami")), oid);
      });
      await pool.close();
    }
    return server.versions;
  },
};

interface Contacts {
  readonly server: ForeignServer;
  readonly contacts: UserAccess;
  readonly ada: UserContext;
  readonly oid: string;
}

async function startContacts(world: CounterpartWorld): Promise<Contacts> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
    ],
    users: [{ name: "Ada" }],
  });
  world.atEnd(() => entra.close());
  const { tenantId, clientId } = entra.app("agent");
  const audience = entra.app("contacts").clientId;
  const authority = `${entra.cloud.loginEndpoint}/${tenantId}`;
  const settings = { jwksUri: `${authority}/discovery/v2.0/keys`, issuer: `${authority}/v2.0`, audience };
  const server = await startServer(world, "mcp", "fastmcp_server", settings, "/mcp");
  const app = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud: entra.cloud });
  const resource = protectedResource({
    url: `${server.url}/mcp`,
    serverLabel: "contacts",
    scopes: [`api://${audience}/read`],
    audiences: [audience],
  });
  const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
  const ada = await createUserContext({ userToken }, { verify: userTokenVerifier({ app }) });
  return { server, contacts: userAccess(resource, [onBehalfOf(app)]), ada, oid: entra.user("Ada").oid };
}

const info = { name: "tests", version: "1.0.0" };
const capabilities = { elicitation: {} };
const answer = { action: "accept" as const, content: { name: "Zed" } };

const openers: Readonly<Record<string, (contacts: UserAccess) => Promise<Client>>> = {
  async v1({ url, fetch }) {
    const client = new ClientV1(info, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, () => answer);
    await client.connect(new TransportV1(new URL(url), { fetch }));
    return {
      listTools: () => client.listTools(),
      call: async (name, args = {}, onprogress) =>
        textOf(await client.callTool({ name, arguments: args }, undefined, onprogress && { onprogress })),
      close: () => client.close(),
    };
  },
  async v2({ url, fetch }) {
    const client = new ClientV2(info, { capabilities });
    client.setRequestHandler("elicitation/create", () => answer);
    await client.connect(new TransportV2(new URL(url), { fetch }));
    return {
      listTools: () => client.listTools(),
      call: async (name, args = {}, onprogress) =>
        textOf(await client.callTool({ name, arguments: args }, onprogress && { onprogress })),
      close: () => client.close(),
    };
  },
};

function textOf(result: unknown): string {
  const { content = [] } = result as { content?: { text?: string }[] };
  return content[0]?.text ?? "";
}
