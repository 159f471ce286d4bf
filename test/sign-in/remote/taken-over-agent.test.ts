import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  clientSecret,
  ConsentRequest,
  ConsentRequiredError,
  createUserContext,
  entraApp,
  type EntraApp,
  type IdentityEvent,
  protectedResource,
  type TokenSource,
  userAccess,
  UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import {
  remoteSignIn,
  type RemoteSignIn,
  type ServedAgent,
  signInApi,
  type SignInApi,
} from "hosted-agent-identity/sign-in";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";

const project = "https://foundry.example.com/projects/p";
const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/access_as_user"],
  audiences: ["api://contacts"],
});

let entra: EntraEmulator;
let app: EntraApp;
let time: number;
const now = (): number => time;
let events: IdentityEvent[];
let signedOut: string[];
let api: SignInApi;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "service", scopes: ["chat"], secrets: ["s"] },
      { name: "agent", secrets: ["a"] },
      { name: "other agent", secrets: ["o"] },
    ],
    users: [{ name: "Ada" }],
  });
  const { tenantId, clientId } = entra.app("service");
  app = entraApp({ tenantId, clientId, credential: clientSecret("s"), cloud: entra.cloud });
});
afterAll(() => entra.close());
beforeEach(() => {
  time = Date.now();
  events = [];
  signedOut = [];
  api = serviceOf({ newUsersPerMinute: 3 });
});

/** Everybody has signed in but those who are named "nobody". */
const source: TokenSource = {
  kind: "sign_in",
  provesUser: true,
  cacheScope: "",
  usesAssertion: false,
  cached: false,
  skip: () => undefined,
  async acquire({ context }) {
    const key = context.principalKey ?? "";
    if (!key.includes("nobody"))
      return {
        status: "token",
        token: { token: `secret of ${key}`, expiresAt: time + 3_600_000, source: "sign_in" },
      };
    const link = "https://sign-in.example.com/start?ticket=secret-ticket";
    const requests = [new ConsentRequest({ link, serverLabel: "contacts", reason: "sign_in" })];
    return { status: "needs", error: new ConsentRequiredError(requests), requests };
  },
};

function serviceOf(more: Partial<ServedAgent>): SignInApi {
  const agent = (name: string): ServedAgent => ({
    name,
    clientIds: [entra.app(name).clientId],
    resources: [resource],
    signIn: {
      tokens: () => source,
      redeem: async () => ({ status: "not_a_code" }),
      keepPrompt: async () => undefined,
      settle: async () => undefined,
      signOut: async (principal) => void signedOut.push(JSON.stringify(principal)),
    },
    platformProject: project,
    ...more,
  });
  return signInApi({
    app,
    verify: userTokenVerifier({ app }),
    agents: [agent("agent"), agent("other agent")],
    now,
    onEvent: (event) => void events.push(event),
  });
}

interface Told {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | null;
}

async function call(path: string, user: object, agent: string | undefined = "agent"): Promise<Told> {
  const authorization =
    agent === "" ? "" : `Bearer ${await entra.issueAppToken({ client: agent, app: "service" })}`;
  const answer = await api(
    new Request(`https://sign-in.example.com/v1/${path}`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify({ user, server_label: "contacts", text: "hello", prompt: "hello" }),
    }),
  );
  const body = (await answer?.json()) as { error?: { code?: string } };
  return {
    status: answer?.status ?? 0,
    code: body.error?.code,
    retryAfter: answer?.headers.get("retry-after") ?? null,
  };
}

const named = (id: string): object => ({ platform_user_id: id });
const keyOf = (id: string, agent = "agent"): string => JSON.stringify(["platform", project, agent, id]);
const adaWithToken = async (): Promise<object> => ({
  user_token: await entra.issueUserToken({ user: "Ada", app: "service" }),
});
const ofType = (type: IdentityEvent["type"]): IdentityEvent[] => events.filter((one) => one.type === type);

