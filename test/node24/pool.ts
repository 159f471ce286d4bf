import type { PoolRunnerInitializer } from "vitest/node";
import { ForksPoolWorker } from "vitest/node";
import { newerNode } from "./newer-node.js";

/** Vitest's own pool of processes, on a Node that has `node:sqlite`. */
export const newerNodePool: PoolRunnerInitializer = {
  name: "newer-node",
  createPoolWorker: (options) => new NewerNodeWorker(options),
};

export class NewerNodeWorker extends ForksPoolWorker {
  override readonly name = "newer-node";

  override async start(): Promise<void> {
    const path = await newerNode();
    const own = process.execPath;
    // Vitest has no option for it. What it starts before it first waits runs on this Node, and nothing else.
    process.execPath = path;
    try {
      const started = super.start();
      process.execPath = own;
      await started;
    } finally {
      process.execPath = own;
    }
  }
}
