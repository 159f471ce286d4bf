import type { Counterpart } from "../counterpart.js";
import { playNode } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/** OpenAI's newest client for Node, as a reader of completed, consent, empty and failed turns. */
export const openaiNpm: Counterpart = {
  name: "openai-npm",
  timeoutMs: 600_000,
  async run(world) {
    const { url, headers, oid } = await startAgentWorld(world);
    return playNode(world, "openai-client", { url, headers, oid });
  },
};
