import type { Counterpart } from "../counterpart.js";
import { playPython } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/** OpenAI's Python client and its pydantic models, as readers of completed, consent, empty and failed turns. */
export const openaiPython: Counterpart = {
  name: "openai-python",
  timeoutMs: 600_000,
  async run(world) {
    const { url, headers, oid } = await startAgentWorld(world);
    return playPython(world, "foundry", "openai_client", { url, headers, oid });
  },
};
