import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type FetchLike,
  type HostedAgentIdentityError,
  type IdentityEvent,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isNoTokenError,
  onBehalfOf,
  type OnBehalfOfOptions,
  protectedResource,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { signInTokens, type SignInDemand } from "../../src/sign-in/tokens-source.js";
import { contextOf, nobody, platformContext } from "./support/contexts.js";
import { replica, type Replica } from "./support/replica.js";
import { scriptedStore, type ScriptedStore } from "./support/scripted-store.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

let world: SignInWorld;
let time: number;
const now = (): number => time;
let store: ScriptedStore;
let agent: Replica;
let asked: (SignInDemand & { serverLabel: string; principal: string | undefined })[];

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  store = scriptedStore();
  agent = replica(world, store, { now });
  asked = [];
  world.entra.policies.clear();
  for (const user of ["Ada", "Bob"])
    world.entra.revokeConsent({ user, client: "agent", resource: "contacts" });
});

const link = "https://agent.example.com/sign-in#a-ticket-that-nobody-else-may-see";

function source(of: Replica = agent): TokenSource {
  return signInTokens(of.core, of.grants, async (context, { serverLabel }, demand) => {
    asked.push({ ...demand, serverLabel, principal: context.principalKey });
    return { link: `${link}-${asked.length}`, expiresAt: time + 600_000 };
  });
}

function access(sources: readonly TokenSource[] = [source()], fetch?: FetchLike): UserAccess {
  return userAccess(world.contacts, sources, { now, ...(fetch === undefined ? {} : { fetch }) });
}

function obo(options: OnBehalfOfOptions = {}): TokenSource {
  return onBehalfOf(agent.app, options);
}

async function refused(work: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await work.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!isHostedAgentIdentityError(error)) throw error;
  return error;
}

async function connect(context: UserContext, user: string, on: Replica = agent): Promise<void> {
  await on.connect(context.principalKey ?? "", user);
}

const oidOf = async (contacts: UserAccess, context: UserContext): Promise<unknown> =>
  decodeClaims((await contacts.token(context)).token)?.oid;
const exchanges = (): number =>
  world.entra.requests.filter(({ grantType }) => grantType === "on_behalf_of").length;

