import { expect, test } from "vitest";
import { getUserContext, runWithUserContext } from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { internalsOf } from "../../src/context/user-context.js";
import { expectNothingOf } from "../support/refused.js";

test("a test context stands for a person of its own, with a token that may be exchanged", () => {
  const [one, two] = [testUserContext({ name: "Ada" }), testUserContext()];
  expect(one.principalKey).not.toBe(two.principalKey);
  expect(runWithUserContext(one, () => getUserContext().user)).toMatchObject({
    name: "Ada",
    oid: one.user?.oid,
  });
  const { assertion } = internalsOf(one);
  expect(assertion).toMatchObject({ use: "app", claims: { oid: one.user?.oid, tid: one.user?.tid } });
  expectNothingOf(assertion?.token ?? "", one);
});

test("a test context takes a token as it is, or none", () => {
  const token = internalsOf(testUserContext({ claims: { scp: "a b" } })).assertion?.token ?? "";
  const context = testUserContext({ token, use: "resource" });
  expect(internalsOf(context).assertion).toMatchObject({ token, use: "resource", claims: { scp: "a b" } });
  expect(testUserContext({ token: false }).hasUserToken).toBe(false);
});
