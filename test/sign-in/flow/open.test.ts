import { randomBytes } from "node:crypto";
import {
  protectedResource,
  runWithUserContext,
  type ProtectedResource,
  userAccess,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { json, startElicitingServer, type ElicitingServer } from "../../support/eliciting-server.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person, textOf, titleOf } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const url = "https://gateway.example/connect/abc?state=%3Cb%3E&x=1";
const message = "Connect <b>your</b> account";
let world: SignInWorld;
let server: ElicitingServer;
let resource: ProtectedResource;
let site: Site;
let store: ScriptedStore;
let time = Date.now();

beforeAll(async () => {
  world = await signInWorld();
  server = await startElicitingServer();
  const { scopes, audiences } = world.contacts;
  resource = protectedResource({
    url: server.url,
    serverLabel: "Gateway",
    scopes,
    audiences,
    elicitation: {
      allowedLinks: ["https://gateway.example/connect/", "https://xn--gatewy-cua.example/connect/"],
    },
  });
  store = scriptedStore(() => time);
  site = await signInSite(world, { store, resources: [resource], now: () => time });
});
afterAll(async () => {
  await site?.close();
  await server?.close();
  await world?.entra.close();
});
beforeEach(() => {
  time = Date.now();
  store.values.clear();
});

const linkFor = async (context: Awaited<ReturnType<typeof contextOf>>, to = url): Promise<string> =>
  (await site.signIn.tokens().pageFor?.({ context, resource, url: to, message }))?.link ?? "";
const adas = async (to?: string): Promise<string> => linkFor(await contextOf(world, "Ada"), to);
const where = (response: Response): string | null => response.headers.get("location");

/** Presses the button of a page without following where it leads. */
async function pressed(
  ada: ReturnType<typeof person>,
  html: string,
  change: Record<string, string> = {},
): Promise<Response> {
  const value = (name: string): string => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? "";
  return ada.fetch(`${site.publicUrl}/open`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ t: value("t"), f: value("f"), ...change }),
    redirect: "manual",
  });
}

