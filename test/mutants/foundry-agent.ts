import type { Mutant } from "./mutant.js";

const tests = ["test/sources/agent-on-behalf-of.test.ts"];

/** The guards of the agent identity's exchange. */
export const agentIdentityMutants: readonly Mutant[] = [
  {
    name: "agent-exchange-of-any-audience",
    rule: 2,
    find: "const skip = assertionSkip(request, facts.audiences, now());",
    replace: 'const skip = undefined as ReturnType<TokenSource["skip"]>;',
    tests,
  },
  {
    name: "one-exchange-token-for-every-agent-identity",
    rule: 4,
    find: "const key = `${identity.tenantId} ${identity.agentIdentityId}`;",
    replace: "const key = identity.tenantId;",
    tests,
  },
  {
    name: "an-exchange-token-for-each-user",
    rule: 6,
    find: "agentIdentities.set(key, client);",
    replace: "",
    tests,
  },
  {
    name: "exchange-token-of-the-blueprints-tenant",
    rule: 7,
    in: "exchangeToken",
    find: 'tenantId,\n    account: "nobody",',
    replace: 'tenantId: blueprint.facts.tenantId,\n    account: "nobody",',
    tests,
  },
  {
    name: "users-of-another-tenant",
    rule: 7,
    find: "tid === undefined || tid === tenantId",
    replace: "tid === undefined || tid !== undefined",
    tests,
  },
  {
    name: "a-consent-screen-for-agent-identities",
    rule: 9,
    find: 'if (consentLink !== undefined && consentLink.kind !== "admin") {',
    replace: "if (false as boolean) {",
    tests,
  },
  {
    name: "agent-answer-unproven",
    rule: 14,
    find: 'if (account === "nobody") return {};',
    replace: 'if (account === "nobody" || agentStep !== undefined) return {};',
    tests,
  },
  {
    name: "agent-answer-of-another-person",
    rule: 14,
    find: "!isPerson || tid !== expected.tid || oid !== expected.oid",
    replace: "!isPerson",
    tests,
  },
  {
    name: "agent-answer-without-a-person",
    rule: 14,
    find: 'claims !== undefined && subjectOf(claims).kind === "person"',
    replace: "claims !== undefined",
    tests,
  },
  {
    name: "agent-answer-for-another-agent-identity",
    rule: 14,
    find: "if (clientOf(claims)?.toLowerCase() !== clientId)",
    replace: "if (false as boolean)",
    tests,
  },
];
