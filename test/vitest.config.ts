import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { firstLine } from "../src/turn/report-error.js";
import { PlainSummary } from "./support/plain-summary.js";

const from = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: from(".."),
  resolve: {
    // Tests run on the source; the tarball tests under test/package run on what is published.
    alias: [
      { find: /^hosted-agent-identity$/, replacement: from("../src/index.ts") },
      { find: /^hosted-agent-identity\/consent$/, replacement: from("../src/consent/index.ts") },
      { find: /^hosted-agent-identity\/otel$/, replacement: from("../src/otel/index.ts") },
      { find: /^hosted-agent-identity\/server$/, replacement: from("../src/server/index.ts") },
      { find: /^hosted-agent-identity\/sign-in$/, replacement: from("../src/sign-in/index.ts") },
      { find: /^hosted-agent-identity\/testing$/, replacement: from("../src/testing/index.ts") },
      { find: /^hosted-agent-identity\/turn$/, replacement: from("../src/turn/index.ts") },
      {
        find: /^hosted-agent-identity\/(express|fastify|hono|node)$/,
        replacement: from("../src/http/$1.ts"),
      },
      {
        find: /^hosted-agent-identity\/(ai-sdk|openai-agents)$/,
        replacement: from("../src/turn/frameworks/$1.ts"),
      },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/tls.ts", "test/support/compiled.ts"],
    setupFiles: ["test/support/spare-keys.ts"],
    pool: "forks",
    // Much of a test's time is waiting for a browser or another process.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    reporters: ["default", new PlainSummary()],
    // Long enough for a slow machine with other work: what hangs is seen all the same.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Turns that fail on purpose, in tests that do not take their error, would fill pages.
    onConsoleLog: (log) => !log.startsWith(firstLine),
    restoreMocks: true,
    unstubGlobals: true,
  },
});
