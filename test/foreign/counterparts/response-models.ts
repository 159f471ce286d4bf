import type { Counterpart } from "../counterpart.js";
import { playPython } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/** The models that Microsoft's host is generated from, over everything that a turn of ours writes. */
export const responseModels: Counterpart = {
  name: "response-models",
  timeoutMs: 600_000,
  async run(world) {
    const { url, headers } = await startAgentWorld(world);
    return playPython(world, "foundry", "response_models", { url, headers });
  },
};
