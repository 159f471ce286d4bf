import type { Mutant } from "./mutant.js";

const serviceTests = ["test/sign-in/remote/taken-over-agent.test.ts"];
const sourceTests = ["test/docs/event-sources.test.ts"];

/** What bounds an agent that is taken over, and what tells of it. */
export const takenOverAgentMutants: readonly Mutant[] = [
  {
    name: "an-agent-names-anybody-at-once",
    rule: 19,
    find: "if (isNew && !mayName()) throw",
    replace: "if (false as boolean) throw",
    tests: serviceTests,
  },
  {
    name: "an-agent-signs-everybody-out",
    rule: 19,
    find: "if (!maySignOut()) throw",
    replace: "if (false as boolean) throw",
    tests: serviceTests,
  },
  {
    name: "a-limit-without-end-after-a-clock-is-put-back",
    rule: 20,
    find: "agent.newUsersPerMinute ?? defaultNewUsersPerMinute, clocksOf(now).age",
    replace: "agent.newUsersPerMinute ?? defaultNewUsersPerMinute, now",
    tests: serviceTests,
  },
  {
    name: "a-proven-person-counts-as-merely-named",
    rule: 18,
    find: "if (!hasUserToken && agent.named.name(principal))",
    replace: "if (agent.named.name(principal))",
    tests: serviceTests,
  },
  {
    name: "a-proven-sign-out-counts-as-merely-named",
    rule: 18,
    find: 'if (!hasUserToken && call === "sign-out") agent.named.signOut();',
    replace: 'if (call === "sign-out") agent.named.signOut();',
    tests: serviceTests,
  },
  {
    name: "the-service-tells-of-no-refusal",
    rule: 17,
    find: "emit(onEvent, refusal(call, error, agent?.name, context?.principalKey));",
    replace: "void refusal;",
    tests: serviceTests,
  },
  {
    name: "the-service-tells-of-no-token",
    rule: 17,
    find: "if (serverLabel !== undefined) emit(",
    replace: "if (false as boolean) emit(",
    tests: serviceTests,
  },
  {
    name: "another-account-from-the-service-raises-no-alarm",
    rule: 14,
    find: 'emit(onEvent, { type: "wrong_user", expected: user.oid });',
    replace: "",
    tests: serviceTests,
  },
  {
    name: "headers-are-refused-in-silence",
    rule: 4,
    in: "telling",
    find: "if (isUserTokenError(error))",
    replace: "if (false as boolean)",
    tests: sourceTests,
  },
  {
    name: "an-application-without-a-role-is-refused-in-silence",
    rule: 18,
    in: "applicationOf",
    find: 'emit(onEvent, { type: "user_token_refused", code: refused.code, category: refused.category });',
    replace: "",
    tests: ["test/server/gate.test.ts"],
  },
];
