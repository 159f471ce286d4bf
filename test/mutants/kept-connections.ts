import type { Mutant } from "./mutant.js";

const tests = ["test/exchange/kept-connections.test.ts"];

/** The guards of the connections to Entra that are kept. */
export const keptConnectionMutants: readonly Mutant[] = [
  {
    name: "any-certificate-on-a-kept-connection",
    rule: 7,
    find: "rejectUnauthorized: true",
    replace: 'rejectUnauthorized: process.env.NODE_TLS_REJECT_UNAUTHORIZED !== "0"',
    tests,
  },
  {
    name: "a-request-sent-again-after-half-an-answer",
    rule: 20,
    find: "const isStale = isReset && request.reusedSocket && request.socket?.bytesRead === before;",
    replace: "const isStale = isReset && request.reusedSocket && before >= 0;",
    tests,
  },
  {
    name: "a-request-sent-again-on-a-new-connection",
    rule: 20,
    find: "const isStale = isReset && request.reusedSocket && request.socket?.bytesRead === before;",
    replace: "const isStale = isReset && request.socket?.bytesRead === before;",
    tests,
  },
  {
    name: "stale-connections-one-after-the-other",
    rule: 20,
    find: 'if (!("stale" in first)) return first;\n      endIdle();',
    replace: 'if (!("stale" in first)) return first;',
    tests,
  },
  {
    name: "a-kept-connection-without-the-deadline",
    rule: 11,
    find: 'signal?.addEventListener("abort", abort, { once: true });\n    request.on',
    replace: "void abort;\n    request.on",
    tests,
  },
  {
    name: "connections-that-outlive-their-app",
    rule: 11,
    find: "for (const agent of Object.values(agents)) agent.maxFreeSockets = 0;",
    replace: "",
    tests,
  },
  {
    name: "more-connections-than-allowed",
    rule: 11,
    find: "turns: requestTurns(settings.connections?.max)",
    replace: "turns: requestTurns()",
    tests,
  },
];
