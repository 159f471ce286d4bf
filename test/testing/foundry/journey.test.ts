import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { ask, foundryWorld, startContainer, type FoundryWorld, type RunningContainer } from "./world.js";

let world: FoundryWorld;
let foundry: FoundryEmulator;
let container: RunningContainer;

beforeAll(async () => {
  world = await foundryWorld();
  foundry = await world.start({ toolboxes: [{ name: "tools", sources: [world.people] }] });
  container = await startContainer(async function* ({ context }) {
    const { userId, callId } = context.platform ?? {};
    const client = new Client({ name: "agent", version: "1.0.0" });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(foundry.toolboxUrl("tools")), {
        requestInit: {
          headers: {
            authorization: `Bearer ${await world.agentToken()}`,
            "foundry-features": "Toolboxes=V1Preview",
            "x-agent-foundry-call-id": callId ?? "",
          },
        },
      }) as never,
    );
    try {
      const { tools } = await client.listTools();
      const called = await client.callTool({ name: "people.whoami", arguments: { nonce: "1" } });
      yield JSON.stringify({ userId, tools: tools.map(({ name }) => name), called: called.content });
    } catch (error) {
      yield String((error as Error).message);
    } finally {
      await client.close();
    }
  });
  foundry.connectAgent(container.url);
});
afterAll(async () => {
  await container.close();
  await world.close();
});

test("a person consents once, and the MCP server then sees that person", async () => {
  const token = await world.tokenOf("Ada");
  const first = await ask(foundry, token, { input: "Who am I?" });
  const text = await first.text();
  expect({ status: first.status, text }).toMatchObject({ status: 200 });
  const link = /http:[^"\\]+login[^"\\]+/.exec(text)?.[0] ?? "";
  await foundry.giveConsent({ link, user: "Ada" });
  const second = await (await ask(foundry, token, { input: "Who am I?" })).text();
  expect(second).toContain("Ada");
});