describe("the page in front of one that an MCP server asks for", () => {
  it("is shown to its user after Entra's, and goes on at a click only", async () => {
    const ada = person(world.entra, "Ada");
    const first = await ada.open(await adas());
    expect(titleOf(first)).toBe("Sign in for Contacts agent");
    expect(first.html).not.toContain("gateway.example");
    const page = await ada.atEntra(await ada.press(first));
    expect(titleOf(page)).toBe("Open a page of Gateway?");
    expect(page.html).toContain(
      "https://<strong>gateway.example</strong>/connect/abc?state=%3Cb%3E&#38;x=1</small>",
    );
    expect(textOf(page)).toContain("Connect <b>your</b> account");
    expect(page.html).not.toContain("<b>");
    expect(page.html).not.toMatch(/<a [^>]*gateway\.example|<img|<link|<iframe/);
    const response = await pressed(ada, page.html);
    expect([response.status, where(response)]).toEqual([303, url]);
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
  });

  it("is shown at once to a user who has just signed in here", async () => {
    const ada = person(world.entra, "Ada");
    await ada.signIn(await adas());
    const page = await ada.open(await adas());
    expect(titleOf(page)).toBe("Open a page of Gateway?");
  });

  it("is not shown to the user of another account, whatever that one does", async () => {
    const bob = person(world.entra, "Bob");
    const page = await bob.signIn(await adas());
    expect(titleOf(page)).toBe("This link is for another account");
    expect(page.html).not.toContain("gateway.example");
    const again = await bob.open(await adas());
    expect(titleOf(again)).toBe("Sign in for Contacts agent");
    // The click of somebody who is not proven leads to Entra, never to the page.
    expect(where(await pressed(bob, again.html))).toContain(world.entra.origin);
  });

  it("takes no click that did not come from its own page in this browser", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.signIn(await adas());
    expect((await pressed(ada, page.html, { f: "made-up" })).status).toBe(403);
    const bob = person(world.entra, "Bob");
    expect((await pressed(bob, page.html)).status).toBe(403);
  });

  it("opens for some minutes only", async () => {
    const ada = person(world.entra, "Ada");
    const link = await adas();
    const page = await ada.signIn(link);
    time += 15 * 60_000 + 1;
    expect(titleOf(await ada.open(link))).toBe("This link has expired");
    expect(where(await pressed(ada, page.html))).toBeNull();
  });

  it("is no sign-in link, and a sign-in link is none of these", async () => {
    const ada = person(world.entra, "Ada");
    const link = await adas();
    expect(titleOf(await ada.open(link.replace("/open?", "/start?")))).toBe("This link does not work");
    const { link: signIn } = await site.signIn.link(await contextOf(world, "Ada"), resource);
    expect(titleOf(await ada.open(signIn.replace("/start?", "/open?")))).toBe("This link does not work");
  });

  it("leads nowhere that the service's own resource does not allow, whoever made the link", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.open(await adas("https://evil.example/connect/x"));
    expect(titleOf(page)).toBe("This link does not work");
  });

  it("says so where the name of the site has letters of another alphabet", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.signIn(await adas("https://xn--gatewy-cua.example/connect/x"));
    expect(textOf(page)).toContain("letters of another alphabet");
    expect(page.html).toContain("<strong>xn--gatewy-cua.example</strong>");
  });

  const state = randomBytes(6_000).toString("base64url");
  const long = (length: number): string =>
    `https://gateway.example/connect/abc?state=${state}`.slice(0, length);

  it("has room for a URL of a thousand characters in one go", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.signIn(await adas(long(1_000)));
    expect(where(await pressed(ada, page.html))).toBe(long(1_000));
  });

  it.each([1_500, 2_500, 4_000])(
    "shows a URL of %i characters when the link is opened once more",
    async (length) => {
      const ada = person(world.entra, "Ada");
      const link = await adas(long(length));
      const listed = await ada.signIn(link);
      expect(titleOf(listed)).toBe("What is connected");
      expect(textOf(listed)).toContain("open the link there once more");
      expect(where(await pressed(ada, (await ada.open(link)).html))).toBe(long(length));
      // Whoever signs in with another account is as far as before.
      const bob = person(world.entra, "Bob");
      await bob.signIn(link);
      const again = await bob.open(link);
      expect(titleOf(again)).toBe("Sign in for Contacts agent");
      expect(again.html).not.toContain("gateway.example");
    },
  );

  it("is refused for a longer URL, in words that say how long it is", async () => {
    const refused: unknown = await adas(long(6_000)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "sign_in_too_large" });
    expect(String(refused)).toContain("6000 characters");
    expect(String(refused)).not.toContain(state.slice(0, 20));
  });

  it("stores nothing of the page", async () => {
    const ada = person(world.entra, "Ada");
    const link = await adas();
    await ada.open(link);
    expect(store.values.size).toBe(0);
    await ada.signIn(link);
    expect(JSON.stringify([...store.values])).not.toContain("gateway");
    expect([...store.values.keys()].filter((key) => /grant/.test(String(key)))).toEqual([]);
  });

  it("is not asked for again within a minute of the click, on no replica, by whoever was there", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.signIn(await adas());
    // Neither the card nor the page counts.
    await adas();
    await pressed(ada, page.html);
    const replica = site.twin({ store, resources: [resource], now: () => time });
    const again = async (name: string, to = url) =>
      replica.tokens().pageFor?.({ context: await contextOf(world, name), resource, url: to, message });
    const refused = { code: "elicitation_repeated" };
    await expect(adas()).rejects.toMatchObject(refused);
    await expect(again("Ada")).rejects.toMatchObject(refused);
    expect((await again("Ada").catch(String)) ?? "").not.toContain("gateway.example");
    expect((await again("Bob"))?.link).toContain("/open?t=");
    expect((await again("Ada", `${url}2`))?.link).toContain("/open?t=");
    expect(JSON.stringify([...store.values])).not.toContain("gateway");
    time += 60_001;
    expect((await again("Ada"))?.link).toContain("/open?t=");
    await replica.close();
  });

  it("is opened, and asked for, also while the store is down", async () => {
    const ada = person(world.entra, "Ada");
    const page = await ada.signIn(await adas());
    store.before((step) => {
      if (step === "setIfAbsent" || step === "get") throw new Error("down");
    });
    try {
      expect(where(await pressed(ada, page.html))).toBe(url);
      expect(await adas()).toContain("/open?t=");
    } finally {
      store.before(undefined);
    }
  });

  it("is shown without proof to a platform's user whose account nobody knows yet", async () => {
    const somebody = person(world.entra, "Ada");
    const page = await somebody.open(await linkFor(platformContext("user-1")));
    expect(titleOf(page)).toBe("Open a page of Gateway?");
  });

  it("is shown to the pinned account only, for a platform's user whose chat has one", async () => {
    const user = platformContext("user-2");
    const ada = person(world.entra, "Ada");
    const { link: signIn } = await site.signIn.link(user, resource);
    await site.signIn.redeem(user, codeOf(await ada.signIn(signIn)));
    expect((await site.signIn.redeem(user, "yes")).status).toBe("bound");

    const link = await linkFor(user);
    const page = await ada.open(link);
    expect(titleOf(page)).toBe("Open a page of Gateway?");
    expect(where(await pressed(ada, page.html))).toBe(url);
    const bob = person(world.entra, "Bob");
    const asked = await bob.open(link);
    expect(titleOf(asked)).toBe("Sign in for Contacts agent");
    expect(asked.html).not.toContain("gateway.example");
    expect(where(await pressed(bob, asked.html))).toContain(world.entra.origin);
    const refused = await bob.signIn(link);
    expect(titleOf(refused)).toBe("Another account is connected");
    expect(refused.html).not.toContain("gateway.example");
    // Whose chat has none is another user: the pin of one says nothing of the other.
    expect(titleOf(await bob.open(await linkFor(platformContext("user-3"))))).toBe("Open a page of Gateway?");
  });
});

it("is where the card of a turn leads, and nothing in the turn holds the URL", async () => {
  server.answer = (rpc, response) =>
    json(response, rpc, {
      error: { code: -32042, message: "m", data: { elicitations: [{ mode: "url", url, message }] } },
    });
  const context = await contextOf(world, "Ada");
  const contacts = userAccess(resource, [
    {
      kind: "test",
      provesUser: true,
      cacheScope: "test",
      usesAssertion: false,
      cached: true,
      skip: () => undefined,
      acquire: async () => ({
        status: "token",
        token: { token: "t", expiresAt: Date.now() + 3_600_000, source: "test" },
      }),
    },
    site.signIn.tokens(),
  ]);
  const result = await runWithUserContext(context, () =>
    runTurn(async () =>
      contacts.fetch(contacts.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "issues" } }),
      }),
    ),
  );
  await contacts.close();
  const [request] = result.status === "consent_required" ? result.requests : [];
  expect(request?.link).toMatch(`${site.publicUrl}/open?t=`);
  expect(request).toMatchObject({ reason: "elicitation", serverLabel: "Gateway" });
  const ada = person(world.entra, "Ada");
  expect(where(await pressed(ada, (await ada.signIn(request?.link ?? "")).html))).toBe(url);
});
