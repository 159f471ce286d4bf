import { createServer } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { expect, test, vi } from "vitest";
import { closeMcpClient, mcpClientPool, runWithUserContext, tryGetUserContext } from "hosted-agent-identity";
import { accessTo } from "../support/eliciting-server.js";
import { listening } from "../support/listening.js";
import { contextOf } from "../support/test-users.js";

test("a subscription of MCP 2026-07-28 that is opened in open() hears of changes, in turns and between them", async () => {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "issues", version: "1.0.0" });
    server.registerTool("change", { description: "Changes the tools" }, async () => {
      handler.notify.toolsChanged();
      return { content: [{ type: "text", text: "changed" }] };
    });
    return server;
  });
  const host = await listening(createServer(toNodeHandler(handler)));
  const access = accessTo(`${host.url}/mcp`);
  const heard: unknown[] = [];
  const pool = mcpClientPool({
    async open() {
      const client = new Client(
        { name: "tests", version: "1.0.0" },
        { versionNegotiation: { mode: { pin: "2026-07-28" } } },
      );
      client.setNotificationHandler(
        "notifications/tools/list_changed",
        () => void heard.push(tryGetUserContext()),
      );
      await client.connect(new StreamableHTTPClientTransport(access.url, { fetch: access.fetch }));
      await client.listen({ toolsListChanged: true });
      return client;
    },
    close: closeMcpClient,
  });
  const change = async (): Promise<void> => {
    const context = contextOf("ada");
    await runWithUserContext(context, () => pool.use((client) => client.callTool({ name: "change" })));
    context.end();
  };
  try {
    await change();
    await vi.waitFor(() => expect(heard).toHaveLength(1), 10_000);
    handler.notify.toolsChanged();
    await vi.waitFor(() => expect(heard).toHaveLength(2), 10_000);
    await change();
    await vi.waitFor(() => expect(heard).toHaveLength(3), 10_000);
    expect(heard).toEqual([undefined, undefined, undefined]);
  } finally {
    await pool.close();
    await access.close();
    await host.close();
  }
});
