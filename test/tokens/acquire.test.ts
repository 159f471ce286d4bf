import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  clientSecret,
  entraApp,
  type IdentityEvent,
  isConsentRequiredError,
  isNoTokenError,
  isUserTokenError,
  onBehalfOf,
  type OnBehalfOfOptions,
  passthrough,
  protectedResource,
  runWithUserContext,
  type TokenSource,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
} from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { agentApp, contextFor, contextWithoutToken, leaks, mcpApp, tenant } from "../support/people.js";
import { goodBody, json, refusal, tokenEndpoint, type TokenEndpoint } from "../support/token-endpoint.js";

let entra: TokenEndpoint;
let time: number;
const events: IdentityEvent[] = [];
const now = (): number => time;

beforeEach(async () => {
  entra = await tokenEndpoint();
  time = Date.now();
  events.length = 0;
});
afterEach(() => entra.close());

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/access_as_user`],
  audiences: [mcpApp, `api://${mcpApp}`],
});

function obo(options: OnBehalfOfOptions = {}, fetchSeen?: () => void): TokenSource {
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("not-a-real-secret"),
    cloud: { loginEndpoint: entra.origin },
    now,
    fetch: (input, init) => {
      fetchSeen?.();
      return fetch(input, init);
    },
  });
  return onBehalfOf(app, options);
}

function access(sources: readonly TokenSource[] = [obo()], options: UserAccessOptions = {}): UserAccess {
  return userAccess(resource, sources, {
    now,
    random: (length) => new Uint8Array(length),
    onEvent: (event) => void events.push(event),
    ...options,
  });
}

const consentLink = Object.assign(
  () => ({ link: "https://login.example.com/consent?state=hidden-state-value" }),
  {
    kind: "user" as const,
    allowedOrigins: ["https://login.example.com"],
  },
);

async function failure(work: Promise<unknown>): Promise<{ code?: string; message: string }> {
  return work.then(
    () => ({ message: "expected a refusal" }),
    (cause: { code?: string; message: string }) => cause,
  );
}

describe("acquiring a token for a user", () => {
  it("exchanges once and serves the same token until it is old", async () => {
    const contacts = access();
    const context = contextFor();
    const first = await contacts.token(context);
    expect(await contacts.token(context)).toBe(first);
    expect(entra.forms).toHaveLength(1);
    expect(first.source).toBe("on_behalf_of");
  });

  it("never serves one user's token to another", async () => {
    const contacts = access();
    const [ada, grace] = [contextFor(), contextFor()];
    const tokens = await Promise.all([contacts.token(ada), contacts.token(grace), contacts.token(ada)]);
    expect(tokens[0]?.token).not.toBe(tokens[1]?.token);
    expect(tokens[0]?.token).toBe(tokens[2]?.token);
    expect(entra.forms).toHaveLength(2);
  });

  it("keeps several live user tokens of one person apart, and lets neither evict the other", async () => {
    const contacts = access();
    const oid = "dddddddd-0000-4000-8000-000000000004";
    const [tab, phone] = [contextFor({ oid, uti: "tab" }), contextFor({ oid, uti: "phone" })];
    for (let round = 0; round < 3; round += 1) {
      await contacts.token(tab);
      await contacts.token(phone);
    }
    expect(entra.forms).toHaveLength(2);
  });

  it("makes one exchange for a thousand concurrent first calls of one user", async () => {
    const contacts = access();
    const context = contextFor();
    const tokens = await Promise.all(Array.from({ length: 1_000 }, () => contacts.token(context)));
    expect(new Set(tokens).size).toBe(1);
    expect(entra.forms).toHaveLength(1);
  });

  it("never answers a request for more with an exchange that asks for less", async () => {
    const bodies: (() => void)[] = [];
    entra.answer((form, response) => void bodies.push(() => json(response, 200, goodBody(form))));
    const contacts = access();
    const context = contextFor();
    const plain = contacts.token(context);
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const strong = contacts.tokenCredential(context).getToken(resource.scopes[0] ?? "", { claims });
    await until(() => bodies.length === 2);
    for (const send of bodies) send();
    expect((await strong).token).not.toBe((await plain).token);
    expect(entra.forms.map((form) => form.get("claims"))).toContainEqual(expect.stringContaining("acrs"));
  });

  it("lets an aborting caller leave without cancelling the others", async () => {
    let release = (): void => {};
    entra.answer(async (form, response) => {
      await new Promise<void>((resolve) => (release = resolve));
      json(response, 200, goodBody(form));
    });
    const contacts = access();
    const context = contextFor();
    const controller = new AbortController();
    const leaving = contacts.token(context, { signal: controller.signal });
    const staying = contacts.token(context);
    await until(() => entra.forms.length === 1);
    controller.abort(new Error("the first caller left"));
    await expect(leaving).rejects.toThrow("the first caller left");
    release();
    expect((await staying).token).toMatch(/^ey/);
    expect(entra.forms).toHaveLength(1);
  });

  it("refreshes early in the background, serving the old token meanwhile", async () => {
    const contacts = access();
    const context = contextFor({ exp: Math.floor(time / 1000) + 90_000 });
    const first = await contacts.token(context);
    time += 3_000_000;
    expect(await contacts.token(context)).toBe(first);
    await until(() => entra.forms.length === 2);
    await until(() => events.filter(({ type }) => type === "token_acquired").length === 2);
    expect((await contacts.token(context)).token).not.toBe(first.token);
    expect(entra.forms).toHaveLength(2);
  });

  it("does not serve a token in its last half minute", async () => {
    const contacts = access();
    const context = contextFor({ exp: Math.floor(time / 1000) + 90_000 });
    const first = await contacts.token(context);
    time = first.expiresAt - 20_000;
    expect((await contacts.token(context)).token).not.toBe(first.token);
  });

  it("holds no more entries than allowed, dropping the least recently used", async () => {
    const contacts = access([obo()], { cache: { maxEntries: 2 } });
    const [a, b, c] = [contextFor(), contextFor(), contextFor()];
    await contacts.token(a);
    await contacts.token(b);
    await contacts.token(a);
    await contacts.token(c);
    await contacts.token(a);
    expect(entra.forms).toHaveLength(3);
    await contacts.token(b);
    expect(entra.forms).toHaveLength(4);
  });

  it("talks to Entra with no user context at hand", async () => {
    const seen: unknown[] = [];
    const contacts = access([obo({}, () => seen.push(tryGetUserContext()))]);
    await runWithUserContext(contextFor(), () => contacts.token());
    expect(seen).toEqual([undefined]);
  });

  it("refuses after the turn has ended, even when the answer comes late", async () => {
    const contacts = access();
    const context = contextFor();
    await contacts.token(context);
    context.end();
    expect((await failure(contacts.token(context))).code).toBe("context_ended");

    const late = contextFor();
    const work = contacts.token(late);
    late.end();
    expect((await failure(work)).code).toBe("context_ended");
  });

  it("refuses after close", async () => {
    const contacts = access();
    await contacts.close();
    expect((await failure(contacts.token(contextFor()))).code).toBe("closed");
  });
});

