import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ConsentRequest,
  ConsentRequiredError,
  isHostedAgentIdentityError,
  mcpClientPool,
  type Principal,
  principalKey,
  protectedResource,
  type ProtectedResource,
  responses,
  type ResponsesTurn,
  runningTurns,
  runWithUserContext,
  type SharedTokenStore,
  type TokenSource,
  userAccess,
  UserContext,
} from "hosted-agent-identity";
import { createSignIn, memoryStore, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { testUserContext } from "hosted-agent-identity/testing";
import { signInSite, type Site } from "../sign-in/support/site.js";
import { person } from "../sign-in/support/person.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";
import { contextFor } from "../support/people.js";

const otherApp = "22222222-0000-4000-8000-000000000002";
let [tid, oid, oneApp] = ["", "", ""];
let resource: ProtectedResource;
let world: SignInWorld;
let site: Site;

/** One person, as every kind of principal can name them, and as close to each other as their fields allow. */
const kinds = {
  entra: () => contextFor({ tid, oid, aud: "agent" }),
  resource: () => contextFor({ tid, oid, aud: oneApp }, "resource"),
  "another resource": () => contextFor({ tid, oid, aud: otherApp }, "resource"),
  platform: () => named({ kind: "platform", project: tid, agent: oid, id: oneApp }),
} as const;
type Kind = keyof typeof kinds;
const all = Object.keys(kinds) as Kind[];
const pairs = all.flatMap((owner) =>
  all.filter((other) => other !== owner).map((other) => [owner, other] as const),
);

function named(principal: Principal): UserContext {
  return new UserContext({
    principal,
    platform:
      principal.kind === "platform" ? { hosted: true, userId: principal.id, callId: "c" } : { hosted: false },
    clientHeaders: {},
    trace: {},
  });
}

beforeAll(async () => {
  world = await signInWorld();
  site = await signInSite(world);
  ({ oid, tenantId: tid } = world.entra.user("Ada"));
  // Also the audience of the resource whose grants are asked for: only what the principal is may keep them apart.
  oneApp = world.contacts.audiences[0] ?? "";
  resource = protectedResource({
    url: "https://contacts.example.com/mcp",
    serverLabel: "contacts",
    scopes: ["api://contacts/read"],
    audiences: ["api://contacts", oneApp, otherApp],
  });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});

/** Gives each who asks a token of their own, which may be kept. */
function issuer(): TokenSource {
  let count = 0;
  return {
    kind: "issuer",
    provesUser: true,
    cacheScope: "c",
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    acquire: async () => ({
      status: "token",
      token: { token: `token-${(count += 1)}`, expiresAt: Date.now() + 3_600_000, source: "issuer" },
    }),
  };
}

const ask = (previous?: string): Request =>
  new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      input: "x",
      ...(previous === undefined ? {} : { previous_response_id: previous }),
    }),
  });

