import type { Mutant } from "./mutant.js";

const grantTests = ["test/sign-in/grants/grants.test.ts"];
const recordTests = ["test/sign-in/grants/record-changes.test.ts"];
const sourceTests = ["test/sign-in/tokens-source.test.ts"];
const workTests = ["test/sign-in/long-running.test.ts"];
const keyTests = ["test/sealing/key-derivation.test.ts"];
const exchangeTests = ["test/exchange/sign-in-exchanges.test.ts"];

/** The guards of grants, of their tokens, and of the work that goes on with them. */
export const grantMutants: readonly Mutant[] = [
  {
    name: "undeclared-platform-user",
    rule: 4,
    find: "if (context.principalKey === undefined || grantKey === undefined) throw userNotIdentified(context);",
    replace: 'if (grantKey === undefined) return { status: "skipped", reason: "no_user", detail: "" };',
    tests: sourceTests,
  },
  {
    name: "refresh-once-for-each-caller",
    rule: 6,
    in: "singleFlight",
    find: "if (known !== undefined) return known;",
    replace: "",
    tests: grantTests,
  },
  {
    name: "stand-in-without-the-demand",
    rule: 8,
    find: "claims = joinClaims(claims, answer.error.claims);",
    replace: "",
    tests: sourceTests,
  },
  {
    name: "two-links-for-one-refusal",
    rule: 8,
    in: "signInTokens",
    find: "if (request.silent === true) {",
    replace: "if (false as boolean) {",
    tests: sourceTests,
  },
  {
    name: "grant-outlives-its-revocation",
    rule: 8,
    find: 'if (reason !== "revoked" && reason !== "account_disabled") throw cause;',
    replace: 'if (reason === "revoked" || reason === "account_disabled") return undefined;',
    tests: grantTests,
  },
  {
    name: "grant-of-another-account",
    rule: 9,
    find: "if (tid === account.tid && oid === account.oid) return;",
    replace: "return;",
    tests: grantTests,
  },
  {
    name: "second-account-in-place-of-the-first",
    rule: 9,
    find: "if (before !== undefined && !isSame(before.account, signedIn.account)) {",
    replace: "if (false as boolean) {",
    tests: grantTests,
  },
  {
    name: "answer-of-another-sign-in",
    rule: 9,
    find: 'if (stringClaim(claims, "nonce") !== request.nonce) {',
    replace: "if (false as boolean) {",
    tests: exchangeTests,
  },
  {
    name: "records-not-bound-to-the-principal",
    rule: 10,
    find: "return [agent, issuer, clientId, principalKey, resourceSet];",
    replace: "return [agent, issuer, clientId, principalKey.slice(0, 9), resourceSet];",
    tests: ["test/sign-in/interleavings.test.ts", "test/sign-in/grants/interleavings.test.ts"],
  },
  {
    name: "records-not-bound-to-the-agent",
    rule: 10,
    find: "return [agent, issuer, clientId, principalKey, resourceSet];",
    replace: "return [issuer, clientId, principalKey, resourceSet];",
    tests: grantTests,
  },
  {
    name: "one-key-for-all-records",
    rule: 10,
    find: 'createHmac("sha256", master).update(info).update(',
    replace: 'createHmac("sha256", master).update(info.subarray(0, 1)).update(',
    tests: keyTests,
  },
  {
    name: "what-a-record-is-for-is-not-authenticated",
    rule: 10,
    find: "decipher.setAAD(context);",
    replace: "",
    tests: keyTests,
  },
  {
    name: "what-a-record-repeats-is-not-compared",
    rule: 10,
    find: "!text.subarray(0, repeated.length).equals(repeated)",
    replace: "false as boolean",
    tests: keyTests,
  },
  {
    name: "a-tag-that-nobody-checks",
    rule: 10,
    find: "        decipher.final();",
    replace: "",
    tests: keyTests,
  },
  {
    name: "grant-back-from-the-dead",
    rule: 10,
    find: "if (grant === undefined || current.generation !== started.generation) return undefined;",
    replace: "if (grant === undefined) return undefined;",
    tests: recordTests,
  },
  {
    name: "lost-refresh-token",
    rule: 10,
    find: "const isFirst = grant.sequence === started.grant.sequence;",
    replace: "const isFirst = true as boolean;",
    tests: recordTests,
  },
  {
    name: "sign-out-unnoticed",
    rule: 10,
    find: "const useMs = 55_000;",
    replace: "const useMs = 550_000;",
    tests: sourceTests,
  },
  {
    name: "store-without-a-timeout",
    rule: 11,
    find: "() => reject(unavailable(`The store did not answer within ${timeoutMs} ms.`)),",
    replace: "() => {},",
    tests: ["test/sign-in/stores/guarded-store.test.ts"],
  },
  {
    name: "work-after-a-sign-out",
    rule: 13,
    find: "(await grants.generation(principal)) !== work.generation",
    replace: "false as boolean",
    tests: workTests,
  },
  {
    name: "work-for-any-purpose",
    rule: 13,
    find: "if (work.purpose !== purpose)",
    replace: "if (false as boolean)",
    tests: workTests,
  },
  {
    name: "refreshed-token-unproven",
    rule: 14,
    in: "exchangeRefreshToken",
    find: "account: request.account,",
    replace: "account: undefined,",
    tests: exchangeTests,
  },
];
