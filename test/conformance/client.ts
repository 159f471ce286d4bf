/**
 * The client that the official suite of MCP conformance tests: an unmodified MCP SDK over `access.fetch`.
 *
 *   CONFORMANCE_SDK=v1|v2-legacy|v2-modern node --import tsx client.ts <server url>
 *
 * The suite says in MCP_CONFORMANCE_SCENARIO what it plays and in MCP_CONFORMANCE_CONTEXT what the client has.
 */
import { randomUUID } from "node:crypto";
import { mcpClientPool, protectedResource, runWithUserContext, userAccess } from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { openClient, type ClientKind, type RealClient } from "../support/mcp-clients.js";
import { callTools } from "./calls.js";
import { grantOf } from "./grants.js";
import { grantSource, oneToken } from "./token-source.js";

const url = process.argv.at(-1) ?? "";
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? "";
const given = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Record<string, string>;
const kind = (process.env["CONFORMANCE_SDK"] ?? "v1") as ClientKind;

const grant = grantOf(scenario, given);
const source = grant === undefined ? oneToken(`test-token-${randomUUID()}`) : await grantSource(url, grant);
const resource = protectedResource({
  url,
  serverLabel: "conformance",
  scopes: ["api://conformance/mcp"],
  audiences: ["api://conformance"],
});
const access = userAccess(resource, [source]);

// One user's, so that the server can ask on a stream of its own. The user fills in nothing: defaults apply.
const pool = mcpClientPool({
  open: () => openClient(kind, url, { fetch: access.fetch, form: {} }),
  close: (client: RealClient) => client.close(),
});

await runWithUserContext(testUserContext({ use: "resource", audience: "api://conformance" }), async () => {
  await pool.use((client) => callTools(client, scenario, given));
});
await pool.close();
await access.close();