/** What is kept for a person, each with whether somebody else gets at it. */
const kept: Readonly<Record<string, (owner: UserContext, other: UserContext) => Promise<boolean>>> = {
  async "a pooled MCP client"(owner, other) {
    const pool = mcpClientPool({ open: async () => ({}), close: async () => undefined });
    const clientOf = (who: UserContext): Promise<object> =>
      runWithUserContext(who, () => pool.use((client) => client));
    const same = (await clientOf(owner)) === (await clientOf(other));
    await pool.close();
    return same;
  },
  async "a cached token"(owner, other) {
    const access = userAccess(resource, [issuer()]);
    const same = (await access.token(owner)).token === (await access.token(other)).token;
    await access.close();
    return same;
  },
  async "an exchange on its way"(owner, other) {
    const access = userAccess(resource, [issuer()]);
    const [one, two] = await Promise.all([access.token(owner), access.token(other)]);
    await access.close();
    return one.token === two.token;
  },
  async "an MCP session"(owner, other) {
    const fetch = async (): Promise<Response> => new Response("{}", { headers: { "mcp-session-id": "s1" } });
    const access = userAccess(resource, [issuer()], { fetch });
    const post = (who: UserContext, headers: Record<string, string>): Promise<Response> =>
      access.as(who).fetch(access.url, { method: "POST", body: "{}", headers });
    await post(owner, {});
    const code = await refusal(post(other, { "mcp-session-id": "s1" }));
    await access.close();
    expect([undefined, "shared_session"]).toContain(code);
    return code === undefined;
  },
  async "a running turn"(owner, other) {
    const turns = runningTurns();
    let end = (): void => undefined;
    const going = new Promise<void>((resolve) => (end = resolve));
    const run = async function* (): AsyncGenerator<string> {
      yield "first";
      await going;
    };
    const answer = responses(run, { turns, windDownMs: 1 })(ask(), inTurn(owner, "resp-1"));
    await expect.poll(() => turns.size).toBe(1);
    const cancelled = await turns.cancel("resp-1", other);
    end();
    await answer;
    return cancelled !== undefined;
  },
  async "an interrupted operation"(owner, other) {
    const ids: string[] = [];
    const request = {
      link: "https://login.example.com/x",
      serverLabel: "contacts",
      reason: "consent",
    } as const;
    // oxlint-disable-next-line require-yield
    const run = async function* (turn: ResponsesTurn): AsyncGenerator<string> {
      ids.push(turn.operationId);
      throw new ConsentRequiredError([new ConsentRequest(request)]);
    };
    const handle = responses(run);
    const first = (await (await handle(ask(), owner)).json()) as { id: string; status: string };
    expect(first.status).toBe("incomplete");
    await handle(ask(first.id), other);
    return ids[0] === ids[1];
  },
};

/** The same person, in a turn whose response has a known id. */
function inTurn({ principal }: UserContext, responseId: string): UserContext {
  return new UserContext({
    principal,
    platform: { hosted: false, responseId },
    clientHeaders: {},
    trace: {},
  });
}

async function refusal(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isHostedAgentIdentityError(error)) return error.code;
    throw error;
  }
}

describe.each(Object.entries(kept))("%s", (_what, reaches) => {
  test.each(all)("of %s is theirs in the next request as well", async (kind) => {
    expect(await reaches(kinds[kind](), kinds[kind]())).toBe(true);
  });

  test.each(pairs)("of %s is not reached by %s", async (owner, other) => {
    expect(await reaches(kinds[owner](), kinds[other]())).toBe(false);
  });
});

describe("a grant", () => {
  const contacts = () => userAccess(world.contacts, [site.signIn.tokens()]);
  const codes: Readonly<Record<Kind, string | undefined>> = {
    entra: undefined,
    resource: "no_token",
    "another resource": "no_token",
    platform: "consent_required",
  };

  test.each(all)("of a person who signed in gives %s what it has to", async (kind) => {
    const page = await person(world.entra, "Ada").signIn(
      (await site.signIn.link(kinds.entra(), world.contacts)).link,
    );
    expect(page.status).toBe(200);
    expect(await refusal(contacts().token(kinds[kind]()))).toBe(codes[kind]);
  });

  test.each(all)(
    "is asked for, kept, worked with and ended by those only who may own one: %s",
    async (kind) => {
      const mayOwn = codes[kind] !== "no_token";
      const writes = { count: 0 };
      const signIn = signInWith(counting(writes));
      const until = new Date(Date.now() + 60_000);
      const context = kinds[kind]();
      const refused = mayOwn ? undefined : "user_not_identified";
      expect(await refusal(signIn.link(context, world.contacts))).toBe(refused);
      expect(await refusal(signIn.longRunning(context, { purpose: "x", until }))).toBe(
        refused ?? (await workOf(kind)),
      );
      const before = writes.count;
      await signIn.keepPrompt(context, "what the chat was asked");
      expect(writes.count > before).toBe(kind === "platform");
      expect(await signIn.redeem(context, "ABCD-EFGH")).toMatchObject(
        kind === "platform" ? {} : { status: "not_a_code" },
      );
      const { principal } = context;
      if (principal === undefined) throw new Error("nobody");
      expect(await refusal(signIn.signOut(principal))).toBe(refused);
      expect(await refusal(signIn.unpin(principal))).toBe(refused);
    },
  );
});

