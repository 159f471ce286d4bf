import type { Mutant } from "./mutant.js";

const tests = ["test/mcp/servers-that-talk-first.test.ts"];
const fetchTests = ["test/access/fetch.test.ts"];

/** The guards around the stream on which a server talks to a pooled client. */
export const standaloneStreamMutants: readonly Mutant[] = [
  {
    name: "question-to-either-of-two-conversations",
    rule: 4,
    in: "hear",
    find: "turns.size === 1",
    replace: "turns.size >= 1",
    tests,
  },
  {
    name: "question-between-turns-reaches-a-handler",
    rule: 4,
    in: "hear",
    find: 'if (isRequest && method !== "roots/list")',
    replace: "if (isRequest && false)",
    tests,
  },
  {
    name: "question-of-a-turn-that-has-left-stays-open",
    rule: 4,
    in: "expectReply",
    find: "endListeners.add(onEnd);",
    replace: "",
    tests,
  },
  {
    name: "reply-is-lost-with-the-turn-whose-token-it-waits-for",
    rule: 4,
    in: "tokenFor",
    find: "if (turn.ended) return tokenFor({ acquirer }, scope);",
    replace: "",
    tests,
  },
  {
    name: "stream-ends-with-the-first-of-two-turns",
    rule: 4,
    in: "outlive",
    find: "if (turn === undefined) sleep(stream);",
    replace: "if (turn !== null) sleep(stream);",
    tests,
  },
  {
    name: "stream-outlives-its-token",
    rule: 4,
    in: "lookAgain",
    find: "if (next === undefined || stream.over) return sleep(stream);",
    replace: "if (next === undefined || stream.over) return undefined;",
    tests,
  },
  {
    name: "stream-outlives-the-sign-out",
    rule: 4,
    in: "standaloneStreams",
    find: "if (stream.scope.principalKey === principalKey) sleep(stream);",
    replace: "if (stream.scope.principalKey === principalKey) continue;",
    tests,
  },
  {
    name: "stream-acquires-between-turns",
    rule: 3,
    in: "standaloneStreams",
    find: 'context === undefined && init.method === "POST" && !isCall(init)',
    replace: 'context === undefined && init.method === "POST"',
    tests,
  },
  {
    name: "pooled-client-runs-as-its-opener",
    rule: 4,
    in: "whenOpen",
    find: "pooled.scope.opener = undefined;",
    replace: "",
    tests,
  },
  {
    name: "server-with-both-transports-is-refused",
    rule: 11,
    in: "refuseLegacy",
    find: "if (!posted.has(scope)) ",
    replace: "",
    tests: ["test/access/legacy-transport.test.ts"],
  },
  {
    name: "standalone-stream-outside-a-pool",
    rule: 4,
    in: "standaloneRefusal",
    find: 'if (mode === "allow") return undefined;',
    replace: 'if (mode !== "refuse") return undefined;',
    tests: fetchTests,
  },
  {
    name: "standalone-stream-refused-in-silence",
    rule: 4,
    in: "standaloneRefusal",
    find: 'if (mode !== "refuse") throw refused;',
    replace: "",
    tests: fetchTests,
  },
];
