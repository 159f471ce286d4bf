import { afterAll, beforeAll, expect, it } from "vitest";
import { protectedResource, UserContext } from "hosted-agent-identity";
import { remoteSignIn, type ServedSignIn, signInApi } from "hosted-agent-identity/sign-in";
import { maxClaimsLength } from "../../../src/sign-in/remote/api-routes.js";
import { handMade, startTestCloud, type TestCloud } from "../../support/keys.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());

const platformUser = new UserContext({
  principal: { kind: "platform", project: "https://project.example.com", agent: "agent", id: "u1" },
  platform: { hosted: true, userId: "u1" },
  clientHeaders: {},
  trace: {},
});

it.each([{ toString: 1 }, ["no"], null, 5])(
  "the service's refusal keeps its code when its message is %j",
  async (message) => {
    const remote = remoteSignIn({
      url: "https://sign-in.example.com",
      credential: { getToken: async () => ({ token: "agent", expiresOnTimestamp: Date.now() + 3_600_000 }) },
      scope: "api://service/.default",
      fetch: async () => Response.json({ error: { code: "user_not_identified", message } }, { status: 400 }),
    });
    await expect(remote.redeem(platformUser, "hello")).rejects.toMatchObject({ code: "user_not_identified" });
  },
);

/** The answer of the API's `/v1/tokens` to an agent that it knows, and the claims that its sign-in was asked for. */
async function postTokens(
  more: object,
): Promise<{ readonly status: number | undefined; readonly body: unknown; readonly asked: unknown[] }> {
  const asked: unknown[] = [];
  const notAsked = (): Promise<never> => Promise.reject(new Error("not asked"));
  const signIn: ServedSignIn = {
    redeem: notAsked,
    keepPrompt: notAsked,
    settle: notAsked,
    signOut: notAsked,
    tokens: () => ({
      kind: "sign_in",
      provesUser: true,
      cacheScope: "c",
      usesAssertion: false,
      cached: false,
      skip: () => undefined,
      async acquire({ claims }) {
        asked.push(claims);
        return { status: "skipped", reason: "no_user", detail: "" };
      },
    }),
  };
  const resource = protectedResource({
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: ["api://contacts/read"],
    audiences: ["api://contacts"],
  });
  const serve = signInApi({
    app: cloud.app,
    verify: notAsked,
    agents: [
      {
        name: "agent",
        clientIds: [cloud.home],
        signIn,
        resources: [resource],
        platformProject: "https://project.example.com",
      },
    ],
  });
  const claims = {
    iss: `${cloud.origin}/${cloud.home}/v2.0`,
    aud: cloud.app.clientId,
    tid: cloud.home,
    oid: cloud.home,
    idtyp: "app",
    azp: cloud.home,
    exp: 4e9,
  };
  const token = handMade({ alg: "RS256", kid: cloud.key.kid }, claims, cloud.key);
  const request = new Request("https://sign-in.example.com/v1/tokens", {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ user: { platform_user_id: "u1" }, server_label: "contacts", ...more }),
  });
  const response = await serve(request);
  return { status: response?.status, body: await response?.json(), asked };
}

it.each([{ toString: 1 }, ["api://contacts/read"], 5, null])(
  "a scope that is %j is refused, and no failure of the service",
  async (scope) => {
    const { status, body } = await postTokens({ scopes: [scope] });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { code: "insufficient_scope" } });
  },
);

it("claims are read up to the length of a challenge, and longer ones are refused", async () => {
  const claimsOf = (length: number): string => `{"x":"${"y".repeat(length - 8)}"}`;
  const longest = claimsOf(maxClaimsLength);
  expect((await postTokens({ claims: longest })).asked).toEqual([longest]);

  const { status, body, asked } = await postTokens({ claims: claimsOf(maxClaimsLength + 1) });
  expect({ status, asked }).toEqual({ status: 400, asked: [] });
  expect(body).toMatchObject({ error: { code: "invalid_option" } });
});

it("a redirect of the service is refused, and takes nothing along", async () => {
  const asked: string[] = [];
  const remote = remoteSignIn({
    url: "https://sign-in.example.com",
    credential: { getToken: async () => ({ token: "agent", expiresOnTimestamp: Date.now() + 3_600_000 }) },
    scope: "api://service/.default",
    fetch: async (url, init) => {
      asked.push(`${String(url)} ${init?.redirect}`);
      return Response.json({}, { status: 307, headers: { location: "https://elsewhere.example.com/" } });
    },
  });
  await expect(remote.redeem(platformUser, "hello")).rejects.toMatchObject({
    code: "sign_in_service_unavailable",
    message: expect.stringContaining("redirect"),
  });
  expect(asked.every((one) => /^https:\/\/sign-in\.example\.com\/.* manual$/.test(one))).toBe(true);
});