describe("sign-in as a token source", () => {
  it("asks once, and gives the person's token after the sign-in", async () => {
    const contacts = access();
    const context = platformContext("first");
    const error = await refused(contacts.token(context));
    if (!isConsentRequiredError(error)) throw error;
    const [request] = error.requests;
    expect(request?.link).toBe(`${link}-1`);
    expect([request?.reason, request?.serverLabel]).toEqual(["sign_in", "contacts"]);
    expect(JSON.stringify(error) + inspect(error, { depth: 9 })).not.toContain("a-ticket");
    expect(context.consentRequests).toHaveLength(1);
    expect(asked).toEqual([
      {
        reason: "sign_in",
        scopes: world.contacts.scopes,
        claims: undefined,
        serverLabel: "contacts",
        principal: context.principalKey,
      },
    ]);
    await refused(contacts.token(context));
    expect(asked).toHaveLength(1);

    await connect(context, "Ada");
    const next = platformContext("first");
    expect(await oidOf(contacts, next)).toBe(world.entra.user("Ada").oid);
    expect(asked).toHaveLength(1);
  });

  it("looks into the store once for many calls", async () => {
    const contacts = access();
    const context = platformContext("many");
    await connect(context, "Ada");
    await contacts.token(context);
    store.steps.length = 0;
    for (let n = 0; n < 50; n += 1) await contacts.token(context);
    expect(store.steps).toEqual([]);
  });

  it("gives each person their own", async () => {
    const contacts = access();
    const [one, two, three] = [platformContext("1"), platformContext("2"), platformContext("3")];
    await connect(one, "Ada");
    await connect(two, "Bob");
    const oids = await Promise.all([oidOf(contacts, one), oidOf(contacts, two), oidOf(contacts, one)]);
    const [ada, bob] = [world.entra.user("Ada").oid, world.entra.user("Bob").oid];
    expect(oids).toEqual([ada, bob, ada]);
    expect((await refused(contacts.token(three))).code).toBe("consent_required");
  });

  it("refuses a platform user id that nobody declared to be one person", async () => {
    const context = platformContext("shared", false);
    const error = await refused(access().token(context));
    expect([error.code, error.category]).toEqual(["user_not_identified", "config"]);
    expect(error.help).toContain('platformUserId: "one-person"');
    expect(store.steps).toEqual([]);
  });

  it("explains what it would be refused for, and that it applies to nobody else", async () => {
    const explained = (context: UserContext, resource = world.contacts) =>
      userAccess(resource, [source()], { now }).explain(context).sources[0];
    const shared = explained(platformContext("shared", false));
    expect(shared).toMatchObject({ source: "sign_in", applies: false });
    expect(shared?.detail).toContain('platformUserId: "one-person"');
    expect(explained(platformContext("one person"))).toMatchObject({ applies: true, detail: "applies." });
    expect(explained(nobody())).toMatchObject({ applies: false, detail: expect.stringContaining("nobody") });
    const other = protectedResource({ ...world.contacts, url: "https://contacts.example.com/other" });
    expect(explained(platformContext("one person"), other)).toMatchObject({
      applies: false,
      detail: expect.stringContaining("not among the resources"),
    });
    expect(store.steps).toEqual([]);
  });

  it("skips a request that names nobody", async () => {
    const error = await refused(access().token(nobody()));
    expect(isNoTokenError(error) && error.skipped[0]).toMatchObject({ source: "sign_in", reason: "no_user" });
  });

  it("refuses a resource that sign-in was not made for", async () => {
    const other = protectedResource({ ...world.contacts, url: "https://contacts.example.com/other" });
    const error = await refused(userAccess(other, [source()], { now }).token(platformContext("x")));
    expect([error.code, error.message]).toEqual([
      "invalid_option",
      expect.stringContaining("createSignIn()"),
    ]);
  });

  it("asks again for new scopes, naming all of them", async () => {
    const context = platformContext("scopes");
    await connect(context, "Ada");
    const contacts = access(
      [source()],
      async () =>
        new Response(null, {
          status: 403,
          headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="contacts.write"' },
        }),
    );
    const error = await refused(contacts.as(context).fetch(contacts.url));
    expect(error.code).toBe("consent_required");
    expect(asked.map(({ reason, scopes }) => [reason, scopes.length])).toEqual([["consent", 2]]);
  });

  it("asks for a stronger sign-in when the resource demands one, with the resource's claims", async () => {
    const context = platformContext("strong");
    await connect(context, "Ada");
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const encoded = Buffer.from(claims).toString("base64");
    const contacts = access(
      [source()],
      async () =>
        new Response(null, {
          status: 401,
          headers: { "www-authenticate": `Bearer error="insufficient_claims", claims="${encoded}"` },
        }),
    );
    expect((await refused(contacts.as(context).fetch(contacts.url))).code).toBe("consent_required");
    expect(asked.map(({ reason }) => reason)).toEqual(["step_up"]);
    expect(JSON.parse(asked[0]?.claims ?? "{}")).toMatchObject(JSON.parse(claims));
  });

  it("gets a new token when the resource refuses one that still lives", async () => {
    const context = platformContext("refused");
    await connect(context, "Ada");
    const seen: (string | null)[] = [];
    const contacts = access([source()], async (_url, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      return new Response(null, { status: seen.length === 1 ? 401 : 200 });
    });
    expect((await contacts.as(context).fetch(contacts.url)).status).toBe(200);
    expect(new Set(seen).size).toBe(2);
  });
});

