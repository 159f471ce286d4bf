import type { Mutant } from "./mutant.js";

const turnTests = ["test/turn/running-turns.test.ts"];
const readerTests = ["test/clients/read-consent-requests.test.ts"];
const contractTests = ["test/turn/container-contract.test.ts"];

/** The guards of the container contract: whose turn it is, and who the platform says is asking. */
export const containerMutants: readonly Mutant[] = [
  {
    name: "another-person-cancels",
    rule: 4,
    find: "return owner !== undefined && owner === principalKey;",
    replace: "return owner !== undefined && principalKey !== undefined;",
    tests: turnTests,
  },
  {
    name: "nobody-cancels-for-nobody",
    rule: 4,
    find: "return owner !== undefined && owner === principalKey;",
    replace: "return owner === principalKey;",
    tests: turnTests,
  },
  {
    name: "hosted-without-a-call-id",
    rule: 3,
    in: "platformFault",
    find: "if (callId === undefined) {",
    replace: "if (false as boolean) {",
    tests: contractTests,
  },
  {
    name: "hosted-without-a-user-id",
    rule: 3,
    find: "if (userId === undefined) {",
    replace: "if (false as boolean) {",
    tests: contractTests,
  },
  {
    name: "a-client-shows-any-link",
    rule: 9,
    find: "if (fault !== undefined) return fault;",
    replace: "",
    tests: readerTests,
  },
  {
    name: "a-client-asks-no-policy",
    rule: 9,
    find: "policy?.check(link as string);",
    replace: "",
    tests: readerTests,
  },
];
