import type { Mutant } from "./mutant.js";

const lineTests = ["test/cli/command-line.test.ts"];
const inspectTests = ["test/cli/inspect.test.ts"];

/** What the command line takes from nobody's arguments, shows of nobody's token, and asks nobody for. */
export const commandLineMutants: readonly Mutant[] = [
  {
    name: "cli-token-as-argument",
    rule: 2,
    find: "token.test(argument) || opaque.test(argument)",
    replace: "opaque.test(argument)",
    tests: lineTests,
  },
  {
    name: "cli-secret-as-argument",
    rule: 2,
    find: "token.test(argument) || opaque.test(argument)",
    replace: "token.test(argument)",
    tests: lineTests,
  },
  {
    name: "cli-secret-option",
    rule: 2,
    find: "secretOption.test(name)",
    replace: "(false as boolean)",
    tests: lineTests,
  },
  {
    name: "cli-prints-a-token-in-a-claim",
    rule: 2,
    find: '"[token hidden]"',
    replace: '"$&"',
    tests: inspectTests,
  },
  {
    name: "cli-prints-escape-sequences",
    rule: 2,
    find: "except.includes(character) ? character : escaped(character)",
    replace: "character",
    tests: inspectTests,
  },
  {
    name: "cli-keys-of-any-tenant",
    rule: 5,
    in: "checkSignature",
    find: "!isGuid(tid) ||",
    replace: 'typeof tid !== "string" ||',
    tests: inspectTests,
  },
  {
    name: "cli-keys-of-a-foreign-tenant",
    rule: 5,
    in: "checkSignature",
    find: "settings.tenantId.toLowerCase() !== tid.toLowerCase()",
    replace: "(false as boolean)",
    tests: inspectTests,
  },
  {
    name: "cli-believes-any-signature",
    rule: 5,
    find: "const found = failure(check, signatureError(header, claims, { audiences: [] }));",
    replace:
      'const found = { ...failure(check, signatureError(header, claims, { audiences: [] })), status: "ok" as const };',
    tests: inspectTests,
  },
  {
    name: "cli-follows-redirects",
    rule: 7,
    in: "probe",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/cli/mcp-server.test.ts"],
  },
];
