import type { Mutant } from "./mutant.js";

const aiSdkTests = ["test/turn/frameworks/ai-sdk.test.ts"];
const agentsTests = ["test/turn/frameworks/openai-agents.test.ts"];

/** The guards that keep a failed run of a framework from passing for an answer. */
export const frameworkMutants: readonly Mutant[] = [
  {
    name: "cut-stream-is-an-answer",
    rule: 18,
    find: 'known ?? (typeof raw === "string" ? "completed" : "broken")',
    replace: 'known ?? "completed"',
    tests: aiSdkTests,
  },
  {
    name: "stream-without-finish-is-an-answer",
    rule: 18,
    find: 'if (note === undefined) throw unfinished("");',
    replace: "if (note === undefined) return [];",
    tests: aiSdkTests,
  },
  {
    name: "tool-error-shown-to-the-client",
    rule: 17,
    find: 'message: "The tool failed."',
    replace: "message: String(error)",
    tests: aiSdkTests,
  },
  {
    name: "cut-chat-stream-is-an-answer",
    rule: 18,
    find: 'if (ending === "broken")',
    in: "modelCall",
    replace: "if (false as boolean)",
    tests: agentsTests,
  },
  {
    name: "error-after-the-last-event-lost",
    rule: 18,
    find: "await run.completed;",
    replace: "",
    tests: agentsTests,
  },
  {
    name: "cancelled-run-is-an-answer",
    rule: 18,
    find: "if (run.cancelled === true) throw",
    replace: "if (false as boolean) throw",
    tests: agentsTests,
  },
];
