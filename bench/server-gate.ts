import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import express from "express";
import { protectMcpServer } from "hosted-agent-identity/server";
import { host, hostTimes, joseVerifier, measureHosts, type Coming } from "./bearer-hosts.js";
import { agentApp, tenant } from "./people.js";
import { issuer } from "./signed-tokens.js";
import type { Row } from "./table.js";

/** As the SDK's transports post it. */
const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "whoami", arguments: {} } };

/** What has been reached over the MCP SDK's `requireBearerAuth`, which knows neither sessions nor tools. */
const budgets: Readonly<Record<Coming, number>> = { first: 1.35, again: 1 };
const goals: typeof budgets = { first: 1.05, again: 0.7 };

/**
 * A `tools/call` to an Express app on loopback behind `protectMcpServer()`, beside the same app behind the MCP SDK's
 * `requireBearerAuth` with jose and Express's parser. The gate reads the body itself.
 */
export async function serverGate(): Promise<readonly Row[]> {
  const signer = issuer();
  const gate = protectMcpServer({
    url: "https://contacts.example.com/mcp",
    app: { tenantId: tenant, clientId: agentApp },
    scopes: ["access_as_user"],
    fetch: async () => Response.json(signer.jwks),
  });
  const verifier = joseVerifier(signer, agentApp);
  const hosts = {
    ours: await host({ body: call, handlers: [gate.middleware] }),
    requireBearerAuth: await host({
      body: call,
      handlers: [requireBearerAuth({ verifier }), express.json()],
    }),
    bare: await host({ body: call, handlers: [express.json()] }),
  };
  const rows: Row[] = [];
  for (const coming of ["first", "again"] as const) {
    const taken = await measureHosts(hosts, coming, (number) => signer.token(number));
    const over = hostTimes(taken, "ours", "requireBearerAuth");
    const which = coming === "first" ? "first time" : "again (remembered)";
    const budget = budgets[coming];
    rows.push(
      {
        what: `MCP server gate, whole request p50, ${which}, over requireBearerAuth`,
        unit: "times",
        budget,
        goal: goals[coming],
        ours: over.wall,
        note: over.costs,
      },
      {
        what: `MCP server gate, cpu of a whole request, ${which}, over requireBearerAuth`,
        unit: "times",
        budget,
        goal: goals[coming],
        ours: over.cpu,
      },
    );
  }
  for (const one of Object.values(hosts)) one.close();
  return rows;
}
