import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, protectedResource, userAccess } from "hosted-agent-identity";
import type { SignIn } from "hosted-agent-identity/sign-in";
import { formsOf } from "../../../examples/chat/visitor.js";
import { maxIndexBytes } from "../../../src/sign-in/grants/account-index.js";
import { signInAs } from "../../testing/visitor.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { authorizeUrlOf, callbackUrlOf, person, titleOf, type Person } from "../support/person.js";
import { platformUser, replica } from "../support/replica.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let store: ScriptedStore;
let time = Date.now();
const now = (): number => time;

beforeAll(async () => {
  world = await signInWorld({ now });
  store = scriptedStore();
  site = await signInSite(world, { now, store });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => {
  time = Date.now();
  store.values.clear();
  store.steps.length = 0;
});

const linkFor = async (user: string): Promise<string> =>
  (await site.signIn.link(await contextOf(world, user), world.contacts)).link;
const ada = (): Person => person(world.entra, "Ada");
const names = (): string[] => [...store.values.keys()].filter((key) => !key.startsWith("names:"));
const writes = (): string[] => store.steps.filter((step) => step !== "get");

/** One request to a service, with these cookies; what it sets is put among them. */
async function ask(
  signIn: SignIn,
  url: string,
  cookies: Map<string, string>,
  body?: Record<string, string>,
): Promise<{ response: Response; html: string }> {
  const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
  const response = await signIn.handler(
    new Request(url, {
      headers: { cookie, "content-type": "application/x-www-form-urlencoded" },
      ...(body === undefined ? {} : { method: "POST", body: new URLSearchParams(body).toString() }),
    }),
  );
  for (const set of response.headers.getSetCookie()) {
    const [pair = ""] = set.split(";");
    cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
  }
  return { response, html: await response.text() };
}

describe("whoever has not signed in", () => {
  it("makes the store keep nothing, however often they press, come back and make codes up", async () => {
    const cookies = new Map<string, string>();
    const { html } = await ask(site.signIn, `${site.publicUrl}/connections`, cookies);
    const f = formsOf(html)[0]?.fields["f"] ?? "";
    const { link } = await site.signIn.link(platformContext("somebody"), world.contacts);
    const start = await ask(site.signIn, link, cookies);
    const fields = formsOf(start.html)[0]?.fields ?? {};
    for (let n = 0; n < 20; n += 1) {
      const pressed = [
        await ask(site.signIn, `${site.publicUrl}/connections/sign-in`, cookies, { f }),
        await ask(site.signIn, `${site.publicUrl}/start`, cookies, { ...fields }),
      ];
      for (const { response } of pressed) {
        expect(response.status).toBe(303);
        const state = new URL(response.headers.get("location") ?? "").searchParams.get("state") ?? "";
        for (const answer of ["code=made-up", "error=access_denied", "nothing=at-all"])
          await ask(site.signIn, `${site.publicUrl}/callback?${answer}&state=${state}`, new Map(cookies));
      }
    }
    expect([writes(), names()]).toEqual([[], []]);
  });

  it("leaves the pages to others when the store is full", async () => {
    // Nothing can be written, and nothing has to be.
    store.before((step) => {
      if (step !== "get") throw new Error("full");
    });
    try {
      const url = await authorizeUrlOf(ada(), await linkFor("Ada"));
      expect(url.origin).toBe(world.entra.origin);
    } finally {
      store.before(undefined);
    }
  });
});

describe("a redeemed code", () => {
  it("leaves a mark for its state, and nothing that could be read", async () => {
    const browser = ada();
    await browser.atEntra(await browser.press(await browser.open(`${site.publicUrl}/connections`)));
    expect(names().map((key) => key.split(":")[0])).toEqual(["state"]);
    expect([...store.values].filter(([key]) => key.startsWith("state:")).map(([, value]) => value)).toEqual([
      "redeemed",
    ]);
  });

  it("is the only one of its state: a second code for the same state binds nobody", async () => {
    const cookies = new Map<string, string>();
    const { link } = await site.signIn.link(platformContext("chat"), world.contacts);
    const { html } = await ask(site.signIn, link, cookies);
    const pressed = await ask(site.signIn, `${site.publicUrl}/start`, cookies, {
      ...formsOf(html)[0]?.fields,
    });
    const authorize = pressed.response.headers.get("location") ?? "";
    const codes = [];
    for (const user of ["Ada", "Bob"])
      codes.push(await signInAs(world.entra.origin, authorize, world.entra.user(user).oid));
    // Both come back at once, and the browser has kept its cookie.
    const kept = (): Map<string, string> => new Map(cookies);
    const answers = await Promise.all(
      codes.map((code) => ask(site.signIn, `${site.publicUrl}/callback?${code}`, kept())),
    );
    const titles = await Promise.all(
      answers.map(async ({ response }) => {
        const page = await ask(site.signIn, response.headers.get("location") ?? "", kept());
        return /<h1>([^<]*)/.exec(page.html)?.[1];
      }),
    );
    expect(titles.toSorted()).toEqual(["This step was done before", "Type this code into your chat"]);
    expect(names().filter((key) => key.startsWith("pending:"))).toHaveLength(3);
  });

  it("counts once for a browser that keeps what it was told to drop, and for one with another's cookie", async () => {
    const cookies = new Map<string, string>();
    const { html } = await ask(site.signIn, await linkFor("Ada"), cookies);
    const pressed = await ask(site.signIn, `${site.publicUrl}/start`, cookies, {
      ...formsOf(html)[0]?.fields,
    });
    const authorize = pressed.response.headers.get("location") ?? "";
    const answer = await signInAs(world.entra.origin, authorize, world.entra.user("Ada").oid);
    const callback = `${site.publicUrl}/callback?${answer}`;

    // The attempt's cookie in another browser: nothing opens there.
    const thief = new Map<string, string>();
    await ask(site.signIn, `${site.publicUrl}/connections`, thief);
    for (const [name, value] of cookies) if (!thief.has(name)) thief.set(name, value);
    const stolen = await ask(site.signIn, callback, thief);
    expect(await titleAfter(stolen.response, thief)).toBe("This sign-in began in another browser");

    const kept = new Map(cookies);
    expect(await titleAfter((await ask(site.signIn, callback, cookies)).response, cookies)).toBe(
      "You are signed in",
    );
    const redeemed = world.entra.requests.length;
    const again = await ask(site.signIn, callback, kept);
    expect(await titleAfter(again.response, kept)).toBe("This step was done before");
    expect(world.entra.requests.length).toBe(redeemed);
  });
});

async function titleAfter(response: Response, cookies: Map<string, string>): Promise<string | undefined> {
  const page = await ask(site.signIn, response.headers.get("location") ?? "", cookies);
  return /<h1>([^<]*)/.exec(page.html)?.[1];
}

it("a person whose account has as much as it may have is told so, and no grant is stored", async () => {
  const agent = replica(world, store, { now, keys: [site.key], agent: "Contacts agent" });
  const { account, refreshToken } = await agent.connect(platformUser("first"), "Ada");
  const grant = { account, refreshToken, resources: [], scopes: [] };
  // Large names first, and then smaller ones into what is left.
  let chats = 0;
  for (let length = maxIndexBytes / 8; length >= 1; length /= 2)
    for (let kept = true; kept; chats += 1)
      kept = await agent.grants.keep(platformUser(`${chats}`.padEnd(length, "x")), grant).then(
        () => true,
        () => false,
      );
  const page = await ada().signIn(await linkFor("Ada"));
  expect([titleOf(page), page.status]).toEqual(["Too much is connected", 409]);
  expect(await agent.grants.find((await contextOf(world, "Ada")).principalKey ?? "")).toBeUndefined();
  // As the page says: one connection less, and it works.
  await agent.grants.removeAccount(account);
  expect(titleOf(await ada().signIn(await linkFor("Ada")))).toBe("You are signed in");
});

describe("in several tabs", () => {
  it("three sign-ins begun at once all end well", async () => {
    const browser = person(world.entra, "Ada");
    const callbacks = [];
    for (const context of [platformContext("a"), platformContext("b"), await contextOf(world, "Ada")]) {
      const { link } = await site.signIn.link(context, world.contacts);
      callbacks.push(await callbackUrlOf(world.entra, browser, link, "Ada"));
    }
    for (const [n, title] of [
      [1, "Type this code into your chat"],
      [2, "You are signed in"],
      [0, "Type this code into your chat"],
    ] as const)
      expect(titleOf(await browser.open(callbacks[n] ?? ""))).toBe(title);
  });

  it("the fourth ends the oldest, which is told so; what has run out makes room first", async () => {
    const browser = ada();
    const begin = async (): Promise<string> =>
      callbackUrlOf(
        world.entra,
        browser,
        (await site.signIn.link(platformContext("a"), world.contacts)).link,
        "Ada",
      );
    const first = await begin();
    time += 1_000;
    const [second, third] = [await begin(), await begin()];
    const fourth = await begin();
    const lost = await browser.open(first);
    expect([titleOf(lost), lost.status]).toEqual(["This sign-in cannot go on here", 409]);
    for (const callback of [fourth, third, second])
      expect(titleOf(await browser.open(callback))).toBe("Type this code into your chat");
  });

  it("a browser that keeps no cookies is told what happened", async () => {
    const browser = ada();
    const callback = await callbackUrlOf(world.entra, browser, await linkFor("Ada"), "Ada");
    expect(titleOf(await ada().open(callback))).toBe("This sign-in began in another browser");
    // The browser's own cookie came along, and the attempt's did not.
    const cookies = new Map<string, string>();
    const { html } = await ask(site.signIn, await linkFor("Ada"), cookies);
    const own = new Map(cookies);
    const pressed = await ask(site.signIn, `${site.publicUrl}/start`, cookies, {
      ...formsOf(html)[0]?.fields,
    });
    const state = new URL(pressed.response.headers.get("location") ?? "").searchParams.get("state");
    const { response } = await ask(site.signIn, `${site.publicUrl}/callback?code=x&state=${state}`, own);
    expect(await titleAfter(response, own)).toBe("This sign-in cannot go on here");
    expect(writes()).toEqual([]);
  });
});

describe("the cookie of a sign-in", () => {
  const scopesOf = (count: number): string[] =>
    Array.from(
      { length: count },
      (_, n) => `api://${world.entra.app("contacts").clientId}/Thing${n * 7919}.Read.All`,
    );

  it("is its host's alone, for fifteen minutes, and holds nothing that can be read", async () => {
    const publicUrl = "https://agent.example.com/sign-in";
    const signIn = site.twin({ publicUrl });
    const cookies = new Map<string, string>();
    const { link } = await signIn.link(platformContext("chat"), world.contacts);
    const { html } = await ask(signIn, link, cookies);
    const { response } = await ask(signIn, `${publicUrl}/start`, cookies, { ...formsOf(html)[0]?.fields });
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-hosted-agent-sign-in-1=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=900; Secure$/,
    );
    const parameters = new URL(response.headers.get("location") ?? "").searchParams;
    const text = cookie + Buffer.from(cookie.split(/[=;]/)[1] ?? "", "base64url").toString("latin1");
    for (const name of ["state", "nonce", "code_challenge"]) expect(text).not.toContain(parameters.get(name));
    expect(text).not.toContain("contacts");
    const back = await ask(signIn, `${publicUrl}/callback?error=x&state=${parameters.get("state")}`, cookies);
    expect(back.response.headers.getSetCookie()).toEqual([
      "__Host-hosted-agent-sign-in-1=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure",
    ]);
  });

  it("is at most 3 000 bytes long, and three of them leave room in 16 kB of headers", async () => {
    const publicUrl = `https://agent.example.com/${"a".repeat(200)}`;
    const many = protectedResource({ ...world.contacts, scopes: scopesOf(40) });
    const signIn = site.twin({ publicUrl, resources: [many] });
    const cookies = new Map<string, string>();
    for (let n = 0; n < 4; n += 1) {
      const { link } = await signIn.link(platformContext(`chat ${n} ${"é".repeat(40)}`), many);
      const { html } = await ask(signIn, link, cookies);
      const { response } = await ask(signIn, `${publicUrl}/start`, cookies, { ...formsOf(html)[0]?.fields });
      expect(response.status).toBe(303);
    }
    const attempts = [...cookies].filter(([name]) => /-[123]$/.test(name));
    expect(attempts).toHaveLength(3);
    for (const [name, value] of attempts) {
      expect(name.length + value.length).toBeGreaterThan(1_400);
      expect(name.length + value.length).toBeLessThanOrEqual(3_000);
    }
  });

  it("is why a link that would not fit into one is not made", async () => {
    const huge = protectedResource({ ...world.contacts, scopes: scopesOf(400) });
    const signIn = site.twin({ resources: [huge] });
    const error = await signIn.link(platformContext("chat"), huge).catch((cause: unknown) => cause);
    if (!isHostedAgentIdentityError(error)) throw error;
    expect([error.code, error.category]).toEqual(["sign_in_too_large", "config"]);
    // So do claims, which an MCP server writes.
    const claims = JSON.stringify({
      access_token: { x: { value: Array.from({ length: 900 }, (_, n) => n * 7919 + 13) } },
    });
    const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
    const credential = contacts.tokenCredential(platformContext("chat"), { askAgain: "at-expiry" });
    await expect(credential.getToken(world.contacts.scopes[0] ?? "", { claims })).rejects.toMatchObject({
      code: "sign_in_too_large",
    });
  });
});
