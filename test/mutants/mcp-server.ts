import type { Mutant } from "./mutant.js";

const gateTests = ["test/server/gate.test.ts"];
const brokenTests = ["test/server/broken-callbacks.test.ts"];
const sessionTests = ["test/server/sessions.test.ts"];

/** What an MCP server lets in, what it tells of who came, and whose its sessions are. */
export const mcpServerMutants: readonly Mutant[] = [
  {
    name: "server-session-of-somebody-else",
    rule: 15,
    find: "if (sessionId !== undefined && !sessions.isOf(sessionId, principalKey))",
    replace: "if (sessionId !== undefined && (false as boolean))",
    tests: sessionTests,
  },
  {
    name: "server-session-changes-hands",
    rule: 15,
    find: "if (!owners.has(key)) owners.set(key, principalKey);",
    replace: "owners.set(key, principalKey);",
    tests: sessionTests,
  },
  {
    name: "server-sessions-without-bound",
    rule: 15,
    find: "boundedMap<string, string>(max)",
    replace: "boundedMap<string, string>(max + 1000)",
    tests: sessionTests,
  },
  {
    name: "server-takes-the-first-of-two-tokens",
    rule: 5,
    find: "  if (authorization.length > 1) return { refused: refuse.severalTokens() };\n",
    replace: "",
    tests: gateTests,
  },
  {
    name: "server-lets-applications-in",
    rule: 5,
    find: 'applications === undefined ? "persons" : "both"',
    replace: '"both"',
    tests: gateTests,
  },
  {
    name: "server-application-without-a-role",
    rule: 5,
    find: "if (!accepted.some((role) => roles.includes(role)))",
    replace: "if (accepted.length > 0 && roles.length === 0)",
    tests: gateTests,
  },
  {
    name: "server-application-calls-what-needs-a-scope",
    rule: 5,
    find: "scopes: (facts) => closedUnlessByRole(facts, (facts.demand.scopes ?? []).length > 0)",
    replace: "scopes: () => undefined",
    tests: gateTests,
  },
  {
    name: "server-application-calls-what-needs-a-stronger-sign-in",
    rule: 5,
    find: "authContext: (facts) => closedUnlessByRole(facts, facts.demand.authContext !== undefined)",
    replace: "authContext: () => undefined",
    tests: gateTests,
  },
  {
    name: "server-application-with-another-role",
    rule: 5,
    find: "return roles === undefined || roles.some((role) => granted.includes(role))",
    replace: "return roles === undefined || granted.length > 0",
    tests: gateTests,
  },
  {
    name: "server-hands-a-failure-to-whoever-ignores-it",
    rule: 5,
    find: "serve(request, response, () => next()).catch((error: unknown) => fail(request, response, error));",
    replace: "serve(request, response, () => next()).catch((error: unknown) => next(error));",
    tests: brokenTests,
  },
  {
    name: "server-says-what-its-callback-threw",
    rule: 2,
    find: '    warnOf("protectMcpServer()", error);\n    return toResponse(broken, method);',
    replace: "    throw error;",
    tests: brokenTests,
  },
  {
    name: "server-ends-with-a-handler-that-rejects",
    rule: 11,
    find: "    await next();\n",
    replace: "    void next();\n",
    tests: brokenTests,
  },
  {
    name: "a-verifier-that-fails-is-handed-on",
    rule: 5,
    find: '    warnOf("userContext()", error);\n    return failed(headers);',
    replace: "    throw error;",
    tests: ["test/http/broken-callbacks.test.ts"],
  },
  {
    name: "middleware-ends-with-a-handler-that-rejects",
    rule: 11,
    find: "return runInContext(context, (): unknown => next());",
    replace: "return void runInContext(context, (): unknown => next());",
    tests: ["test/http/broken-callbacks.test.ts"],
  },
  {
    name: "server-forgets-the-scope-of-every-call",
    rule: 5,
    find: "new Set([...always, ...scopes])",
    replace: "new Set(always.length > 0 ? scopes : [])",
    tests: gateTests,
  },
  {
    name: "server-looks-at-the-first-call-of-a-batch",
    rule: 5,
    find: "for (const call of calls) {",
    replace: "for (const call of calls.slice(0, 1)) {",
    tests: gateTests,
  },
  {
    name: "server-asks-nothing-of-a-put",
    rule: 5,
    find: "const hasCalls = !withoutCalls.has(method);",
    replace: 'const hasCalls = method === "POST";',
    tests: gateTests,
  },
  {
    name: "server-asks-nothing-of-a-tool-without-a-name",
    rule: 5,
    find: 'return calls.some(({ method, tool }) => method === "tools/call" && tool === undefined) ? undefined : calls;',
    replace: "return calls;",
    tests: gateTests,
  },
  {
    name: "server-forgets-the-authentication-context",
    rule: 5,
    find: "if (authContext === undefined || contextsOf(claims).includes(authContext)) return undefined;",
    replace: "if (authContext === undefined || authContext.length > 0) return undefined;",
    tests: gateTests,
  },
  {
    name: "server-passes-what-is-no-json-rpc",
    rule: 5,
    find: "  if (calls === undefined) return { refused: notRpc };\n  const refused = await unmetRequirement(calls,",
    replace: "  const refused = await unmetRequirement(calls ?? [],",
    tests: gateTests,
  },
  {
    name: "server-says-what-was-wrong-with-the-token",
    rule: 2,
    find: 'const fault = { error: "invalid_token", error_description: titleOf(error.code) };',
    replace: 'const fault = { error: "invalid_token", error_description: error.message };',
    tests: gateTests,
  },
  {
    name: "server-names-every-customer",
    rule: 2,
    find: "authorization_servers: [`${app.cloud.loginEndpoint}/${app.tenantId}/v2.0`],",
    replace:
      "authorization_servers: app.allowedTenants.map((one) => `${app.cloud.loginEndpoint}/${one}/v2.0`),",
    tests: ["test/server/metadata.test.ts"],
  },
];
