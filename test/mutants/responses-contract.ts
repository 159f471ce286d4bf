import type { Mutant } from "./mutant.js";

const bodyTests = ["test/turn/request-bodies.test.ts"];
const limitTests = ["test/input/json-limits.test.ts"];
const typeTests = ["test/http/content-types.test.ts"];
const requestTests = ["test/contract/request.test.ts"];
const responseTests = ["test/contract/response.test.ts"];
const brokenTests = ["test/http/broken-turns.test.ts"];

/** The guards of the Responses contract: what a body may be, what a response says, and that no handler rejects. */
export const responsesContractMutants: readonly Mutant[] = [
  {
    name: "any-content-type-that-fastify-reads",
    rule: 16,
    find: "const refusal = refusedRequest({ method, type, length });",
    replace: "const refusal = [refusedRequest({ method, type, length })][1];",
    tests: typeTests,
  },
  {
    name: "any-content-type-that-a-parser-reads",
    rule: 16,
    find: "const refusal = refusedRequest(headOf(request));",
    replace: "const refusal = [refusedRequest(headOf(request))][1];",
    tests: typeTests,
  },
  {
    name: "json-of-any-depth",
    rule: 16,
    find: 'if (depth > most) return "depth";',
    replace: "",
    tests: limitTests,
  },
  {
    name: "json-of-any-size",
    rule: 16,
    find: 'if (values > mostValues) return "values";',
    replace: "",
    tests: limitTests,
  },
  {
    name: "json-of-any-depth-from-a-parser",
    rule: 16,
    find: 'if (depth === jsonLimits.depth) return "depth";',
    replace: "",
    tests: limitTests,
  },
  {
    name: "escaped-quote-ends-a-text",
    rule: 16,
    find: "if ((found - escapes) % 2 === 0) return found;",
    replace: "return found;",
    tests: limitTests,
  },
  {
    name: "unpacked-without-limit",
    rule: 16,
    find: "maxOutputLength = Math.max(1, Math.min(maxBytes, longest))",
    replace: "maxOutputLength = longest",
    tests: bodyTests,
  },
  {
    name: "bytes-of-no-encoding",
    rule: 16,
    find: "if (!isUtf8(bytes))",
    replace: "if (false as boolean)",
    tests: bodyTests,
  },
  {
    name: "metadata-without-limit",
    rule: 16,
    find: "if (pairs.length > metadataLimits.pairs)",
    replace: "if (false as boolean)",
    tests: requestTests,
  },
  {
    name: "session-for-a-header-unchecked",
    rule: 17,
    find: "isGiven(id) && !isHeaderSafe(id)",
    replace: "false as boolean",
    tests: requestTests,
  },
  {
    name: "session-of-a-request-header",
    rule: 4,
    find: "(platform.hosted ? undefined : platform.sessionId)",
    replace: "platform.sessionId",
    tests: responseTests,
  },
  {
    name: "tools-shown-with-their-tokens",
    rule: 2,
    find: ".filter(([field]) => !secret.includes(field))",
    replace: "",
    tests: responseTests,
  },
  {
    name: "the-agents-own-prompt-shown",
    rule: 17,
    find: 'if (typeof model === "string" && model !== "") calls.model = model;',
    replace: 'calls.model = JSON.stringify(event["response"]);',
    tests: responseTests,
  },
  {
    name: "a-turn-that-cannot-begin-rejects",
    rule: 13,
    find: "reportError(options.onError, error);\n    return errorAnswer(unanswerable, headers);",
    replace: "throw error;",
    tests: brokenTests,
  },
  {
    name: "a-listener-that-rejects-is-heard-by-nobody",
    rule: 13,
    find: 'if (typeof told !== "object" || told === null || !("then" in told)) return;',
    replace: "if (!(told instanceof Promise)) return;",
    tests: ["test/turn/report-error.test.ts", "test/http/broken-callbacks.test.ts"],
  },
  {
    name: "node-goes-on-with-nobody-verified",
    rule: 3,
    find: ".catch((error: unknown) => failed(error, request, response, next));",
    replace: ".catch(next);",
    tests: brokenTests,
  },
];
