import { defineConfig } from "vitest/config";
import { newerNodePool } from "./node24/pool.js";
import base from "./vitest.config.js";

/** Tests of what needs `node:sqlite`, on a Node that has it, whichever runs Vitest. */
export const needsNewerNode = "test/**/{sqlite*,store-faults}.test.ts";

export default defineConfig({
  ...base,
  test: { ...base.test, name: "newer node", include: [needsNewerNode], pool: newerNodePool },
});