describe("what Entra refuses", () => {
  it("turns missing consent into a link, records it in the context, and shows the link in no text", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const contacts = access([obo({ consentLink })]);
    const context = contextFor();
    const error = await contacts.token(context).catch((cause: unknown) => cause);
    if (!isConsentRequiredError(error)) throw error;
    expect(error.requests[0]?.link).toContain("hidden-state-value");
    expect(context.consentRequests).toHaveLength(1);
    const shown =
      JSON.stringify([error, context, { ...context }, { ...error }]) +
      inspect([error, context], { depth: 9, showHidden: true });
    expect(shown).not.toContain("hidden-state-value");
  });

  it.each([
    ["a foreign origin", "https://login.evil.example/consent"],
    ["a script", "javascript:alert(1)"],
    ["user information", "https://login.example.com@evil.example/"],
  ])("shows nobody a link with %s", async (_what, link) => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const hostile = Object.assign(() => ({ link }), {
      kind: "user" as const,
      allowedOrigins: ["https://login.example.com"],
    });
    const context = contextFor();
    expect(await failure(access([obo({ consentLink: hostile })]).token(context))).toMatchObject({
      code: "consent_link_refused",
    });
    expect(context.consentRequests).toEqual([]);
  });

  it("takes a consent link to lead to the app's own login host when nothing else is said", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const link = (origin: string) =>
      Object.assign(() => ({ link: `${origin}/consent` }), { kind: "user" as const });
    expect(
      await failure(access([obo({ consentLink: link(entra.origin) })]).token(contextFor())),
    ).toMatchObject({ code: "consent_required" });
    expect(
      await failure(access([obo({ consentLink: link("https://elsewhere.example") })]).token(contextFor())),
    ).toMatchObject({
      code: "consent_link_refused",
    });
  });

  it("asks for consent once in a turn, and anew in the next", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const contacts = access([obo({ consentLink })]);
    const oid = "dddddddd-0000-4000-8000-000000000005";
    const turn = contextFor({ oid });
    await failure(contacts.token(turn));
    await failure(contacts.token(turn));
    expect(entra.forms).toHaveLength(1);
    entra.answer((form, response) => json(response, 200, goodBody(form)));
    expect((await contacts.token(contextFor({ oid }))).token).toMatch(/^ey/);
  });

  it("calls missing consent without a link a configuration error", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const missing = await failure(access().token(contextFor()));
    expect([missing.code, missing.message]).toEqual([
      "consent_link_missing",
      expect.stringContaining("AADSTS65001: "),
    ]);
  });

  it("asks a later source after a refusal the user can end, and takes its silent answer", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_grant", 65001)));
    const grant = silent("a-grant");
    const token = await access([obo({ consentLink }), grant]).token(contextFor());
    expect(token.source).toBe("silent");
  });

  it.each([
    ["blocked", refusal("invalid_grant", 53003, { suberror: "message_only" })],
    ["admin", refusal("invalid_grant", 50105)],
    ["config", refusal("invalid_scope", 70011)],
    ["cred", refusal("invalid_client", 7000215)],
  ])("asks no later source after a %s refusal", async (category, body) => {
    entra.answer((_form, response) => json(response, category === "cred" ? 401 : 400, body));
    const error = await failure(access([obo(), silent("never")]).token(contextFor()));
    expect(error).toMatchObject({ category });
  });

  it("remembers a configuration error for seconds only", async () => {
    entra.answer((_form, response) => json(response, 400, refusal("invalid_scope", 70011)));
    const contacts = access();
    const context = contextFor();
    await failure(contacts.token(context));
    await failure(contacts.token(context));
    expect(entra.forms).toHaveLength(1);
    time += 6_000;
    await failure(contacts.token(context));
    expect(entra.forms).toHaveLength(2);
  });

  it("backs off for the throttled user, and for nobody else", async () => {
    const [ada, grace] = [contextFor(), contextFor()];
    const adas = internalsOf(ada).assertion?.token;
    entra.answer((form, response) =>
      form.get("assertion") === adas
        ? json(response, 429, refusal("temporarily_unavailable", 90055), { "retry-after": "30" })
        : json(response, 200, goodBody(form)),
    );
    const contacts = access();
    expect(await failure(contacts.token(ada))).toMatchObject({ category: "throttle" });
    expect(await failure(contacts.token(ada))).toMatchObject({ code: "backing_off", retryAfterMs: 30_000 });
    expect((await contacts.token(grace)).token).toMatch(/^ey/);
    expect(entra.forms).toHaveLength(2);
    time += 31_000;
    entra.answer((form, response) => json(response, 200, goodBody(form)));
    expect((await contacts.token(ada)).token).toMatch(/^ey/);
  });

  it("backs off for the whole tenant after several users at once, then sends one probe", async () => {
    entra.answer((_form, response) => json(response, 429, refusal("temporarily_unavailable", 90055)));
    const contacts = access();
    for (let n = 0; n < 5; n += 1) await failure(contacts.token(contextFor()));
    expect(await failure(contacts.token(contextFor()))).toMatchObject({ code: "backing_off" });
    expect(entra.forms).toHaveLength(5);
    time += 1_000;
    entra.answer((form, response) => json(response, 200, goodBody(form)));
    const [probe, other] = await Promise.all([
      failure(contacts.token(contextFor())),
      failure(contacts.token(contextFor())),
    ]);
    expect(probe.message).toBe("expected a refusal");
    expect(other.code).toBe("backing_off");
    expect((await contacts.token(contextFor())).token).toMatch(/^ey/);
  });

  it("stops one person for five minutes when Entra sees a loop, and nobody else", async () => {
    entra.answer((form, response) =>
      entra.forms.length === 1
        ? json(response, 400, refusal("invalid_grant", 50196))
        : json(response, 200, goodBody(form)),
    );
    const contacts = access();
    const ada = contextFor();
    await failure(contacts.token(ada));
    expect(await failure(contacts.token(ada))).toMatchObject({ code: "backing_off", retryAfterMs: 300_000 });
    expect((await contacts.token(contextFor())).token).toMatch(/^ey/);
    expect(entra.forms).toHaveLength(2);
  });

  it("hands out nothing when two answers were swapped", async () => {
    const bodies: { form: URLSearchParams; send: (body: unknown) => void }[] = [];
    entra.answer((form, response) => {
      bodies.push({ form, send: (body) => json(response, 200, body) });
      if (bodies.length < 2) return;
      const [first, second] = bodies;
      first?.send(goodBody(second?.form ?? form));
      second?.send(goodBody(first?.form ?? form));
    });
    const contacts = access();
    const results = await Promise.all([
      failure(contacts.token(contextFor())),
      failure(contacts.token(contextFor())),
    ]);
    expect(results.map(({ code }) => code)).toEqual(["wrong_user", "wrong_user"]);
  });
});

