import type { Counterpart } from "../counterpart.js";
import { playNode } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/** The client of a Foundry project for Node: finds the consent link, then the answer. */
export const aiProjects: Counterpart = {
  name: "ai-projects",
  timeoutMs: 600_000,
  async run(world) {
    const { url, projectEndpoint, headers, oid } = await startAgentWorld(world);
    return playNode(world, "projects-client", { url, projectEndpoint, headers, oid });
  },
};
