import type { Mutant } from "./mutant.js";

const endTests = ["test/turn/end-of-turn.test.ts"];
const callTests = ["test/turn/model-calls.test.ts"];
const outputTests = ["test/turn/run-output.test.ts"];

/** The guards of a turn: what its run may yield, and when it is over. */
export const turnMutants: readonly Mutant[] = [
  {
    name: "run-output-sent-as-it-came",
    rule: 17,
    find: "const { value: event, problem } = plainCopy(value);",
    replace: "const { value: event, problem } = { value, problem: undefined as string | undefined };",
    tests: outputTests,
  },
  {
    name: "promise-of-a-run-left-alone",
    rule: 17,
    find: 'if (types.isPromise(output)) await refusePromise(output, "returned");',
    replace: "",
    tests: outputTests,
  },
  {
    name: "yielded-promise-left-alone",
    rule: 17,
    find: 'if (types.isPromise(value)) await whileLive(async () => refusePromise(value, "yielded"));',
    replace: "",
    tests: outputTests,
  },
  {
    name: "result-without-await-left-to-reject",
    rule: 17,
    find: "value.catch(() => undefined);",
    in: "missingAwait",
    replace: "",
    tests: ["test/turn/frameworks/openai-agents.test.ts"],
  },
  {
    name: "anything-returned-is-iterated",
    rule: 17,
    find: "if (isAsyncIterable(output)) return output[Symbol.asyncIterator]();",
    replace: "return (output as AsyncIterable<unknown>)[Symbol.asyncIterator]();",
    tests: outputTests,
  },
  {
    name: "error-of-a-finally-unseen",
    rule: 18,
    find: ".catch(onCleanUpError)",
    replace: ".catch(() => void onCleanUpError)",
    tests: endTests,
  },
  {
    name: "run-output-without-a-depth",
    rule: 16,
    find: "if (depth >= maxDepth) throw new NotPlain(`a cycle, or more than ${maxDepth} levels`);",
    replace: "",
    tests: ["test/turn/plain-data.test.ts"],
  },
  {
    name: "prototype-set-by-a-run",
    rule: 17,
    find: 'if (name === "__proto__")',
    in: "copyOfFields",
    replace: "if (false as boolean)",
    tests: ["test/turn/plain-data.test.ts"],
  },
  {
    name: "anything-with-a-type-is-an-event",
    rule: 17,
    find: "if (eventName.test(type) || isResponseEventType(type))",
    replace: "if (true as boolean)",
    tests: outputTests,
  },
  {
    name: "cut-model-stream-is-an-answer",
    rule: 18,
    find: 'if (response.calls?.isOpen === true) throw new HostedAgentIdentityError("model_stream_cut");',
    replace: "",
    tests: callTests,
  },
  {
    name: "half-a-call-looks-finished",
    rule: 18,
    find: 'leftOpen.flatMap((opened) => closeItem(items, opened, "incomplete"))',
    replace: 'leftOpen.flatMap((opened) => closeItem(items, opened, "completed"))',
    tests: ["test/turn/item-content.test.ts"],
  },
  {
    name: "nested-turn-ends-the-outer-one",
    rule: 13,
    find: "if (scope.stop()) scope.context.end();",
    replace: "scope.stop();\n    scope.context.end();",
    tests: endTests,
  },
  {
    name: "turn-over-before-its-finally",
    rule: 13,
    find: "await pieces.ended();",
    replace: "",
    tests: endTests,
  },
  {
    name: "run-waits-for-a-reader-who-has-stopped",
    rule: 11,
    find: 'signal.addEventListener("abort", stop, { once: true });',
    in: "runPieces",
    replace: "",
    tests: endTests,
  },
  {
    name: "any-body-trusted-to-end-its-context",
    rule: 13,
    find: "if (response.body === internalsOf(context).ownBody) return response;",
    replace: "if (response.body !== internalsOf(context).ownBody || response.ok) return response;",
    tests: ["test/request/middleware.test.ts"],
  },
  {
    name: "run-without-an-idle-limit",
    rule: 11,
    find: "else if (idleLeft <= 0) scope.fail(",
    replace: "else if (false as boolean) scope.fail(",
    tests: endTests,
  },
  {
    name: "run-without-a-deadline",
    rule: 11,
    find: 'scope.fail(new HostedAgentIdentityError("turn_timeout"))',
    replace: "undefined",
    tests: endTests,
  },
  {
    name: "gone-client-ends-the-turn-at-once",
    rule: 13,
    find: "watching?.return?.().catch(() => {});",
    replace: "end();",
    tests: endTests,
  },
];
