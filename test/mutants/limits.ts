import type { Mutant } from "./mutant.js";

const code = ["test/sign-in/binding/code.test.ts"];
const answer = ["test/sign-in/binding/answer.test.ts"];
const table = ["test/docs/limits.test.ts"];
const gate = ["test/server/gate.test.ts"];

/** The limits of what comes from outside, before any work on it. */
export const limitMutants: readonly Mutant[] = [
  {
    name: "short-json-nested-at-will",
    rule: 16,
    find: "if (brackets > jsonLimits.depth) return false;",
    replace: "",
    tests: ["test/input/json-limits.test.ts"],
  },
  {
    name: "a-code-in-a-message-of-any-length",
    rule: 16,
    find: "if (text.length > maxMessageLength) return none;",
    replace: "",
    tests: code,
  },
  {
    name: "an-answer-in-a-message-of-any-length",
    rule: 16,
    find: "if (text.length > maxMessageLength) return undefined;",
    replace: "",
    tests: answer,
  },
  {
    name: "an-answer-in-a-long-text",
    rule: 16,
    find: "if (own.length > maxAnswer) return undefined;",
    replace: "",
    tests: answer,
  },
  {
    name: "combining-marks-are-sorted",
    rule: 16,
    find: '.replace(marks, oneMark).normalize("NFKC")',
    replace: '.normalize("NFKC")',
    tests: code,
  },
  {
    name: "json-from-outside-of-any-depth",
    rule: 16,
    find: "if (excess !== undefined) throw new RangeError(`JSON with more than ${excessText(excess)}.`);",
    replace: "",
    tests: table,
  },
  {
    name: "mcp-body-of-any-depth",
    rule: 16,
    find: "if (excessInText(bytes) !== undefined) throw tooComplex;",
    replace: "",
    tests: gate,
  },
  {
    name: "mcp-body-of-any-depth-from-a-parser",
    rule: 16,
    find: "if (excessInValue(body) !== undefined) throw tooComplex;",
    replace: "",
    tests: gate,
  },
  {
    name: "bodies-of-any-length",
    rule: 16,
    in: "boundedText",
    find: "if (bytes > maxBytes) return undefined;",
    replace: "",
    tests: table,
  },
  {
    name: "prompts-of-any-length",
    rule: 16,
    find: 'const isShort = prompt !== "" && prompt.length <= maxPromptLength;',
    replace: 'const isShort = prompt !== "";',
    tests: table,
  },
  {
    name: "claims-of-any-length-for-the-sign-in-api",
    rule: 16,
    find: 'textField(body, "claims", maxClaimsLength)',
    replace: 'textField(body, "claims", Number.MAX_SAFE_INTEGER)',
    tests: ["test/sign-in/remote/odd-bodies.test.ts"],
  },
  {
    name: "tickets-of-any-length",
    rule: 16,
    find: "text.length > maxTicketLength ? undefined : core.keys.open",
    replace: "core.keys.open",
    tests: table,
  },
  {
    name: "cookies-of-any-length",
    rule: 16,
    find: "if (header.length > maxCookieLength) return [];",
    replace: "",
    tests: table,
  },
  {
    name: "every-cookie-is-opened",
    rule: 16,
    find: "return values.slice(0, maxCookies);",
    replace: "return values;",
    tests: table,
  },
  {
    name: "sealed-values-of-any-length",
    rule: 16,
    find: "if (sealed.length > maxSealedLength) return undefined;",
    replace: "",
    tests: table,
  },
  {
    name: "links-of-any-length",
    rule: 16,
    find: "if (link.length > maxLinkLength) return",
    replace: "if (false as boolean) return",
    tests: table,
  },
  {
    name: "challenges-of-any-length",
    rule: 16,
    find: "header === null || header.length > maxChallengeLength",
    replace: "header === null",
    tests: table,
  },
];
