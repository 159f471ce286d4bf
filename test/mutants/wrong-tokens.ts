import type { Mutant } from "./mutant.js";

const door = ["test/entra/tenants.test.ts"];
const changing = ["test/tokens/changing-tenants.test.ts"];
const signIn = ["test/sign-in/tokens-source.test.ts"];
const named = ["test/user-token/wrong-tokens.test.ts"];
const classify = ["test/entra/classify.test.ts"];
const forms = ["test/exchange/certificate-forms.test.ts"];

/** The guards of tenants that change, of tokens and refusals that are named, and of certificates. */
export const wrongTokenMutants: readonly Mutant[] = [
  {
    name: "a-function-of-tenants-is-not-asked",
    rule: 5,
    find: "if (asksTenants) await admitTenant(app, tid);",
    replace: "",
    tests: changing,
  },
  {
    name: "a-remembered-token-outlives-its-tenant",
    rule: 5,
    find: "if (asksTenants) await admitTenant(app, known.tid);",
    replace: "",
    tests: changing,
  },
  {
    name: "a-kept-token-outlives-its-tenant",
    rule: 4,
    find: "if (entry === undefined || !isStillAllowed(state, context, entry.token)) return undefined;",
    replace: "if (entry === undefined) return undefined;",
    tests: changing,
  },
  {
    name: "a-token-that-was-waited-for-outlives-its-tenant",
    rule: 4,
    find: "(allows === undefined || (await allows(context)))",
    replace: "(allows === undefined || context !== undefined)",
    tests: changing,
  },
  {
    name: "a-shared-token-outlives-its-tenant",
    rule: 4,
    find: "const isAllowed = source.allows === undefined || (await source.allows(request.context));",
    replace: "const isAllowed = (await source.allows?.(request.context)) !== null;",
    tests: changing,
  },
  {
    name: "an-exchange-for-any-tenant",
    rule: 7,
    find: "await admitTenant(app.facts, tenantId);",
    replace: "",
    tests: [...signIn, ...changing],
  },
  {
    name: "a-sign-in-outlives-its-tenant",
    rule: 10,
    find: "if (allows !== undefined && !(await allows(context))) throw tenantRemoved();",
    replace: "",
    tests: signIn,
  },
  {
    name: "any-answer-about-a-tenant-is-a-yes",
    rule: 5,
    find: "(await withDeadline(limitMs, undefined, timedOut, async () => ask(tid))) === true",
    replace: "Boolean(await withDeadline(limitMs, undefined, timedOut, async () => ask(tid)))",
    tests: door,
  },
  {
    name: "answers-about-tenants-are-kept-for-ever",
    rule: 5,
    find: "if ((admitted.get(tid) ?? 0) > time) return true;",
    replace: "if ((admitted.get(tid) ?? time) > 0) return true;",
    tests: door,
  },
  {
    name: "a-minute-from-the-answer",
    rule: 5,
    find: "(answer ? admitted : refused).set(tid, until);",
    replace: "(answer ? admitted : refused).set(tid, Math.max(until, age() + rememberedMs));",
    tests: door,
  },
  {
    name: "a-flood-pushes-tenants-out",
    rule: 19,
    find: "const [admitted, refused] = [boundedMap<string, number>(most), boundedMap<string, number>(most)];",
    replace:
      "const one = boundedMap<string, number>(most); const [admitted, refused] = [one, { ...one, get: () => 0, delete: () => false, set: (tid: string) => one.set(tid, 0) }];",
    tests: door,
  },
  {
    name: "a-function-of-tenants-is-waited-for",
    rule: 11,
    find: "await withDeadline(limitMs, undefined, timedOut, async () => ask(tid))",
    replace: "await ask(tid)",
    tests: door,
  },
  {
    name: "graphs-token-was-changed",
    rule: 8,
    find: 'if (header["nonce"] === undefined) return new UserTokenError("user_token_signature");',
    replace: 'return new UserTokenError("user_token_signature");',
    tests: named,
  },
  {
    name: "any-bad-signature-is-graphs",
    rule: 5,
    find: 'if (header["nonce"] === undefined) return new UserTokenError("user_token_signature");',
    replace: "",
    tests: named,
  },
  {
    name: "an-unknown-code-asks-for-a-sign-in",
    rule: 8,
    find: "const category = categoryOf(refusal, undefined, facts.category);",
    replace: "const category = categoryOf(refusal, undefined);",
    tests: classify,
  },
  {
    name: "access-denied-asks-for-consent",
    rule: 8,
    find: 'if (error === "access_denied") return byCode ?? "blocked";',
    replace: 'if (error === "access_denied") return byCode ?? "consent";',
    tests: classify,
  },
  {
    name: "the-first-certificate-signs",
    rule: 7,
    find: ".filter((one) => one.checkPrivateKey(key))",
    replace: ".filter((one) => one !== key)",
    tests: forms,
  },
];