describe("the end of a sign-in", () => {
  it("in this process is noticed at once", async () => {
    const contacts = access();
    const context = platformContext("out");
    await connect(context, "Ada");
    await contacts.token(context);
    await agent.grants.remove(context.principalKey ?? "");
    expect((await refused(contacts.token(platformContext("out")))).code).toBe("consent_required");
  });

  it("in another process is noticed within a minute", async () => {
    const contacts = access();
    const context = platformContext("elsewhere");
    await connect(context, "Ada");
    await contacts.token(context);
    await replica(world, store, { now }).grants.remove(context.principalKey ?? "");
    time += 60_000;
    expect((await refused(contacts.token(platformContext("elsewhere")))).code).toBe("consent_required");
  });

  it("in another process is noticed within a minute by a client of the Azure SDK, which holds its token", async () => {
    const context = platformContext("azure client");
    await connect(context, "Ada");
    const credential = access().tokenCredential(context, { askAgain: "at-expiry" });
    const [scope = ""] = world.contacts.scopes;
    const held = await credential.getToken(scope);
    expect(held.expiresOnTimestamp - time).toBeLessThanOrEqual(60_000);
    // Such a client asks again at each call when so little is left: that costs neither store nor Entra.
    store.steps.length = 0;
    expect(await credential.getToken(scope)).toEqual(held);
    expect(store.steps).toEqual([]);
    await replica(world, store, { now }).grants.remove(context.principalKey ?? "");
    time = held.expiresOnTimestamp;
    expect((await refused(credential.getToken(scope))).code).toBe("consent_required");
  });

  it("is looked for in the background while somebody works, without a request to Entra", async () => {
    let looks = 0;
    const onEvent = ({ type }: IdentityEvent): void => void (looks += type === "token_acquired" ? 1 : 0);
    const contacts = userAccess(world.contacts, [source()], { now, onEvent });
    const context = platformContext("busy");
    await connect(context, "Ada");
    const { token } = await contacts.token(context);
    const before = world.entra.requests.length;
    store.steps.length = 0;
    for (let n = 2; n < 10; n += 1) {
      time += 40_000;
      expect((await contacts.token(context)).token).toBe(token);
      await expect.poll(() => looks).toBe(n);
    }
    expect(store.steps).toEqual(Array.from({ length: 8 }, () => "get"));
    expect(world.entra.requests.length).toBe(before);
  });

  it("cannot be told while the store is down: then nothing is given", async () => {
    const contacts = access();
    const context = platformContext("down");
    await connect(context, "Ada");
    await contacts.token(context);
    store.before(() => {
      throw new Error("down");
    });
    expect(await oidOf(contacts, context)).toBe(world.entra.user("Ada").oid);
    time += 60_000;
    expect((await refused(contacts.token(context))).code).toBe("store_unavailable");
    store.before(undefined);
    expect(await oidOf(contacts, context)).toBe(world.entra.user("Ada").oid);
  });
});

