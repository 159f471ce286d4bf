import type { Mutant } from "./mutant.js";

const sentTests = ["test/access/what-is-sent.test.ts"];
const matchTests = ["test/access/url-match.test.ts"];

/** What `fetch` checks is what it sends: one URL, one set of headers, and the sessions that they name. */
export const whatIsSentMutants: readonly Mutant[] = [
  {
    name: "sent-as-it-was-written",
    rule: 17,
    find: "return isOwn ? target.href : undefined;",
    replace: "return isOwn ? url : undefined;",
    tests: [...sentTests, ...matchTests],
  },
  {
    name: "a-url-that-is-read-twice",
    rule: 17,
    find: "return { href: String(input), init: completed(members) };",
    replace: "return { get href() { return String(input); }, init: completed(members) };",
    tests: sentTests,
  },
  {
    name: "headers-that-are-read-twice",
    rule: 17,
    find: "return Object.assign(members, { method: methodOf(String(method)), headers: outgoingHeaders(headers) });",
    replace:
      'return Object.defineProperty(Object.assign(members, { method: methodOf(String(method)) }), "headers", { get: () => outgoingHeaders(headers), enumerable: true }) as never;',
    tests: sentTests,
  },
  {
    name: "dots-that-are-encoded-twice",
    rule: 1,
    find: "    if (decoded === text) return false;\n",
    replace: "    if (decoded !== text || decoded === text) return false;\n",
    tests: matchTests,
  },
  {
    name: "dots-with-parameters",
    rule: 1,
    find: "[.\\s]*(?:[/;?#]|$)",
    replace: "[.\\s]*(?:[/]|$)",
    tests: matchTests,
  },
  {
    name: "dots-with-control-characters",
    rule: 1,
    find: "|[\\u0000-\\u001f\\u007f]|",
    replace: "|",
    tests: matchTests,
  },
  {
    name: "a-path-that-is-encoded-without-end",
    rule: 16,
    find: "    text = decoded;\n  }\n  return true;",
    replace: "    text = decoded;\n  }\n  return false;",
    tests: matchTests,
  },
  {
    name: "headers-with-white-space-around-them",
    rule: 15,
    find: "const value = trimmed(String(givenValue));",
    replace: "const value = String(givenValue);",
    tests: sentTests,
  },
  {
    name: "the-first-of-two-spellings",
    rule: 15,
    find: "headers[name] = before === undefined ? value :",
    replace: "headers[name] = before !== undefined ? before : before === undefined ? value :",
    tests: sentTests,
  },
  {
    name: "the-first-of-two-sessions",
    rule: 15,
    find: 'return sent.includes(",") ? [sent,',
    replace: 'return sent.includes("no comma,") ? [sent,',
    tests: sentTests,
  },
  {
    name: "headers-of-another-implementation-are-none",
    rule: 15,
    find: "else if (isIterable(given)) for (const pair of given) addPair(headers, pair);",
    replace: "else if (Array.isArray(given)) for (const pair of given) addPair(headers, pair);",
    tests: sentTests,
  },
  {
    name: "a-request-of-another-implementation-is-a-text",
    rule: 15,
    find: 'return "url" in input && "method" in input && "headers" in input;',
    replace: "return false;",
    tests: sentTests,
  },
  {
    name: "a-host-of-the-callers-own",
    rule: 1,
    find: 'if (name === "host" || name === "__proto__") return;',
    replace: "",
    tests: sentTests,
  },
  {
    name: "a-header-that-the-runtime-quotes",
    rule: 2,
    find: "    if (!isValue.test(value))\n",
    replace: "    if (false as boolean)\n",
    tests: sentTests,
  },
  {
    name: "a-token-that-the-runtime-quotes",
    rule: 2,
    find: "        if (!isBearerToken(token.token)) throw notSendable(token.source);\n",
    replace: "",
    tests: sentTests,
  },
  {
    name: "a-token-for-a-toolbox-that-the-runtime-quotes",
    rule: 2,
    find: "if (!isBearerToken(made?.token)) throw new Error(",
    replace: "if (made === null) throw new Error(",
    tests: ["test/access/unsendable-tokens.test.ts"],
  },
  {
    name: "a-token-for-the-sign-in-service-that-the-runtime-quotes",
    rule: 2,
    in: "ownToken",
    find: "if (!isBearerToken(made?.token))",
    replace: "if (made === null)",
    tests: ["test/access/unsendable-tokens.test.ts"],
  },
  {
    name: "a-session-that-could-not-be-ended-is-free",
    rule: 15,
    find: '(method === "DELETE" && response.ok)',
    replace: 'method === "DELETE"',
    tests: sentTests,
  },
];
