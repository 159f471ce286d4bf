import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createUserContext, type UserContextOptions, userTokenVerifier } from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { userNotIdentified } from "../../src/context/internals.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";
import { leaks } from "../support/people.js";
import { expectNothingOf, refused } from "../support/refused.js";

let cloud: TestCloud;
let options: UserContextOptions;
beforeAll(async () => {
  cloud = await startTestCloud();
  options = { verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } };
});
afterAll(() => cloud.close());
afterEach(() => vi.unstubAllEnvs());

const hosted = {
  hosted: true,
  projectEndpoint: "https://one.services.ai.azure.com/api/projects/p",
  agentName: "helper",
  sessionId: "env-session",
};
const make = (headers: Parameters<typeof createUserContext>[0], more: Partial<UserContextOptions> = {}) =>
  createUserContext(headers, { ...options, ...more });

describe("the user token", () => {
  test.each([
    ["alone", (token: string) => token],
    ["after the word Bearer", (token: string) => `Bearer ${token}`],
    ["after the word in small letters and spaces around", (token: string) => ` bearer   ${token} `],
  ])("is read %s", async (_name, value) => {
    const oid = randomUUID();
    const context = await make({ "X-Client-User-Token": value(await cloud.token({ oid })) });
    expect(context.principal).toEqual({ kind: "entra", tid: cloud.home, oid });
    expect(context.proof).toBe("app");
    expect(context.hasUserToken).toBe(true);
  });

  test("is read from Headers, pairs, objects, and given directly", async () => {
    const oid = randomUUID();
    const token = await cloud.token({ oid });
    const name = "x-client-user-token";
    for (const input of [
      new Headers({ [name]: token }),
      [[name, token]] as const,
      { [name]: [token] },
      { userToken: token },
    ]) {
      expect((await make(input)).user?.oid).toBe(oid);
    }
  });

  test("is read from another x-client header, or Authorization, only by option", async () => {
    const token = await cloud.token();
    expect(
      (await make({ "x-client-assertion": token }, { tokenHeader: "x-client-assertion" })).hasUserToken,
    ).toBe(true);
    expect(
      (await make({ authorization: `Bearer ${token}` }, { tokenHeader: "authorization" })).hasUserToken,
    ).toBe(true);
    expect((await make({ authorization: `Bearer ${token}` })).hasUserToken).toBe(false);
  });

  test.each([
    "x-user-token",
    "X-Client-User-Token",
    "cookie",
    "x-client-",
    "x-agent-user-id",
    "x-client-a b",
  ])("is read from no other header: %j is refused as an option", async (tokenHeader) => {
    await expect(make({}, { tokenHeader })).rejects.toMatchObject({ code: "invalid_option" });
  });

  test("may be missing, unless it is required", async () => {
    const context = await make({});
    expect([context.principal, context.user, context.hasUserToken]).toEqual([undefined, undefined, false]);
    await refused(make({}, { require: true }), "user_token_missing");
    await refused(make({ "x-client-user-token": "  " }, { require: true }), "user_token_missing");
    await refused(make({ userToken: undefined }, { require: true }), "user_token_missing");
  });

  test("may come once only, whatever the second one is", async () => {
    const [one, two] = [await cloud.token(), await cloud.token()];
    const name = "x-client-user-token";
    for (const values of [
      [one, two],
      [one, one],
      [one, ""],
    ]) {
      await refused(make({ [name]: values }), "user_token_repeated", one);
      await refused(
        make(new Headers(values.map((value): [string, string] => [name, value]))),
        "user_token_repeated",
        one,
      );
      await refused(make(values.map((value) => [name, value] as const)), "user_token_repeated", one);
    }
    await refused(make({ [name]: one, [name.toUpperCase()]: two }), "user_token_repeated", one);
  });

  test.each(["\r\nx-agent-user-id: eve", "\n", "\0", " x", "\u00a0", "\u2028"])(
    "with %j in it is refused",
    async (inside) => {
      const token = await cloud.token();
      const broken = `${token.slice(0, 100)}${inside}${token.slice(100)}`;
      await refused(make({ "x-client-user-token": broken }), "user_token_malformed", token);
    },
  );
});