describe("together with on-behalf-of", () => {
  const consent = (user: string): void =>
    world.entra.grantConsent({ user, client: "agent", resource: "contacts", scopes: ["contacts.read"] });

  it("is asked for nothing while the user token is enough", async () => {
    consent("Ada");
    const contacts = access([obo(), source()]);
    expect((await contacts.token(await contextOf(world, "Ada"))).source).toBe("on_behalf_of");
    expect(store.steps).toEqual([]);
  });

  it("offers its link in place of a refusal that has none, and only then", async () => {
    const noLink = access([obo(), source()]);
    expect((await refused(noLink.token(await contextOf(world, "Bob")))).code).toBe("consent_required");
    expect(asked).toHaveLength(1);

    const consentLink = Object.assign(() => ({ link: "https://login.example.com/consent" }), {
      kind: "user" as const,
      allowedOrigins: ["https://login.example.com"],
    });
    const withLink = access([obo({ consentLink }), source()]);
    const error = await refused(withLink.token(await contextOf(world, "Bob")));
    expect(isConsentRequiredError(error) && error.requests.map((one) => new URL(one.link).host)).toEqual([
      "login.example.com",
    ]);
    expect(asked).toHaveLength(1);
  });

  it("asks for the second factor that the exchange was refused for", async () => {
    consent("Ada");
    world.entra.policies.add({ type: "mfa", user: "Ada", resource: "contacts" });
    const error = await refused(access([obo(), source()]).token(await contextOf(world, "Ada")));
    expect(error.code).toBe("consent_required");
    expect(asked.map(({ claims }) => claims)).toEqual([expect.stringContaining("polids")]);
  });

  it("stands in for a refused user token from then on, without asking Entra about that one again", async () => {
    consent("Ada");
    const context = await contextOf(world, "Ada");
    world.entra.policies.add({ type: "refuse", codes: [50173], user: "Ada", grant: "on_behalf_of" });
    await connect(context, "Ada");
    const contacts = access([obo(), source()]);
    expect((await contacts.token(context)).source).toBe("sign_in");
    const before = exchanges();
    for (let n = 0; n < 5; n += 1) {
      time += 60_000;
      expect((await contacts.token(context)).source).toBe("sign_in");
    }
    expect(exchanges()).toBe(before);

    // Signed out: then the user token is asked about again, and the person is asked to sign in.
    await agent.grants.remove(context.principalKey ?? "");
    expect((await refused(contacts.token(context))).code).toBe("consent_required");
    expect(exchanges()).toBe(before + 1);
  });

  it("does not stand in with a token that does not meet the demand", async () => {
    consent("Ada");
    const context = await contextOf(world, "Ada");
    await connect(context, "Ada");
    await agent.token(context.principalKey ?? "");
    world.entra.policies.add({ type: "mfa", user: "Ada", resource: "contacts" });
    const contacts = access([obo(), source()]);
    const error = await refused(contacts.token(context));
    expect([error.code, asked[0]?.reason]).toEqual(["consent_required", "step_up"]);
  });

  it("is not asked after a refusal that the user cannot end", async () => {
    consent("Ada");
    const context = await contextOf(world, "Ada");
    await connect(context, "Ada");
    world.entra.policies.add({ type: "blocked", user: "Ada", grant: "on_behalf_of" });
    store.steps.length = 0;
    const error = await refused(access([obo(), source()]).token(context));
    expect([error.category, store.steps]).toEqual(["blocked", []]);
  });

  it("does not slow down the exchange of others when its store is down", async () => {
    const contacts = access([obo(), source()]);
    store.before(() => {
      throw new Error("down");
    });
    for (let n = 0; n < 6; n += 1) {
      expect((await refused(contacts.token(platformContext(`p${n}`)))).code).toBe("store_unavailable");
    }
    consent("Ada");
    expect((await contacts.token(await contextOf(world, "Ada"))).source).toBe("on_behalf_of");
  });
});

describe("a tenant that is removed while the process runs", () => {
  it.each([
    ["whom the platform names", () => Promise.resolve(platformContext("of a tenant"))],
    ["with a user token", () => contextOf(world, "Ada")],
  ])("ends the tokens of a user %s within a minute, and refreshes none", async (_who, contextOfUser) => {
    const { tenantId } = world.entra.user("Ada");
    const tenants = new Set([tenantId]);
    const asks = replica(world, store, {
      now,
      app: world.app({ now, allowedTenants: async (tid) => tenants.has(tid) }),
    });
    const context = await contextOfUser();
    await connect(context, "Ada", asks);
    const contacts = access([source(asks)]);
    expect(await oidOf(contacts, context)).toBe(world.entra.user("Ada").oid);
    expect(await oidOf(contacts, context)).toBe(world.entra.user("Ada").oid);
    tenants.delete(tenantId);
    // Within the time that a kept token is used without a look at the store.
    time += 50_000;
    await contacts.token(await contextOfUser());
    time += 10_000;
    const refreshes = world.refreshes();
    const error = await refused(contacts.token(await contextOfUser()));
    expect([error.code, isConsentRequiredError(error)]).toEqual(["user_token_tenant", false]);
    time += 3_600_000;
    expect((await refused(contacts.token(await contextOfUser()))).code).toBe("user_token_tenant");
    expect(world.refreshes()).toBe(refreshes);
    tenants.add(tenantId);
    time += 60_000;
    expect(await oidOf(contacts, await contextOfUser())).toBe(world.entra.user("Ada").oid);
  });

  it("is not sent a refresh, whoever asks for one", async () => {
    const listed = new Set([world.entra.user("Ada").tenantId]);
    const app = world.app({ now, allowedTenants: (tid) => listed.has(tid) });
    const asks = replica(world, store, { now, app });
    const { principalKey = "" } = platformContext("refresh");
    await asks.connect(principalKey, "Ada");
    listed.clear();
    time += 60_000;
    const refreshes = world.refreshes();
    await expect(asks.tokenOf(principalKey)).rejects.toMatchObject({ code: "user_token_tenant" });
    expect(world.refreshes()).toBe(refreshes);
  });
});