describe("an agent that names people by a platform id, which proves nothing", () => {
  it("raises an event for each new one, whatever it asks for, and for nobody twice", async () => {
    for (const path of ["tokens", "page", "redeem", "prompt", "sign-out"])
      await call(path, named("Ada's id"));
    await call("redeem", named("Bob's id"));
    await call("tokens", named("Ada's id"), "other agent");
    expect(ofType("agent_named_user")).toEqual([
      { type: "agent_named_user", agent: "agent", principal: keyOf("Ada's id") },
      { type: "agent_named_user", agent: "agent", principal: keyOf("Bob's id") },
      { type: "agent_named_user", agent: "other agent", principal: keyOf("Ada's id", "other agent") },
    ]);
  });

  it("may name so many new ones in a minute; whom it named before is served on", async () => {
    for (const id of ["1", "2", "3"]) expect((await call("tokens", named(id))).status).toBe(200);
    const refused = { status: 429, code: "agent_names_too_many_users", retryAfter: "60" };
    for (const path of ["tokens", "page", "redeem", "prompt", "sign-out"])
      expect(await call(path, named("4"))).toEqual(refused);
    expect(signedOut).toEqual([]);
    expect((await call("tokens", named("1"))).status).toBe(200);
    // Another agent has a limit of its own.
    expect((await call("tokens", named("4"), "other agent")).status).toBe(200);
    time += 59_999;
    expect(await call("tokens", named("4"))).toEqual(refused);
    time += 1;
    expect((await call("tokens", named("4"))).status).toBe(200);
  });

  it("is told of each refusal, with whom it was about", async () => {
    for (const id of ["1", "2", "3", "4"]) await call("redeem", named(id));
    expect(ofType("agent_refused")).toEqual([
      {
        type: "agent_refused",
        call: "redeem",
        agent: "agent",
        principal: keyOf("4"),
        code: "agent_names_too_many_users",
        category: "blocked",
      },
    ]);
  });

  it("is not locked out by a clock that was put back", async () => {
    for (const id of ["1", "2", "3", "4"]) await call("tokens", named(id));
    time -= 60_000;
    expect((await call("tokens", named("4"))).status).toBe(200);
  });

  it("may name 300 in a minute unless configured otherwise", async () => {
    api = serviceOf({});
    const asked = await Promise.all(Array.from({ length: 301 }, (_, id) => call("redeem", named(`${id}`))));
    expect(asked.map(({ status }) => status).filter((status) => status !== 200)).toEqual([429]);
  });

  it("names people by their tokens as often as it likes", async () => {
    for (const id of ["1", "2", "3"]) await call("tokens", named(id));
    for (let n = 0; n < 5; n += 1) expect((await call("tokens", await adaWithToken())).status).toBe(200);
    expect(ofType("agent_named_user")).toHaveLength(3);
  });

  it("may sign sixty people out in a minute, and whoever proves to be there besides", async () => {
    await call("tokens", named("1"));
    for (let n = 0; n < 60; n += 1) expect((await call("sign-out", named("1"))).status).toBe(200);
    expect((await call("sign-out", named("1"))).code).toBe("agent_names_too_many_users");
    expect(signedOut).toHaveLength(60);
    expect((await call("sign-out", await adaWithToken())).status).toBe(200);
    time += 60_000;
    expect((await call("sign-out", named("1"))).status).toBe(200);
    const told = ofType("agent_signed_out_user");
    expect(told).toHaveLength(62);
    expect(told[0]).toEqual({
      type: "agent_signed_out_user",
      agent: "agent",
      principal: keyOf("1"),
      proof: "platform_user_id",
    });
    expect(told[60]).toMatchObject({ proof: "user_token" });
  });

  it("does not stop the agent's known people, on whose side it is", async () => {
    const { remote } = agentSide();
    const contacts = userAccess(resource, [remote.tokens()], { now });
    const ask = (id: string): Promise<string> =>
      contacts.token(platformPerson(id)).then(
        ({ token }) => token,
        (error: { code: string; category: string }) => `${error.code} ${error.category}`,
      );
    expect(await ask("1")).toContain("secret of");
    await Promise.all(["2", "3"].map(ask));
    const refused = await Promise.all(Array.from({ length: 12 }, (_, id) => ask(`stranger ${id}`)));
    expect(new Set(refused)).toEqual(new Set(["agent_names_too_many_users blocked"]));
    contacts.forget(platformPerson("1"));
    expect(await ask("1")).toContain("secret of");
  });
});