describe("what the platform says", () => {
  const headers = {
    "x-agent-user-id": "user-1",
    "x-agent-foundry-call-id": "call-1",
    "x-agent-session-id": "session-1",
    "x-agent-conversation-id": "conversation-1",
    "x-agent-response-id": "response-1",
    "x-agent-invocation-id": "invocation-1",
  };

  test("is kept in the hosted environment", async () => {
    expect((await make(headers, { environment: hosted })).platform).toEqual({
      hosted: true,
      userId: "user-1",
      callId: "call-1",
      sessionId: "session-1",
      conversationId: "conversation-1",
      responseId: "response-1",
      invocationId: "invocation-1",
    });
  });

  test("is ignored anywhere else, and makes no principal", async () => {
    const context = await make(headers, { platformUserId: "one-person" });
    expect(context.platform).toEqual({ hosted: false });
    expect(context.principal).toBeUndefined();
  });

  test("is read from the process's environment by default", async () => {
    const rest: UserContextOptions = { verify: options.verify };
    expect((await createUserContext(headers, rest)).platform.userId).toBeUndefined();
    vi.stubEnv("FOUNDRY_HOSTING_ENVIRONMENT", "foundry");
    vi.stubEnv("FOUNDRY_AGENT_SESSION_ID", "session-of-the-sandbox");
    const { platform } = await createUserContext({ "x-agent-user-id": "user-1" }, rest);
    expect(platform).toEqual({ hosted: true, userId: "user-1", sessionId: "session-of-the-sandbox" });
  });

  test.each(Object.keys(headers))("is refused when %s comes twice, joined or not", async (name) => {
    for (const repeated of [{ [name]: ["a", "b"] }, { [name]: ["a", "a"] }, { [name]: "a, b" }]) {
      const error = await refused(make(repeated, { environment: hosted }), "identity_header_repeated");
      expect(error.message).toContain(name);
    }
  });

  test.each(["two words", "ü", "a\r\nb", "x".repeat(513)])(
    "is refused when it cannot be an id: %j",
    async (id) => {
      await refused(make({ "x-agent-user-id": id }, { environment: hosted }), "identity_header_invalid");
    },
  );

  test("makes a principal only where its user id was declared to be one person", async () => {
    expect((await make(headers, { environment: hosted })).principal).toBeUndefined();
    const context = await make(headers, { environment: hosted, platformUserId: "one-person" });
    const { projectEndpoint: project, agentName: agent } = hosted;
    expect(context.principal).toEqual({ kind: "platform", project, agent, id: "user-1" });
  });

  test("makes no principal where project or agent are unknown", async () => {
    for (const environment of [
      { ...hosted, projectEndpoint: undefined },
      { ...hosted, agentName: undefined },
    ]) {
      const context = await make(headers, {
        environment: environment as never,
        platformUserId: "one-person",
      });
      expect(context.principal).toBeUndefined();
    }
  });

  test("never wins over a verified token", async () => {
    const token = await cloud.token();
    const context = await make(
      { ...headers, "x-client-user-token": token },
      { environment: hosted, platformUserId: "one-person" },
    );
    expect(context.principal?.kind).toBe("entra");
  });

  test("in retired headers counts for nothing", async () => {
    const retired = {
      "x-agent-user-isolation-key": "eve",
      "x-agent-chat-isolation-key": "eve",
      "x-aml-oid": "eve",
      "x-aml-tid": "eve",
    };
    const context = await make(retired, { environment: hosted, platformUserId: "one-person" });
    expect(context.principal).toBeUndefined();
    expect(inspect(context, { depth: 9 })).not.toContain("eve");
  });

  test("refuses any other declaration about user ids", async () => {
    const platformUserId = "everyone" as "one-person";
    await expect(make(headers, { platformUserId })).rejects.toMatchObject({ code: "invalid_option" });
  });
});

test("client headers are kept without those that can hold the token, trace headers beside them", async () => {
  const token = await cloud.token();
  const context = await make(
    [
      ["X-Client-Locale", "de"],
      ["x-client-tag", "a"],
      ["x-client-tag", "b"],
      ["x-client-assertion", token],
      ["x-client-user-token", "another token"],
      ["traceparent", "00-1-2-03"],
      ["cookie", "c=1"],
    ],
    { tokenHeader: "x-client-assertion" },
  );
  expect(context.clientHeaders).toEqual({ "x-client-locale": "de", "x-client-tag": "a, b" });
  expect(context.trace).toEqual({ traceparent: "00-1-2-03" });
});

