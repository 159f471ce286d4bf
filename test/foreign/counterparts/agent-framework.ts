import { strictEqual } from "node:assert/strict";
import type { Counterpart } from "../counterpart.js";
import { playPython } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/** Three turns of one conversation with Microsoft's agent framework, streamed and not, a consent in the second. */
export const agentFramework: Counterpart = {
  name: "agent-framework",
  timeoutMs: 600_000,
  async run(world) {
    let versions = "";
    for (const streamed of [false, true]) {
      const { url, projectEndpoint, headers, oid, asked } = await startAgentWorld(world);
      const settings = { url, projectEndpoint, headers, oid, streamed };
      versions = await playPython(world, "foundry", "agent_framework_client", settings);
      // What the agent was really asked decides: the client's own state is only half of it.
      await world.checks.check(
        `each request names the conversation, ${streamed ? "streamed" : "plain"}`,
        () => {
          const named = asked.map((body) => body["conversation"] ?? "none");
          strictEqual(named.length, 3, `there were ${named.length} requests, not 3`);
          strictEqual(new Set(named).size, 1, `the requests named ${JSON.stringify(named)}`);
        },
      );
    }
    return versions;
  },
};
