import type { Mutant } from "./mutant.js";

const toolboxTests = ["test/toolbox/foundry-toolbox.test.ts"];
const consentTests = ["test/toolbox/consent.test.ts"];
const retryTests = ["test/toolbox/retry.test.ts"];
const tokenTests = ["test/toolbox/agent-token.test.ts"];
const streamTests = ["test/toolbox/event-stream.test.ts"];
const policyTests = ["test/consent/link-policy.test.ts"];

/** The guards of Foundry's toolbox: for whom it acts, what it sends on, and which links it believes. */
export const foundryToolboxMutants: readonly Mutant[] = [
  {
    name: "approval-that-nobody-stated",
    rule: 18,
    find: 'return requireApproval(tool) === "never" && tool.name !== "call_tool" ? "never" : "always";',
    replace:
      'return (requireApproval(tool) ?? "never") === "never" && tool.name !== "call_tool" ? "never" : "always";',
    tests: toolboxTests,
  },
  {
    name: "approval-of-call-tool-itself",
    rule: 18,
    find: 'const name = call.name === "call_tool" ? namedTool(call.arguments) : call.name;',
    replace:
      'const name = call.name === "call_tool" ? (namedTool(call.arguments) ?? "people.whoami") : call.name;',
    tests: toolboxTests,
  },
  {
    name: "approval-of-a-hidden-tool",
    rule: 18,
    find: 'return listed.length > 0 && listed.every((tool) => toolApproval(tool) === "never") ? "never" : "always";',
    replace: 'return listed.every((tool) => toolApproval(tool) === "never") ? "never" : "always";',
    tests: toolboxTests,
  },
  {
    name: "toolbox-without-a-call-id",
    rule: 3,
    find: "if (hosted || context.platform.hosted) {",
    replace: "if (false as boolean) {",
    tests: toolboxTests,
  },
  {
    name: "toolbox-for-an-application",
    rule: 3,
    find: 'if (toolboxCaller(context, place).kind === "developer") checkPerson(held.token, context.user);',
    replace: "",
    tests: toolboxTests,
  },
  {
    name: "call-id-of-the-client",
    rule: 4,
    find: "if (!isIdentityHeader(name)) headers[name] = value;",
    replace: "headers[name] = value;",
    tests: toolboxTests,
  },
  {
    name: "call-id-of-whoever-came-first",
    rule: 4,
    in: "toolboxNetwork",
    find: "const context = options.context ?? tryGetUserContext();",
    replace:
      "const context = ((options as { first?: UserContext | undefined }).first ??= options.context ?? tryGetUserContext());",
    tests: toolboxTests,
  },
  {
    name: "user-id-sent-onward",
    rule: 2,
    find: "^(?:x-agent-|x-client-|",
    replace: "^(?:x-agent-foundry-|x-client-user$|",
    tests: toolboxTests,
  },
  {
    name: "toolbox-token-once-for-each-caller",
    rule: 6,
    in: "agentToken",
    find: "return flights.run(key, () =>",
    replace: "return singleFlight<AccessToken>().run(key, () =>",
    tests: tokenTests,
  },
  {
    name: "toolbox-event-that-ends-in-the-next-chunk",
    rule: 9,
    in: "eventScanner",
    find: "const end = lastEnd(chunk, before);",
    replace: "const end = lastEnd(chunk, 0);",
    tests: streamTests,
  },
  {
    name: "toolbox-event-behind-the-first-of-a-large-piece",
    rule: 9,
    in: "eventScanner",
    find: "bytes: chunk.subarray(cut, end), isPart: false",
    replace: "bytes: chunk.subarray(cut, end), isPart: true",
    tests: streamTests,
  },
  {
    name: "toolbox-consent-from-tool-content",
    rule: 9,
    find: 'if (jsonrpc !== "2.0" || "result" in message || "method" in message) return undefined;',
    replace: "",
    tests: ["test/foundry/json-rpc.test.ts"],
  },
  {
    name: "toolbox-link-anywhere",
    rule: 9,
    in: "rpcOutcome",
    find: "const refused = refusedLink(link, policy);",
    replace: "const refused = undefined as HostedAgentIdentityError | undefined;",
    tests: consentTests,
  },
  {
    name: "toolbox-loopback-link-everywhere",
    rule: 9,
    find: "isLoopback(project.hostname) ? orLoopback(policy) : policy",
    replace: "orLoopback(policy)",
    tests: consentTests,
  },
  {
    name: "toolbox-consent-not-recorded",
    rule: 9,
    in: "rpcOutcome",
    find: "recordConsent(context, requests);",
    replace: "",
    tests: consentTests,
  },
  {
    name: "toolbox-link-in-the-stream",
    rule: 9,
    find: "return { error, code, id };",
    replace: "return { error: Object.assign(error, { message: jsonRpcError(message)?.message }), code, id };",
    tests: consentTests,
  },
  {
    name: "toolbox-link-in-the-cause",
    rule: 9,
    find: '.replace(/https?:[^\\s"\'<>]*/gi, "<link>")',
    replace: "",
    tests: consentTests,
  },
  {
    name: "suffix-without-its-dot",
    rule: 9,
    find: "[origin.slice(anyHostBelow.length - 1)]",
    replace: "[origin.slice(anyHostBelow.length)]",
    tests: policyTests,
  },
  {
    name: "call-sent-twice-after-it-may-have-acted",
    rule: 11,
    find: " && isWithoutEffect(request);",
    replace: ";",
    tests: retryTests,
  },
  {
    name: "retries-without-an-end",
    rule: 11,
    find: "if (waited + wait > maxWaitMs) return undefined;",
    replace: "",
    tests: retryTests,
  },
  {
    name: "retry-for-a-turn-that-ended",
    rule: 13,
    in: "pauseInTurn",
    find: "endListeners.add(onEnd);",
    replace: "",
    tests: retryTests,
  },
  {
    name: "agent-token-inside-a-user-context",
    rule: 13,
    find: "runWithoutUserContext(() =>\n      withDeadline(timeoutMs, undefined, timedOut, (signal) => ask(claims, signal)),\n    )",
    replace: "withDeadline(timeoutMs, undefined, timedOut, (signal) => ask(claims, signal))",
    tests: toolboxTests,
  },
  {
    name: "toolbox-session-of-another-platform-user",
    rule: 15,
    find: 'if (userId !== undefined) return JSON.stringify(["platform", userId]);',
    replace: 'if (userId !== undefined) return "null";',
    tests: toolboxTests,
  },
];
