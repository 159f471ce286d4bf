import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { createUserContext, type UserContextOptions, userTokenVerifier } from "hosted-agent-identity";
import { checkIdentified } from "../../src/sign-in/link/make-link.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());

const owner = { tid: randomUUID(), oid: randomUUID() };
const hosted = {
  hosted: true,
  projectEndpoint: "https://one.services.ai.azure.com/api/projects/p",
  agentName: "helper",
};
/** The agent's and its creator's ids, as a developer would list them. */
const unattended: UserContextOptions["unattended"] = ({ userId }) =>
  userId === "the-creator" ? owner : userId === "the-agent";
const contextFor = (userId: string, more: Partial<UserContextOptions> = {}, token?: string) =>
  createUserContext(
    { "x-agent-user-id": userId, ...(token === undefined ? {} : { "x-client-user-token": token }) },
    {
      verify: userTokenVerifier({ app: cloud.app }),
      platformUserId: "one-person",
      environment: hosted,
      unattended,
      ...more,
    },
  );

describe("a turn without a person", () => {
  it("owns nothing and makes no link, although its id was declared to be one person's", async () => {
    const context = await contextFor("the-agent");
    expect(context.principal).toBeUndefined();
    expect(() => checkIdentified(context)).toThrow(
      expect.objectContaining({
        code: "user_not_identified",
        message: expect.stringMatching(/Nobody is there in this turn.*\{ tid, oid \}/) as string,
      }),
    );
  });

  it("works for the person whom its owner hook names, and for that account only", async () => {
    const context = await contextFor("the-creator");
    expect(context.principal).toEqual({ kind: "entra", ...owner });
    expect([context.user, context.hasUserToken]).toEqual([undefined, false]);
    expect(checkIdentified(context).proof).toEqual({ by: "account", ...owner });
  });

  it("has the same principal however its owner's ids are spelled", async () => {
    const spelled = { tid: owner.tid.toUpperCase(), oid: owner.oid.toUpperCase() };
    const context = await contextFor("x", { unattended: () => spelled });
    expect(context.principal).toEqual({ kind: "entra", ...owner });
  });

  test.each([
    ["no oid", { tid: owner.tid }],
    ["a user principal name", { tid: owner.tid, oid: "ada@contoso.example" }],
    ["a promise", Promise.resolve(owner)],
    ["nothing", null],
    ["a text", "the-creator"],
  ])("is refused for an owner with %s", async (_name, named) => {
    await expect(contextFor("x", { unattended: () => named as never })).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.not.stringContaining("ada@") as string,
    });
  });
});

describe("a turn with a person", () => {
  it("is somebody's as without the hook", async () => {
    expect((await contextFor("somebody")).principal).toMatchObject({ kind: "platform", id: "somebody" });
  });

  it("is its user token's, whatever the hook would say", async () => {
    const oid = randomUUID();
    for (const id of ["the-agent", "the-creator"]) {
      const context = await contextFor(id, {}, await cloud.token({ oid }));
      expect(context.principal).toEqual({ kind: "entra", tid: cloud.home, oid });
    }
  });

  it("is nobody's outside the hosted environment, where anybody could write the id", async () => {
    for (const hook of [unattended, () => owner]) {
      const environment = { ...hosted, hosted: false };
      const context = await contextFor("the-creator", { environment, unattended: hook });
      expect(context.principal).toBeUndefined();
    }
  });
});
