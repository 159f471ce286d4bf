import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { UserContext } from "hosted-agent-identity";
import { ImmutableResponse } from "../../support/immutable-response.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { authorizeUrlOf, person, textOf, titleOf } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let store: ScriptedStore;

beforeAll(async () => {
  world = await signInWorld();
  store = scriptedStore();
  site = await signInSite(world, { store });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => {
  store.values.clear();
  store.before(undefined);
});

/** Ada, with the user name her token shows. */
async function ada(): Promise<UserContext> {
  const context = await contextOf(world, "Ada");
  const { upn: username } = world.entra.user("Ada");
  return new UserContext({
    principal: context.principal,
    user: { ...(context.user ?? { tid: "", oid: "" }), username },
    platform: context.platform,
    clientHeaders: {},
    trace: {},
  });
}

const linkFor = async (context: UserContext): Promise<string> =>
  (await site.signIn.link(context, world.contacts)).link;
const get = (url: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { redirect: "manual", ...init });

describe("the link page", () => {
  it("names the agent, the resource and the time of asking, and masks the account", async () => {
    const page = await person(world.entra, "Ada").open(await linkFor(await ada()));
    const { upn } = world.entra.user("Ada");
    expect(titleOf(page)).toBe("Sign in for Contacts agent");
    const text = textOf(page);
    for (const shown of ["contacts", "contacts.example.com", "now", "UTC", "a•••@c•••.com"])
      expect(text).toContain(shown);
    expect(page.html).not.toContain(upn);
    expect(page.html).not.toContain(world.entra.user("Ada").oid);
  });

  it("shows the account once the same one has signed in in this browser, and to nobody else", async () => {
    const { upn } = world.entra.user("Ada");
    const [browser, other] = [person(world.entra, "Ada"), person(world.entra, "Bob")];
    await browser.signIn(await linkFor(await ada()));
    await other.signIn(await linkFor(await contextOf(world, "Bob")));
    const link = await linkFor(await ada());
    expect(textOf(await browser.open(link))).toContain(upn);
    expect(textOf(await other.open(link))).not.toContain(upn);
  });

  it("does nothing until its button is pressed: fetching a link ahead is harmless", async () => {
    const link = await linkFor(await ada());
    store.steps.length = 0;
    const before = world.entra.requests.length;
    for (const method of ["GET", "HEAD", "GET"]) expect((await get(link, { method })).status).toBe(200);
    expect(new Set(store.steps)).toEqual(new Set(["get"]));
    expect(store.values.size).toBe(0);
    expect(world.entra.requests.length).toBe(before);
    expect(titleOf(await person(world.entra, "Ada").signIn(link))).toBe("You are signed in");
  });

  it("sends the person to Entra with PKCE, state and nonce, and hints at the account", async () => {
    const url = await authorizeUrlOf(person(world.entra, "Ada"), await linkFor(await ada()));
    const contoso = world.entra.tenants[0]?.id;
    expect(url.origin + url.pathname).toBe(`${world.entra.origin}/${contoso}/oauth2/v2.0/authorize`);
    const { state = "", nonce = "", code_challenge = "", ...rest } = Object.fromEntries(url.searchParams);
    expect(rest).toEqual({
      client_id: world.entra.app("agent").clientId,
      response_type: "code",
      response_mode: "query",
      redirect_uri: `${site.publicUrl}/callback`,
      scope: `${world.contacts.scopes.join(" ")} openid profile offline_access`,
      code_challenge_method: "S256",
      login_hint: world.entra.user("Ada").upn,
    });
    expect(code_challenge).toMatch(/^[\w-]{43}$/);
    expect(nonce.length).toBeGreaterThanOrEqual(22);
    expect(state.length).toBeLessThan(600);
    const again = await authorizeUrlOf(person(world.entra, "Ada"), await linkFor(await ada()));
    for (const name of ["state", "nonce", "code_challenge"])
      expect(again.searchParams.get(name)).not.toBe(url.searchParams.get(name));
  });

  it("asks for the account where none is known", async () => {
    const url = await authorizeUrlOf(person(world.entra, "Ada"), await linkFor(platformContext("who")));
    expect([url.searchParams.get("prompt"), url.searchParams.get("login_hint")]).toEqual([
      "select_account",
      null,
    ]);
  });

  it("builds addresses from publicUrl, whatever host a request claims, on every step of the way", async () => {
    const link = await linkFor(await ada());
    const claims = {
      "x-forwarded-host": "evil.example.com",
      "x-forwarded-proto": "http",
      "x-forwarded-prefix": "/evil",
      forwarded: "host=evil.example.com;proto=http",
      "x-original-url": "/evil",
      "x-rewrite-url": "/evil",
    };
    const send = async (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) => {
      const url = new URL(path.startsWith("http") ? path : site.publicUrl + path);
      url.host = "evil.example.com";
      const headers = { host: "evil.example.com", ...claims, ...init.headers };
      const response = await site.signIn.handler(new Request(url, { ...init, headers }));
      const html = await response.text();
      expect(html + [...response.headers].join(" ")).not.toContain("evil");
      return { response, html };
    };
    const { response, html } = await send(link);
    expect(html).toContain(`action="${site.publicUrl}/start"`);
    const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
    const f = /name="f" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const body = new URLSearchParams({ t: new URL(link).searchParams.get("t") ?? "", f });
    const clicked = await send("/start", { method: "POST", body, headers: { cookie } });
    const authorize = new URL(clicked.response.headers.get("location") ?? "");
    expect(authorize.searchParams.get("redirect_uri")).toBe(`${site.publicUrl}/callback`);
    const back = `/callback?error=access_denied&state=${authorize.searchParams.get("state")}`;
    const attempt = clicked.response.headers.get("set-cookie")?.split(";")[0] ?? "";
    const outcome = await send(back, { headers: { cookie: `${cookie}; ${attempt}` } });
    const done = outcome.response.headers.get("location") ?? "";
    expect(done.startsWith(`${site.publicUrl}/done?r=`)).toBe(true);
    const page = await send(done, { headers: { cookie } });
    expect(page.html).toContain(`href="${site.publicUrl}/start?t=`);
    const connections = await send("/connections", { headers: { cookie } });
    expect(connections.html).toContain(`action="${site.publicUrl}/connections/sign-in"`);
    await send("/nothing");
  });

  it("takes a click only from the page it gave to this browser", async () => {
    const link = await linkFor(await ada());
    const ticket = new URL(link).searchParams.get("t") ?? "";
    const page = await get(link);
    const cookie = page.headers.get("set-cookie")?.split(";")[0] ?? "";
    const token = /name="f" value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
    const other = (await get(link)).headers.get("set-cookie")?.split(";")[0] ?? "";
    const post = (fields: Record<string, string>, headers: Record<string, string>) =>
      get(`${site.publicUrl}/start`, { method: "POST", headers, body: new URLSearchParams(fields) });
    expect((await post({ t: ticket, f: token }, {})).status).toBe(403);
    expect((await post({ t: ticket, f: token }, { cookie: other })).status).toBe(409);
    expect((await post({ t: ticket }, { cookie })).status).toBe(409);
    expect((await post({ f: token }, { cookie })).status).toBe(400);
    expect(store.values.size).toBe(0);
    expect((await post({ t: ticket, f: token }, { cookie })).status).toBe(303);
  });

  it("reads no form that is too large or of another type", async () => {
    const body = new URLSearchParams({ t: "x".repeat(40_000) });
    expect((await get(`${site.publicUrl}/start`, { method: "POST", body })).status).toBe(400);
    const json = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    expect((await get(`${site.publicUrl}/start`, json)).status).toBe(400);
  });
});

describe("every page", () => {
  it("is kept nowhere, framed by nobody, loads nothing and runs no script", async () => {
    const link = await linkFor(await ada());
    const down: RequestInit = {
      method: "POST",
      body: new URLSearchParams({ t: new URL(link).searchParams.get("t") ?? "" }),
    };
    const cases: [string, RequestInit?, number?][] = [
      [link, {}, 200],
      ["/start", {}, 400],
      ["/start", { method: "POST" }, 400],
      ["/start", { method: "PUT" }, 405],
      ["/start", down, 503],
      ["/callback?state=x", {}, 303],
      ["/done?r=x", {}, 400],
      ["/status", { method: "POST" }, 400],
      ["/connections", {}, 200],
      ["/connections/end", { method: "POST" }, 403],
      ["/nothing", {}, 404],
    ];
    for (const [url, init, status] of cases) {
      store.before(() => {
        if (init === down) throw new Error("down");
      });
      const response = await get(url.startsWith("/") ? site.publicUrl + url : url, init);
      expect([url, response.status]).toEqual([url, status]);
      const { headers } = response;
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      });
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(policy).not.toContain("script");
      const html = await response.text();
      expect(html).not.toMatch(/<script|onclick|javascript:/i);
      if (html === "" || headers.get("content-type") === "application/json") continue;
      const style = /<style>([^]*)<\/style>/.exec(html)?.[1] ?? "";
      expect(policy).toContain(`'sha256-${createHash("sha256").update(style).digest("base64")}'`);
    }
  });

  it("has a __Host- cookie over https, which scripts cannot read", async () => {
    const secure = site.twin({ publicUrl: "https://agent.example.com/sign-in/" });
    const { link } = await secure.link(await ada(), world.contacts);
    expect(new URL(link).origin + new URL(link).pathname).toBe("https://agent.example.com/sign-in/start");
    const response = await secure.handler(new Request(link));
    expect(response.headers.get("set-cookie")).toMatch(
      /^__Host-hosted-agent-sign-in=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
    const local = await get(await linkFor(await ada()));
    expect(local.headers.get("set-cookie")).toMatch(
      /^hosted-agent-sign-in-\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/,
    );
  });

  it("takes the methods it knows; a HEAD does not use a code up", async () => {
    for (const [path, method, allow] of [
      ["/callback?state=x", "HEAD", "GET"],
      ["/start", "PUT", "GET, HEAD, POST"],
      ["/connections/end", "GET", "POST"],
    ] as const) {
      const response = await get(site.publicUrl + path, { method });
      expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
    }
    expect((await get(`${site.publicUrl}/__proto__`)).status).toBe(404);
    expect((await get(`${site.publicUrl}/constructor`)).status).toBe(404);
  });

  it("says which methods it takes also where nobody can change the headers of a Response", async () => {
    vi.stubGlobal("Response", ImmutableResponse);
    const response = await site.signIn.handler(new Request(`${site.publicUrl}/start`, { method: "PUT" }));
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
  });

  it("writes labels and names as text", async () => {
    const named = site.twin({ agentName: `<img src=x onerror="alert(1)">` });
    const { link } = await named.link(await ada(), world.contacts);
    const html = await (await named.handler(new Request(link))).text();
    expect(html).not.toContain("<img");
    expect(html).toContain("&#60;img src=x onerror=&#34;alert(1)&#34;&#62;");
  });

  it("that says what happened is of the browser where it happened", async () => {
    const browser = person(world.entra, "Ada");
    const page = await browser.signIn(await linkFor(await ada()));
    expect(titleOf(await browser.open(page.url.href))).toBe("You are signed in");
    expect(titleOf(await person(world.entra, "Bob").open(page.url.href))).toBe("This link does not work");
    expect(titleOf(await browser.open(`${site.publicUrl}/done?r=x&r=y`))).toBe("This link does not work");
  });
});