test("a context shows nothing of its token: printed, spread, cloned, as JSON or through its prototype", async () => {
  const token = await cloud.token();
  const context = await make({ "x-client-user-token": token });
  expect(internalsOf(context).assertion?.token).toBe(token);
  expectNothingOf(token, context);
  expectNothingOf(token, { ...context });
  expectNothingOf(token, structuredClone({ ...context }));
  expectNothingOf(token, Object.entries(Object.getOwnPropertyDescriptors(context)));
  expect(leaks(inspect(context, { showHidden: true, depth: 20 }), token)).toBe(false);
  expect(leaks(inspect(context, { showHidden: true, depth: 20, customInspect: false }), token)).toBe(false);
});

test("a copy of a context is nobody", async () => {
  const context = await make({ "x-client-user-token": await cloud.token() });
  expect(() => internalsOf({ ...context } as never)).toThrow(/not a user context/);
});

test("what is not a verifier is refused", async () => {
  await expect(make({}, { verify: {} as never })).rejects.toMatchObject({ code: "invalid_option" });
});

describe("an agent that takes no user tokens", () => {
  const none: UserContextOptions = { verify: "none", environment: { hosted: false } };

  test("believes none that comes", async () => {
    const context = await createUserContext({ "x-client-user-token": "anything", "x-client-a": "b" }, none);
    expect([context.user, context.principal, context.hasUserToken]).toEqual([undefined, undefined, false]);
    expect(context.clientHeaders).toEqual({ "x-client-a": "b" });
  });

  test("still knows the call", async () => {
    const context = await createUserContext(
      { "x-agent-foundry-call-id": "call-1", "x-agent-user-id": "u" },
      { verify: "none", environment: { hosted: true } },
    );
    expect(context.platform).toMatchObject({ hosted: true, callId: "call-1", userId: "u" });
    expect(context.principal).toBeUndefined();
  });

  test("cannot require one", async () => {
    await expect(createUserContext({}, { ...none, require: true })).rejects.toMatchObject({
      code: "invalid_option",
    });
  });
});

describe("somebody who cannot be named", () => {
  const { projectEndpoint, agentName } = hosted;

  test.each([
    [
      "the hosted environment",
      { hosted: false, projectEndpoint, agentName },
      "FOUNDRY_HOSTING_ENVIRONMENT not set",
    ],
    ["the project", { hosted: true, agentName }, "FOUNDRY_PROJECT_ENDPOINT not set"],
    ["the agent", { hosted: true, projectEndpoint }, "FOUNDRY_AGENT_NAME not set"],
    ["all of it", { hosted: false }, "FOUNDRY_PROJECT_ENDPOINT and FOUNDRY_AGENT_NAME not set"],
  ])("is told which variable says %s", async (_name, environment, missing) => {
    const headers = { "x-agent-user-id": "u-1", "x-agent-foundry-call-id": "c-1" };
    const context = await make(headers, { environment, platformUserId: "one-person" });
    expect(context.principal).toBeUndefined();
    expect(userNotIdentified(context)).toMatchObject({
      code: "user_not_identified",
      message: expect.stringContaining(missing),
    });
  });

  test.each([
    [
      "the token's header and the option",
      { "x-agent-user-id": "u-1" },
      {},
      /x-client-user-token.*x-agent-user-id.*platformUserId/,
    ],
    [
      "a token header of its own",
      { "x-agent-user-id": "u-1" },
      { tokenHeader: "x-client-ada" },
      /no user token in x-client-ada,/,
    ],
    [
      "the platform's header",
      {},
      { platformUserId: "one-person" },
      /no user token in x-client-user-token.*no x-agent-user-id header/,
    ],
    [
      "the platform's header alone",
      {},
      { verify: "none", platformUserId: "one-person" },
      /^No user token is read.*no x-agent-user-id header/,
    ],
    [
      "the variable of the hosted environment",
      { "x-agent-user-id": "u-1" },
      { environment: { hosted: false } },
      /x-client-user-token.*FOUNDRY_HOSTING_ENVIRONMENT is not set/,
    ],
  ] as const)("is told which header or setting is missing: %s", async (_name, headers, options, message) => {
    const context = await make(headers, { environment: hosted, ...options });
    expect(context.principal).toBeUndefined();
    expect(userNotIdentified(context)).toMatchObject({
      code: "user_not_identified",
      message: expect.stringMatching(message),
    });
  });
});