/** Work without a sign-in needs a user token that can be exchanged; these tests' own one cannot. */
const workOf = async (kind: Kind): Promise<string> =>
  kind === "platform" ? "long_running_refused" : "token_exchange_failed";

function signInWith(store: SignInStore): SignIn {
  return createSignIn({
    app: world.app(),
    publicUrl: "https://agent.example.com/sign-in",
    resources: [world.contacts],
    store,
    encryptionKeys: [randomBytes(32)],
    agentName: "agent",
  });
}

function counting(writes: { count: number }): SignInStore {
  const store = memoryStore({ quiet: true });
  return new Proxy(store, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        if (["setIfAbsent", "compareAndSet", "increment"].includes(String(name))) writes.count += 1;
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
}

describe("a shared cache", () => {
  test("gives nothing to a token that is for a resource, and takes nothing from it", async () => {
    const values = new Map<string, string>();
    const store: SharedTokenStore = {
      get: async (key) => values.get(key),
      set: async (key, value) => void values.set(key, value),
      delete: async (key) => void values.delete(key),
    };
    const access = userAccess(resource, [{ ...issuer(), usesAssertion: true }], {
      sharedCache: { store, encryptionKeys: [randomBytes(32)] },
    });
    await access.token(kinds.resource());
    expect(values.size).toBe(0);
    await access.token(kinds.entra());
    expect(values.size).toBeGreaterThan(0);
    await access.close();
  });
});

describe("a principal", () => {
  const principals: readonly Principal[] = [
    { kind: "entra", tid: "a", oid: "b" },
    { kind: "resource", tid: "a", oid: "b", audience: "c" },
    { kind: "resource", tid: "a", oid: "b", audience: "d" },
    { kind: "platform", project: "a", agent: "b", id: "c" },
    { kind: "oidc", iss: "a", sub: "b" },
  ];

  test("has a key that no other one has, whatever its fields are", () => {
    expect(principals.map(principalKey)).toEqual([
      '["entra","a","b"]',
      '["resource","a","b","c"]',
      '["resource","a","b","d"]',
      '["platform","a","b","c"]',
      '["oidc","a","b"]',
    ]);
  });

  test("of another identity provider is refused by everything, until it is built", async () => {
    const oidc: Principal = { kind: "oidc", iss: "https://issuer.example.com", sub: "ada" };
    const signIn = signInWith(memoryStore({ quiet: true }));
    expect(() => named(oidc)).toThrow(/oidc/);
    expect(await refusal(signIn.signOut(oidc))).toBe("user_not_identified");
    expect(await refusal(signIn.unpin(oidc))).toBe("user_not_identified");
  });

  test.each([{ kind: "odd" }, {}])("%j is none", async (odd) => {
    const principal = odd as unknown as Principal;
    expect(() => principalKey(principal)).toThrow(/principal/);
    expect(() => named(principal)).toThrow(/principal/);
    expect(await refusal(signInWith(memoryStore({ quiet: true })).signOut(principal))).toBe("invalid_option");
  });

  test("of a resource is made by the test kit, too", () => {
    const context = testUserContext({ use: "resource", audience: oneApp, oid: "o", tid: "t" });
    expect(context.principal).toEqual({ kind: "resource", tid: "t", oid: "o", audience: oneApp });
    expect(context.proof).toBe("resource");
    expect(testUserContext({ use: "resource", token: false }).principal?.kind).toBe("entra");
    expect(testUserContext({ token: false }).proof).toBeUndefined();
  });
});