describe("the sign-in service tells", () => {
  it("each token that an agent is given, and by what the person was named", async () => {
    await call("tokens", named("1"));
    await call("tokens", named("nobody"));
    await call("tokens", await adaWithToken());
    expect(ofType("agent_token_issued")).toEqual([
      {
        type: "agent_token_issued",
        agent: "agent",
        principal: keyOf("1"),
        proof: "platform_user_id",
        serverLabel: "contacts",
      },
      {
        type: "agent_token_issued",
        agent: "agent",
        principal: expect.stringContaining('"entra"'),
        proof: "user_token",
        serverLabel: "contacts",
      },
    ]);
    // What its accesses tell is told as well.
    expect(ofType("token_acquired")).toHaveLength(2);
    expect(ofType("token_refused")).toMatchObject([{ code: "consent_required" }]);
  });

  it("what it refuses, also to callers that are no agent of its", async () => {
    await call("tokens", named("1"), "");
    await call("sign-out", { user_token: "no token" });
    await call("tokens", {});
    expect(ofType("agent_refused")).toEqual([
      { type: "agent_refused", call: "tokens", code: "agent_not_identified", category: "input" },
      {
        type: "agent_refused",
        call: "sign-out",
        agent: "agent",
        code: "user_token_malformed",
        category: "input",
      },
      { type: "agent_refused", call: "tokens", agent: "agent", code: "invalid_option", category: "config" },
    ]);
  });

  it("no token, link or prompt in any of it", async () => {
    for (const path of ["tokens", "page", "redeem", "prompt", "sign-out"])
      for (const user of [named("1"), named("nobody"), await adaWithToken()]) await call(path, user);
    expect(JSON.stringify(events)).not.toMatch(/secret|hello|eyJ/);
  });
});

describe("the agent's side tells", () => {
  it("that the service gave it somebody else's token", async () => {
    const { remote, told } = agentSide(async () =>
      Response.json({
        status: "token",
        access_token: "t",
        expires_at: time + 3_600_000,
        account: { tid: "another", oid: "another" },
      }),
    );
    const userToken = await entra.issueUserToken({ user: "Ada", app: "service" });
    const ada = await createUserContext({ userToken }, { verify: userTokenVerifier({ app }) });
    const asked = userAccess(resource, [remote.tokens()], { now }).token(ada);
    await expect(asked).rejects.toMatchObject({ code: "wrong_user" });
    expect(told).toEqual([{ type: "wrong_user", expected: entra.user("Ada").oid }]);
  });

  it("each call that fails, and none that its caller has left", async () => {
    let answers = async (): Promise<Response> => new Response("<h1>hello</h1>", { status: 502 });
    const { remote, told } = agentSide(() => answers());
    const someone = platformPerson("1");
    await expect(remote.signOut(someone)).rejects.toMatchObject({ code: "sign_in_service_unavailable" });
    answers = async () => Response.json({ error: { code: "store_unavailable" } }, { status: 503 });
    await expect(remote.redeem(someone, "hello")).rejects.toMatchObject({ code: "store_unavailable" });
    expect(told).toEqual([
      { type: "sign_in_service_failed", call: "sign-out", code: "sign_in_service_unavailable" },
      { type: "sign_in_service_failed", call: "redeem", code: "store_unavailable" },
    ]);
  });
});

function platformPerson(id: string): UserContext {
  return new UserContext({
    principal: { kind: "platform", project, agent: "agent", id },
    platform: { hosted: true, userId: id },
    clientHeaders: {},
    trace: {},
  });
}

/** An agent in front of the service, or of something that answers in its place. */
function agentSide(instead?: () => Promise<Response>): {
  readonly remote: RemoteSignIn;
  readonly told: IdentityEvent[];
} {
  const told: IdentityEvent[] = [];
  const remote = remoteSignIn({
    url: "https://sign-in.example.com",
    scope: "api://service/.default",
    credential: {
      getToken: async () => ({
        token: await entra.issueAppToken({ client: "agent", app: "service" }),
        expiresOnTimestamp: time + 3_600_000,
      }),
    },
    now,
    onEvent: (event) => void told.push(event),
    fetch: async (input, init) =>
      instead === undefined
        ? ((await api(new Request(input, init))) ?? new Response(null, { status: 404 }))
        : instead(),
  });
  return { remote, told };
}
