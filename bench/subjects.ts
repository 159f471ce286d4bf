import type { Row } from "./table.js";

/**
 * What is measured, in the order of the table. Each is loaded and run in a process of its own, so that none
 * inherits the heap, the compiled code or the open sockets of another.
 */
export const subjects: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  "cached token": async () => (await import("./cached-token.js")).cachedToken(),
  "cached call": async () => (await import("./cached-call.js")).cachedCall(),
  allocation: async () => (await import("./allocation.js")).allocation(),
  verification: async () => (await import("./verify.js")).verify(),
  "Express middleware": async () => (await import("./middleware.js")).middleware(),
  "server gate": async () => (await import("./server-gate.js")).serverGate(),
  memory: async () => (await import("./memory.js")).memory(),
  "early refresh": async () => (await import("./early-refresh.js")).earlyRefresh(),
  "loop block": async () => (await import("./loop-block.js")).loopBlock(),
  "concurrent calls": async () => (await import("./single-flight.js")).singleFlight(),
  burst: async () => (await import("./burst.js")).burst(),
  "many servers": async () => (await import("./many-servers.js")).manyServers(),
  connections: async () => (await import("./connections.js")).connections(),
  "cold exchange": async () => (await import("./cold-exchange.js")).coldExchange(),
  "warm exchange": async () => (await import("./warm-exchange.js")).warmExchange(),
  "shared cache": async () => (await import("./shared-cache.js")).sharedCache(),
  "throttled neighbour": async () => (await import("./throttled-neighbour.js")).throttledNeighbour(),
  "long stream": async () => (await import("./long-stream.js")).longStream(),
  "first byte": async () => (await import("./first-byte.js")).firstByte(),
  "streamed deltas": async () => (await import("./streamed-deltas.js")).streamedDeltas(),
  "inspected answers": async () => (await import("./inspected-answers.js")).inspectedAnswers(),
  installation: async () => (await import("./installation.js")).installation(),
  "import time": async () => (await import("./import-time.js")).importTime(),
  "first token": async () => (await import("./first-token.js")).firstToken(),
  "round trips": async () => (await import("./round-trips.js")).roundTrips(),
  telemetry: async () => (await import("./telemetry.js")).telemetry(),
  "MCP call": async () => (await import("./mcp-call.js")).mcpCall(),
  "tokens of grants": async () => (await import("./sign-in/grant-tokens.js")).grantTokens(),
  "remote sign-in": async () => (await import("./sign-in/remote.js")).remote(),
  "sign-in on Redis": async () => (await import("./sign-in/commands.js")).signInCommands(),
  "sign-in crowd": async () => (await import("./sign-in/crowd.js")).crowd(),
};

/** Measured only by name. */
export const longSubjects: typeof subjects = {
  soak: async () => (await import("./soak/rows.js")).soakRows(),
  "hostile soak": async () => (await import("./soak/rows.js")).hostileRows(),
};
