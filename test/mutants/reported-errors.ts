import type { Mutant } from "./mutant.js";

const redactTests = ["test/errors/redact.test.ts"];
const reportTests = ["test/turn/report-error.test.ts"];
const failureTests = ["test/turn/failure.test.ts"];

/** What is printed of a foreign error, and what the client is told of a server that fails. */
export const reportedErrorMutants: readonly Mutant[] = [
  {
    name: "tokens-in-printed-errors",
    rule: 2,
    find: '[...parts.slice(0, at), part.slice(0, start), instead].join("")',
    replace: "word",
    tests: redactTests,
  },
  {
    name: "headers-in-printed-errors",
    rule: 2,
    find: "  (text) => text.replace(headers, `$1$2${hidden}`),\n",
    replace: "",
    tests: redactTests,
  },
  {
    name: "bearer-tokens-in-printed-errors",
    rule: 2,
    find: "/^[a-z]{1,15}$/i.test(word) ? all",
    replace: "(true as boolean) ? all",
    tests: redactTests,
  },
  {
    name: "passwords-in-printed-urls",
    rule: 2,
    find: "at < 0 ? before",
    replace: "at < 1_000_000 ? before",
    tests: redactTests,
  },
  {
    name: "queries-in-printed-errors",
    rule: 2,
    find: "  (text) => text.replace(queries, `?${hidden}`),\n",
    replace: "",
    tests: redactTests,
  },
  {
    name: "random-words-in-printed-errors",
    rule: 2,
    find: "looksRandom(word) ? hidden",
    replace: "word === hidden ? hidden",
    tests: redactTests,
  },
  {
    name: "sign-in-codes-in-printed-errors",
    rule: 9,
    find: "  (text) => text.replace(chatCodes, hidden),\n",
    replace: "",
    tests: redactTests,
  },
  {
    name: "printed-errors-not-redacted",
    rule: 2,
    find: "redacted(message.slice(0, maxMessage))",
    replace: "message.slice(0, maxMessage)",
    tests: reportTests,
  },
  {
    name: "printed-stacks-not-redacted",
    rule: 2,
    find: "frames.slice(0, maxFrames).map(redacted)",
    replace: "frames.slice(0, maxFrames)",
    tests: reportTests,
  },
  {
    name: "an-error-printed-again-and-again",
    rule: 11,
    find: "    if (reported.has(error)) return;\n",
    replace: "",
    tests: reportTests,
  },
  {
    name: "consent-printed-as-a-fault",
    rule: 9,
    find: " || asksForSomething.has(own.category)",
    replace: "",
    tests: reportTests,
  },
  {
    name: "async-listener-ends-the-process",
    rule: 11,
    find: "Promise.resolve(told).catch(() => undefined)",
    replace: "void told",
    tests: reportTests,
  },
  {
    name: "server-that-fails-not-named",
    rule: 11,
    find: "serverFailure(context) ?? genericFailure",
    replace: "genericFailure",
    tests: failureTests,
  },
];
