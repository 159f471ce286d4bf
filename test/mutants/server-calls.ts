import type { Mutant } from "./mutant.js";

const closingTests = ["test/mcp/closing-after-the-response.test.ts"];
const troubleTests = ["test/access/server-troubles.test.ts"];
const callTests = ["test/access/tool-calls.test.ts"];

/** What is sent after the response has ended, and what a turn knows of its calls and their servers. */
export const serverCallMutants: readonly Mutant[] = [
  {
    name: "session-left-open-by-a-caller-who-leaves",
    rule: 13,
    find: "if (windsDown(internals)) return",
    replace: "if (false as boolean) return",
    tests: closingTests,
  },
  {
    name: "session-closed-for-ever-after",
    rule: 13,
    find: "return ended && turns > 0;",
    replace: "return ended;",
    tests: closingTests,
  },
  {
    name: "another-users-session-closed-while-winding-down",
    rule: 15,
    find: "for (const id of sessionIds) sessions?.check(id, owner);",
    replace: "void sessions;",
    tests: closingTests,
  },
  {
    name: "uncached-token-of-another-context",
    rule: 4,
    find: "else uncached.set(context, token);",
    replace: "",
    tests: closingTests,
  },
  {
    name: "nested-turn-counts-as-the-outermost",
    rule: 13,
    find: "const outermost = internals.turns === 0;",
    replace: "const outermost = true;",
    tests: ["test/context/internals.test.ts"],
  },
  {
    name: "turn-counted-off-twice",
    rule: 13,
    find: "if (running) internals.turns -= 1;",
    replace: "internals.turns -= 1;",
    tests: ["test/context/internals.test.ts"],
  },
  {
    name: "stream-inside-a-turn-ends-it",
    rule: 13,
    find: "if (internalsOf(context).turns === 0) context.end();",
    replace: "context.end();",
    tests: ["test/context/bind.test.ts"],
  },
  {
    name: "caller-who-leaves-blamed-on-the-server",
    rule: 11,
    find: "if (isLeft(init, error) || ",
    replace: "if (",
    tests: troubleTests,
  },
  {
    name: "bug-blamed-on-the-server",
    rule: 11,
    find: "!isNetworkError(error) || ",
    replace: "",
    tests: troubleTests,
  },
  {
    name: "closing-the-session-ends-the-trouble",
    rule: 11,
    find: 'if (method === "DELETE") return false;',
    replace: "",
    tests: troubleTests,
  },
  {
    name: "tool-calls-without-a-bound",
    rule: 11,
    find: "if (toolCalls.length > maxCalls) toolCalls.splice(0, toolCalls.length - maxCalls);",
    replace: "",
    tests: callTests,
  },
  {
    name: "large-bodies-parsed",
    rule: 11,
    find: "body.length > maxBody || ",
    replace: "",
    tests: callTests,
  },
  {
    name: "streamed-answer-counted-from-its-headers",
    rule: 11,
    find: "!isEventStream(response) || !tellsItsEnd(response.body, ending)",
    replace: "(ending as unknown) !== undefined",
    tests: callTests,
  },
];
