import type { Mutant } from "./mutant.js";

const linkTests = ["test/consent/entra-consent-link.test.ts"];

/** The guards that keep secrets to themselves, and that take none from elsewhere. */
export const discretionMutants: readonly Mutant[] = [
  {
    name: "consent-link-with-a-known-state",
    rule: 9,
    find: "state: unguessable(random),\n      code_challenge:",
    replace: 'state: "A".repeat(43),\n      code_challenge:',
    tests: linkTests,
  },
  {
    name: "consent-link-with-a-known-verifier",
    rule: 9,
    find: "code_challenge: unguessable(random),",
    replace: 'code_challenge: "A".repeat(43),',
    tests: linkTests,
  },
  {
    name: "signing-keys-from-a-redirect",
    rule: 7,
    in: "load",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/user-token/signing-keys.test.ts"],
  },
  {
    name: "remembered-without-the-signature",
    rule: 5,
    in: "tokenVerifier",
    find: 'digest("sha256", token, "base64url")',
    replace: 'digest("sha256", token.slice(0, token.lastIndexOf(".")), "base64url")',
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "claims-shared-between-requests",
    rule: 4,
    in: "tokenVerifier",
    find: "unverified?.claims ?? decodeClaims(token) ?? {}",
    replace: "((proven as { all?: object }).all ??= decodeClaims(token) ?? {})",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "another-keys-header",
    rule: 5,
    in: "headerReader",
    find: 'text !== "" && token.startsWith(text)',
    replace: 'text !== ""',
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "credential-in-the-error",
    rule: 2,
    find: "errorFromAnswer(answer, app.now(), request.agentStep)",
    replace: "Object.assign(errorFromAnswer(answer, app.now(), request.agentStep), { authentication })",
    tests: ["test/exchange/on-behalf-of-exchange.test.ts"],
  },
  {
    name: "assertion-in-the-error",
    rule: 2,
    in: "exchangeOnBehalfOf",
    find: "      }),\n  });\n}",
    replace:
      "      }),\n  }).catch((cause) => Promise.reject(Object.assign(cause, { sent: request.assertion })));\n}",
    tests: ["test/exchange/on-behalf-of-exchange.test.ts"],
  },
  {
    name: "token-in-the-context",
    rule: 2,
    find: "contextSlot.internals.set(this, internals);",
    replace: "contextSlot.internals.set(this, internals);\n    Object.assign(this, { internals });",
    tests: ["test/request/create.test.ts"],
  },
  {
    name: "code-told-to-listeners",
    rule: 9,
    find: "service.onPending?.({ agent, principal, serverLabel })",
    replace: "service.onPending?.({ agent, principal, serverLabel, code } as never)",
    tests: ["test/sign-in/binding/code-mode.test.ts"],
  },
];