describe("the checks before any network call", () => {
  it.each([
    [
      "another application's audience",
      { aud: "https://ai.azure.com" },
      "wrong_audience",
      ["https://ai.azure.com", agentApp],
    ],
    ["an expired user token", { exp: 1_000_000 }, "expired", ["1970-01-12"]],
    [
      "an application's token",
      { idtyp: "app", azp: mcpApp, scp: undefined, roles: ["x"] },
      "app_only",
      ["person"],
    ],
    ["a token without scopes", { scp: undefined }, "no_delegated_scope", ["scp"]],
  ])("name what is wrong with %s and what to change", async (_what, claims, reason, words) => {
    const error = await access([passthrough(), obo()])
      .token(contextFor(claims))
      .catch((cause: unknown) => cause);
    // With an expired token only a new sign-in helps, so the caller is told that.
    const skips = reason === "expired" && isUserTokenError(error) ? error.cause : error;
    if (reason === "expired")
      expect(error).toMatchObject({ code: "user_token_expired", category: "signin", status: 401 });
    if (!isNoTokenError(skips)) throw error;
    const skip = skips.skipped.find(({ source }) => source === "on_behalf_of");
    expect(skip?.reason).toBe(reason);
    for (const word of words) expect(skip?.detail).toContain(word);
    expect(entra.forms).toHaveLength(0);
  });

  it("give nobody a token: not the agent's own, not one of the cache", async () => {
    const contacts = access([passthrough(), obo()]);
    await contacts.token(contextFor());
    const error = await contacts.token(contextWithoutToken()).catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(error.skipped.map(({ reason }) => reason)).toEqual(["no_user_token", "no_user_token"]);
    expect((await failure(contacts.token())).code).toBe("no_user_context");
  });

  it("let a token of the server's own audience through passthrough only", async () => {
    const mine = contextFor({ aud: mcpApp }, "resource");
    const contacts = access([passthrough(), obo()]);
    expect((await contacts.token(mine)).token).toBe(internalsOf(mine).assertion?.token);
    expect(entra.forms).toHaveLength(0);
    const error = await access([obo()])
      .token(mine)
      .catch((cause: unknown) => cause);
    expect(isNoTokenError(error)).toBe(true);
    expect(entra.forms).toHaveLength(0);
  });

  it("refuse a token of server B that is replayed to reach server C", async () => {
    const forB = contextFor({ aud: "eeeeeeee-0000-4000-8000-000000000006" }, "resource");
    const error = await access([passthrough(), obo()])
      .token(forB)
      .catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(error.skipped.map(({ reason }) => reason)).toEqual(["wrong_audience", "wrong_audience"]);
    expect(entra.forms).toHaveLength(0);
  });

  it("ask no source for a resource that the user token is not for, whatever the source says", async () => {
    const forB = contextFor({ aud: "eeeeeeee-0000-4000-8000-000000000006" }, "resource");
    const contacts = access([silent("of the agent's own making")]);
    expect((await contacts.token(contextFor({ aud: mcpApp }, "resource"))).token).toContain("own making");
    const error = await contacts.token(forB).catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(error.skipped).toMatchObject([{ source: "silent", reason: "wrong_audience" }]);
    expect(contacts.explain(forB).sources).toMatchObject([{ source: "silent", applies: false }]);
  });

  it("keep a token for this agent from a resource that shares its audience, unless both are of the same trust", async () => {
    const shared = { ...resource, audiences: [agentApp] };
    const context = contextFor();
    const error = await userAccess(protectedResource(shared), [passthrough()])
      .token(context)
      .catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(error.skipped).toMatchObject([
      { reason: "wrong_audience", detail: expect.stringContaining("sameTrust") as string },
    ]);
    const trusted = userAccess(protectedResource({ ...shared, sameTrust: true }), [passthrough()]);
    expect((await trusted.token(context)).token).toBe(internalsOf(context).assertion?.token);
    const otherSpelling = contextFor({ aud: `api://${agentApp}` });
    expect(isNoTokenError(await trusted.token(otherSpelling).catch((cause: unknown) => cause))).toBe(true);
  });

  it("are what explain() tells, without asking anybody", () => {
    const contacts = access([passthrough(), obo()]);
    const context = contextFor();
    const told = contacts.explain(context);
    expect(told.sources).toMatchObject([
      { source: "passthrough", applies: false, provesUser: true },
      { source: "on_behalf_of", applies: true, provesUser: true },
    ]);
    expect(contacts.explain().principal).toBeUndefined();
    expect(leaks(JSON.stringify(told), internalsOf(context).assertion?.token ?? "")).toBe(false);
    expect(entra.forms).toHaveLength(0);
  });
});

function silent(token: string): TokenSource {
  return {
    kind: "silent",
    provesUser: true,
    cacheScope: "",
    usesAssertion: false,
    cached: false,
    skip: () => undefined,
    acquire: async () => ({
      status: "token",
      token: { token, expiresAt: time + 1_000_000, source: "silent" },
    }),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
