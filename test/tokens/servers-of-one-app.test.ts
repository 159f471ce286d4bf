import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import {
  agentOnBehalfOf,
  clientSecret,
  entraApp,
  type EntraApp,
  isConsentRequiredError,
  onBehalfOf,
  type OnBehalfOfOptions,
  passthrough,
  protectedResource,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { clocksOf } from "../../src/async/clocks.js";
import { acquirer } from "../../src/tokens/acquire.js";
import { serverKeys, tokenHomeOf } from "../../src/tokens/token-home.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { scriptedTokenStore } from "../support/shared-token-stores.js";
import { goodBody, refusal } from "../support/token-endpoint.js";

const scope = `api://${mcpApp}/access_as_user`;
const strong = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const challengeFor = (claims: string): string =>
  `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`;

let posts: URLSearchParams[];
let answer: (form: URLSearchParams, signal?: AbortSignal | null) => Response | Promise<Response>;

beforeEach(() => {
  posts = [];
  answer = (form) => Response.json(goodBody(form));
});

function app(clientId: string = agentApp, now?: () => number): EntraApp {
  return entraApp({
    tenantId: tenant,
    clientId,
    credential: clientSecret("not-a-real-secret"),
    ...(now === undefined ? {} : { now }),
    async fetch(_input, init) {
      const form = new URLSearchParams(String(init?.body));
      posts.push(form);
      return answer(form, init?.signal);
    },
  });
}

const resourceOf = (n: number, more: object = {}): ReturnType<typeof protectedResource> =>
  protectedResource({
    url: `https://mcp${n}.example.com/mcp`,
    serverLabel: `server ${n}`,
    scopes: [scope],
    audiences: [mcpApp],
    ...more,
  });

/** One access for each of so many servers, as an agent has them. */
function servers(
  count: number,
  sources: () => readonly TokenSource[],
  options: UserAccessOptions = {},
): UserAccess[] {
  return Array.from({ length: count }, (_, n) => userAccess(resourceOf(n), sources(), options));
}

/** A server that refuses what it is told to, and says what it wants instead. */
interface Server {
  readonly access: UserAccess;
  readonly refused: Set<string>;
  challenge: string;
  call(context: UserContext): Promise<{ readonly status: number; readonly token: string }>;
}

function server(n: number, sources: readonly TokenSource[], options: UserAccessOptions = {}): Server {
  const refused = new Set<string>();
  let last = "";
  const one: Server = {
    refused,
    challenge: 'Bearer error="invalid_token"',
    access: userAccess(resourceOf(n), sources, {
      async fetch(_input, init) {
        last = new Headers(init?.headers).get("authorization")?.slice(7) ?? "";
        return refused.has(last)
          ? new Response("", { status: 401, headers: { "www-authenticate": one.challenge } })
          : new Response("ok");
      },
      ...options,
    }),
    async call(context) {
      const { url } = one.access;
      const { status } = await one.access.as(context).fetch(url, { method: "POST", body: "{}" });
      return { status, token: last };
    },
  };
  return one;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

const tokensOf = (accesses: readonly UserAccess[], context: UserContext): Promise<string[]> =>
  Promise.all(accesses.map(async (access) => (await access.token(context)).token));

describe("a hundred MCP servers of one app, audience and scope set", () => {
  it("cost one exchange and keep one token, one after the other and all at once", async () => {
    const one = app();
    const accesses = servers(100, () => [passthrough(), onBehalfOf(one)]);
    const [ada, grace] = [contextFor(), contextFor()];
    const given = new Set();
    for (const access of accesses) given.add(await access.token(ada));
    expect([posts.length, given.size]).toEqual([1, 1]);
    expect(new Set(await tokensOf(accesses, grace)).size).toBe(1);
    expect(posts).toHaveLength(2);
  });

  it("say who of them exchanged, and who waited for that", async () => {
    const seen: unknown[] = [];
    const onEvent = Object.assign(() => undefined, {
      around: async (_step: unknown, run: () => Promise<{ cache?: string }>) =>
        void seen.push((await run()).cache),
    });
    const one = app();
    const accesses = servers(3, () => [onBehalfOf(one)], { onEvent });
    const context = contextFor();
    await tokensOf(accesses, context);
    await until(() => seen.length === 3);
    expect(seen.sort()).toEqual(["exchange", "joined", "joined"]);
    await accesses[0]?.token(context);
    await until(() => seen.length === 4);
    expect(seen.at(-1)).toBe("hit");
  });

  it("renew it in the background once for all", async () => {
    let time = Date.now();
    const now = (): number => time;
    const one = app(agentApp, now);
    const accesses = servers(10, () => [onBehalfOf(one)], {
      now,
      random: (length) => new Uint8Array(length),
    });
    const context = contextFor({ exp: 4_000_000_000 });
    const { refreshAt = 0, token } = await (accesses[0] as UserAccess).token(context);
    time = refreshAt + 1;
    expect(new Set(await tokensOf(accesses, context))).toEqual(new Set([token]));
    await until(() => posts.length === 2);
    await until(async () => (await accesses[0]?.token(context))?.token !== token);
    const fresh = new Set(await tokensOf(accesses, context));
    expect([fresh.size, fresh.has(token), posts.length]).toEqual([1, false, 2]);
  });

  it("need none at a second replica, which finds one record for all of them in the store", async () => {
    const store = scriptedTokenStore();
    const sharedCache = { store, encryptionKeys: [new Uint8Array(randomBytes(32))] };
    const replica = (): UserAccess[] => {
      const one = app();
      return servers(100, () => [onBehalfOf(one)], { sharedCache });
    };
    const context = contextFor();
    const here = replica();
    const [token] = await tokensOf(here, context);
    for (const access of here) await access.close();
    expect(store.values.size).toBe(1);
    store.calls.length = 0;
    expect(new Set(await tokensOf(replica(), context))).toEqual(new Set([token]));
    expect(posts).toHaveLength(1);
    expect(store.calls).toHaveLength(2);
  });

  it("ask for consent each in its own name", async () => {
    answer = () =>
      Response.json(refusal("invalid_grant", 65_001, { suberror: "consent_required" }), { status: 400 });
    const link = Object.assign(() => ({ link: "https://login.example.com/consent" }), {
      kind: "user" as const,
      allowedOrigins: ["https://login.example.com"],
    });
    const options: OnBehalfOfOptions = { consentLink: link };
    const one = app();
    const accesses = servers(3, () => [onBehalfOf(one, options)]);
    const context = contextFor();
    const refusals = await Promise.all(
      accesses.map((access) => access.token(context).catch((error: unknown) => error)),
    );
    const labels = refusals.map((error) =>
      isConsentRequiredError(error) ? error.requests[0]?.serverLabel : error,
    );
    expect(labels).toEqual(["server 0", "server 1", "server 2"]);
  });

  it("are given no token that no header can carry", async () => {
    answer = (form) => Response.json(goodBody(form, { access_token: "a\nb" }));
    const one = app();
    const context = contextFor();
    for (const access of servers(3, () => [onBehalfOf(one)]))
      await expect(access.token(context)).rejects.toMatchObject({ code: "entra_bad_response" });
  });

  it("wait for nobody whose time is up", async () => {
    answer = async (form) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return Response.json(goodBody(form));
    };
    const one = app();
    const hasty = userAccess(resourceOf(0), [onBehalfOf(one)], { timeoutMs: 50 });
    const patient = userAccess(resourceOf(1), [onBehalfOf(one)]);
    const context = contextFor();
    const [first, second] = await Promise.allSettled([hasty.token(context), patient.token(context)]);
    expect(first).toMatchObject({ status: "rejected", reason: { code: "entra_timeout" } });
    expect([second.status, posts.length]).toEqual(["fulfilled", 1]);
  });

  it("end the exchange when nobody waits for it any more", async () => {
    let aborted = false;
    answer = (_form, signal) =>
      new Promise((_, reject) =>
        signal?.addEventListener("abort", () => {
          aborted = true;
          reject(signal.reason);
        }),
      );
    const one = app();
    const accesses = servers(2, () => [onBehalfOf(one)], { timeoutMs: 50 });
    const context = contextFor();
    const outcomes = await Promise.allSettled(accesses.map((access) => access.token(context)));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([aborted, posts.length]).toEqual([true, 1]);
  });
});

describe("what one server has taught", () => {
  it("stays there: it gets another token, and the others keep theirs", async () => {
    const one = app();
    const [first, second, third] = [0, 1, 2].map((n) => server(n, [onBehalfOf(one)])) as [
      Server,
      Server,
      Server,
    ];
    const context = contextFor();
    const { token } = await second.call(context);
    first.refused.add(token);
    const other = await first.call(context);
    expect([other.status, other.token === token, posts.length]).toEqual([200, false, 2]);
    expect((await first.call(context)).token).toBe(other.token);
    for (const one_ of [second, third]) expect((await one_.call(context)).token).toBe(token);
    // Who refuses the same token gets the same other one.
    third.refused.add(token);
    expect((await third.call(context)).token).toBe(other.token);
    expect((await second.call(context)).token).toBe(token);
    // And who refuses that, too, gets a third one, which the others do not notice.
    third.refused.add(other.token);
    expect((await third.call(context)).status).toBe(200);
    expect([(await first.call(context)).token, (await second.call(context)).token]).toEqual([
      other.token,
      token,
    ]);
    expect(posts).toHaveLength(3);
  });

  it("is forgotten with the token that it was about", async () => {
    let time = Date.now();
    const now = (): number => time;
    const one = app(agentApp, now);
    const [first, second] = [0, 1].map((n) => server(n, [onBehalfOf(one)], { now })) as [Server, Server];
    const context = contextFor({ exp: 4_000_000_000 });
    first.refused.add((await second.call(context)).token);
    await first.call(context);
    time += 3_600_000;
    const fresh = await second.call(context);
    expect((await first.call(context)).token).toBe(fresh.token);
    expect(posts).toHaveLength(3);
  });

  it("of claims stays there, and the token that meets them serves every server that wants the same", async () => {
    const one = app();
    const [first, second, third] = [0, 1, 2].map((n) => server(n, [onBehalfOf(one)])) as [
      Server,
      Server,
      Server,
    ];
    const context = contextFor();
    const { token } = await second.call(context);
    for (const demanding of [first, third]) {
      demanding.challenge = challengeFor(strong);
      demanding.refused.add(token);
    }
    const stronger = (await first.call(context)).token;
    expect(posts.at(-1)?.get("claims")).toContain("c1");
    expect((await first.call(context)).token).toBe(stronger);
    expect((await second.call(context)).token).toBe(token);
    expect((await third.call(context)).token).toBe(stronger);
    expect(posts).toHaveLength(2);
    const other = server(3, [onBehalfOf(one)]);
    other.challenge = challengeFor(strong.replace("c1", "c2"));
    other.refused.add(token);
    expect((await other.call(context)).token).not.toBe(stronger);
    expect(posts).toHaveLength(3);
  });

  it("is not what its standing stream is given: no token of other audiences, nor a stronger one of others", async () => {
    const one = app();
    const make = (n: number, more: object = {}): ReturnType<typeof acquirer> =>
      acquirer({
        resource: resourceOf(n, more),
        sources: [onBehalfOf(one)],
        timeoutMs: 1_000,
        now: Date.now,
        random: () => 0,
        onEvent: undefined,
      });
    const [wanted, same, elsewhere] = [make(0), make(1), make(2, { audiences: [agentApp] })];
    const context = contextFor();
    const { principalKey = "" } = context;
    await elsewhere.acquire(context);
    expect(wanted.cachedTokenOf(principalKey)).toBeUndefined();
    await same.acquire(context, { claims: strong });
    expect(wanted.cachedTokenOf(principalKey)).toBeUndefined();
    const plain = await wanted.acquire(context);
    expect(wanted.standingTokenOf(principalKey)).toBe(plain);
    expect(same.standingTokenOf(principalKey)).not.toBe(plain);
  });
});

describe("what is not shared between servers", () => {
  const sharesWith = async (
    first: readonly TokenSource[],
    second: readonly TokenSource[],
    more: object = {},
  ): Promise<boolean> => {
    const context = contextFor();
    const one = await userAccess(resourceOf(0), first).token(context);
    const other = await userAccess(resourceOf(1, more), second).token(context);
    return one.token === other.token;
  };

  it.each([
    ["other scopes", { scopes: [`api://${mcpApp}/read`] }],
    ["another audience", { audiences: [mcpApp, `api://${mcpApp}`] }],
    ["another trust", { sameTrust: true }],
  ])("tokens for a server with %s", async (_, more) => {
    const one = app();
    expect(await sharesWith([onBehalfOf(one)], [onBehalfOf(one)])).toBe(true);
    expect(await sharesWith([onBehalfOf(one)], [onBehalfOf(one)], more)).toBe(false);
  });

  it("tokens of another app, though it has the same client id", async () => {
    expect(await sharesWith([onBehalfOf(app())], [onBehalfOf(app())])).toBe(false);
  });

  it("tokens of a source that was changed, or is the developer's own", async () => {
    const one = app();
    const changed: TokenSource = { ...onBehalfOf(one) };
    expect(await sharesWith([onBehalfOf(one)], [changed])).toBe(false);
    expect(await sharesWith([changed], [changed])).toBe(false);
  });

  it("tokens of a source that others come before: they may give another token here", async () => {
    const one = app();
    const before: TokenSource = {
      ...onBehalfOf(one),
      kind: "own",
      acquire: async () => ({ status: "skipped", reason: "no_user", detail: "not here" }),
    };
    for (const cached of [true, false]) {
      const sources = (): TokenSource[] => [{ ...before, cached }, onBehalfOf(one)];
      expect(await sharesWith(sources(), sources())).toBe(false);
    }
    expect(await sharesWith([onBehalfOf(one), before], [onBehalfOf(one), before])).toBe(true);
  });

  it("tokens of agent identities of one blueprint", async () => {
    answer = (form) => {
      const body = goodBody(form);
      return Response.json(
        form.has("assertion")
          ? { ...body, id_token: goodBody(form)["id_token"] }
          : { ...body, id_token: undefined },
      );
    };
    const blueprint = app();
    const of = (n: number): TokenSource =>
      agentOnBehalfOf({ blueprint, agentIdentityId: `eeeeeeee-0000-4000-8000-00000000000${n}` });
    expect(await sharesWith([of(1)], [of(1)])).toBe(true);
    expect(await sharesWith([of(1)], [of(2)])).toBe(false);
  });

  it("the user token that passthrough() sends", async () => {
    const one = app();
    const context = contextFor({}, "resource");
    const accesses = servers(2, () => [passthrough(), onBehalfOf(one)]);
    const other = userAccess(resourceOf(9, { audiences: [agentApp] }), [passthrough(), onBehalfOf(one)]);
    expect((await tokensOf(accesses, context)).length).toBe(2);
    await expect(other.token(context)).rejects.toMatchObject({ code: "no_token" });
    expect(posts).toHaveLength(0);
  });
});

describe("forget()", () => {
  it("at one server ends what the user was given for all of them, what is under way included", async () => {
    const one = app();
    const accesses = servers(3, () => [onBehalfOf(one)]);
    const [first, second] = accesses as [UserAccess, UserAccess];
    const [context, grace] = [contextFor(), contextFor()];
    const old = await tokensOf(accesses, context);
    const hers = await tokensOf(accesses, grace);
    first.forget(context);
    expect(await tokensOf(accesses, context)).not.toContain(old[0]);
    expect(await tokensOf(accesses, grace)).toEqual(hers);
    let release = (): void => undefined;
    answer = async (form) => {
      await new Promise<void>((resolve) => (release = resolve));
      return Response.json(goodBody(form));
    };
    first.forget(context);
    const before = posts.length;
    const late = second.token(context);
    await until(() => posts.length > before);
    first.forget(context);
    answer = (form) => Response.json(goodBody(form));
    const fresh = await first.token(context);
    release();
    const { token } = await late;
    expect(token).not.toBe(fresh.token);
    expect(await tokensOf(accesses, context)).toEqual([fresh.token, fresh.token, fresh.token]);
  });

  it("at one replica ends the records of every server in the store", async () => {
    const store = scriptedTokenStore();
    const sharedCache = { store, encryptionKeys: [new Uint8Array(randomBytes(32))] };
    const replica = (n: number): UserAccess =>
      userAccess(resourceOf(n), [onBehalfOf(app())], { sharedCache });
    const context = contextFor();
    const first = replica(0);
    const { token } = await first.token(context);
    await first.close();
    const second = replica(1);
    expect((await second.token(context)).token).toBe(token);
    second.forget(context);
    await second.close();
    expect((await replica(2).token(context)).token).not.toBe(token);
  });

  it("leaves no token behind when the last access is closed", async () => {
    const one = app();
    const accesses = servers(2, () => [onBehalfOf(one)]);
    const context = contextFor();
    const [token] = await tokensOf(accesses, context);
    await accesses[0]?.close();
    expect((await accesses[1]?.token(context))?.token).toBe(token);
    await accesses[1]?.close();
    expect((await servers(1, () => [onBehalfOf(one)])[0]?.token(context))?.token).not.toBe(token);
  });
});

it("a server that refuses every token fills nothing that is everybody's", () => {
  const home = tokenHomeOf({}, { now: Date.now, random: Math.random, clocks: clocksOf(Date.now) });
  const leave = home.enter({});
  const keys = serverKeys(home.cache, (who) => `${who} `);
  const tokenAt = (n: number) => ({
    token: `token ${n}`,
    expiresAt: Date.now() + 3_600_000,
    source: "on_behalf_of",
  });
  for (let n = 0; n < 50; n += 1) {
    home.keep(keys.of("Ada contacts"), "Ada", tokenAt(n));
    home.keep("Ada mail", "Ada", { ...tokenAt(n), token: "another" });
    keys.refused("Ada", `token ${n}`);
  }
  expect(home.cache.get("Ada contacts")?.token.token).toBe("token 0");
  expect(home.cache.get("Ada mail")?.token.token).toBe("another");
  expect(home.cache.size).toBeLessThanOrEqual(2 + 4);
  leave();
});

it("a server is not sent the token that it has refused when that is read from the store again", () => {
  const home = tokenHomeOf({}, { now: Date.now, random: Math.random, clocks: clocksOf(Date.now) });
  const leave = home.enter({});
  const keys = serverKeys(home.cache, (who) => `${who} `);
  const tokenOf = (text: string) => ({
    token: text,
    expiresAt: Date.now() + 3_600_000,
    source: "on_behalf_of",
  });
  home.keep("Ada contacts", "Ada", tokenOf("refused"));
  keys.refused("Ada", "refused");
  home.keep("Ada contacts", "Ada", tokenOf("refused"));
  expect(keys.of("Ada contacts")).not.toBe("Ada contacts");
  home.keep("Ada contacts", "Ada", tokenOf("another"));
  expect(keys.of("Ada contacts")).toBe("Ada contacts");
  leave();
});

/** What can happen to two people at three servers of one app. */
const happening = fc.record({
  what: fc.constantFrom(
    ...(["call", "call", "call", "refuse", "refuse", "demand", "content", "forget", "later"] as const),
  ),
  who: fc.integer({ min: 0, max: 3 }),
  where: fc.integer({ min: 0, max: 2 }),
});

it("nobody gets another's token, nor a server one that it has refused or another one has asked for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (list) => {
      let time = Date.now();
      const now = (): number => time;
      const one = app(agentApp, now);
      const all = [0, 1, 2].map((n) => server(n, [onBehalfOf(one)], { now }));
      const oids = ["dddddddd-0000-4000-8000-000000000001", "dddddddd-0000-4000-8000-000000000002"];
      const contexts = [0, 1, 2, 3].map((n) =>
        contextFor({ oid: oids[n % 2], uti: String(n), exp: 4_000_000_000 }),
      );
      const asked = new Map<string, { readonly uti: unknown; readonly claims: string }>();
      answer = (form) => {
        const body = goodBody(form);
        const uti = decodeClaims(form.get("assertion") ?? "")?.["uti"];
        asked.set(String(body["access_token"]), { uti, claims: form.get("claims") ?? "" });
        return Response.json(body);
      };
      const demands = new Set<number>();
      for (const { what, who, where } of list) {
        const [at, context] = [all[where] as Server, contexts[who] as UserContext];
        if (what === "later") time += 1_500_000;
        if (what === "forget") at.access.forget(context);
        if (what === "content") at.challenge = 'Bearer error="invalid_token"';
        if (what === "demand") [at.challenge] = [challengeFor(strong), demands.add(where)];
        if (what === "refuse" || what === "demand") {
          const before = await at.access.token(context).catch(() => undefined);
          if (before !== undefined) at.refused.add(before.token);
        }
        // A server that refuses too often is not asked for more: that is no fault.
        const { status, token } = await at.call(context).catch(() => ({ status: 0, token: "" }));
        if (status !== 200) continue;
        expect(asked.get(token)?.uti).toBe(String(who));
        expect(at.refused.has(token)).toBe(false);
        if (!demands.has(where)) expect(asked.get(token)?.claims).not.toContain("c1");
      }
    }),
    { numRuns: 150 },
  );
});
