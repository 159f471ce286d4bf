import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { IdentityEvent } from "hosted-agent-identity";
import type { PageAt } from "../../../examples/chat/visitor.js";
import { typedCodes } from "../../../src/sign-in/binding/code.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { callbackUrlOf, person, textOf, titleOf } from "../support/person.js";
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

const linkFor = async (user: string): Promise<string> =>
  (await site.signIn.link(await contextOf(world, user), world.contacts)).link;
const referenceOn = (page: PageAt): string =>
  /Reference for support: (\S+), \w{3} \d+, \d{4}, \d+:\d+ [AP]M UTC/.exec(textOf(page))?.[1] ?? "none";
const withReference = (reference: string): IdentityEvent[] =>
  site.events.filter((event) => "reference" in event && event.reference === reference);

describe("the reference on a page", () => {
  it("is in the event that tells why, and stays the same when the page is loaded again", async () => {
    const bob = person(world.entra, "Bob");
    const page = await bob.signIn(await linkFor("Ada"));
    const reference = referenceOn(page);
    expect(withReference(reference)).toEqual([
      { type: "sign_in_refused", reason: "wrong_account", reference },
    ]);
    const before = site.events.length;
    expect(referenceOn(await bob.open(page.url.href))).toBe(reference);
    expect(site.events).toHaveLength(before);
  });

  it("joins a failure's code with the page that the user saw", async () => {
    const ada = person(world.entra, "Ada");
    const link = await linkFor("Ada");
    store.before(() => {
      throw new Error("down");
    });
    const atOnce = referenceOn(await ada.open(link));
    expect(withReference(atOnce)).toEqual([
      { type: "sign_in_failed", code: "store_unavailable", reference: atOnce },
      { type: "sign_in_refused", reason: "trouble", reference: atOnce },
    ]);
    store.before(undefined);
    const callback = await callbackUrlOf(world.entra, ada, link, "Ada");
    store.before((step) => {
      if (step !== "get") throw new Error("down");
    });
    const afterwards = referenceOn(await ada.open(callback));
    expect(withReference(afterwards)).toMatchObject([
      { type: "sign_in_failed", code: "store_unavailable" },
      { type: "sign_in_refused", reason: "trouble" },
    ]);
    expect(afterwards).not.toBe(atOnce);
  });

  it.each(["/start?t=nothing", "/done?r=nothing", "/callback?state=x", "/callback?error=permission_denied"])(
    "is on the page of %s, random, and never taken for a code",
    async (path) => {
      const seen = new Set<string>();
      for (let n = 0; n < 3; n += 1) {
        const reference = referenceOn(await person(world.entra, "Ada").open(site.publicUrl + path));
        expect(reference).toMatch(/^[0-9a-f]{12}$/);
        expect(withReference(reference)).toHaveLength(1);
        expect(typedCodes(reference, "agent").codes).toEqual([]);
        seen.add(reference);
      }
      expect(seen.size).toBe(3);
    },
  );

  it("is not on a page where all is well", async () => {
    const ada = person(world.entra, "Ada");
    const link = await linkFor("Ada");
    expect(referenceOn(await ada.signIn(link))).toBe("none");
    const again = await ada.open(link);
    expect([titleOf(again), referenceOn(again)]).toEqual(["You are already signed in", "none"]);
  });
});

describe("an administrator who comes back from approving the app", () => {
  const back = (query: string): Promise<PageAt> =>
    person(world.entra, "Ada").open(`${site.publicUrl}/callback?${query}`);

  it("is thanked, at an address without Entra's answer, and nothing is stored", async () => {
    const before = [site.events.length, world.entra.requests.length];
    const page = await back("admin_consent=True&tenant=11111111-1111-4111-8111-111111111111&state=x&scope=y");
    expect([titleOf(page), page.status]).toEqual(["Thank you", 200]);
    expect(textOf(page)).toContain("Your answer as an administrator has arrived.");
    expect([...page.url.searchParams.keys()]).toEqual(["r"]);
    expect(page.html).not.toMatch(/11111111|granted|approved the/);
    expect([site.events.length, world.entra.requests.length]).toEqual(before);
    expect(store.values.size).toBe(0);
  });

  it.each([
    "error=permission_denied&error_description=The+admin+canceled+the+request&state=x",
    "error=consent_required&error_description=AADSTS65004%3A+x&admin_consent=True&tenant=x",
    "admin_consent=False",
  ])("is told that nothing was changed after %s", async (query) => {
    const page = await back(query);
    expect([titleOf(page), page.status]).toEqual(["The approval was not given", 200]);
    expect(textOf(page)).not.toContain("another browser");
    expect(site.events.at(-1)).toMatchObject({ type: "sign_in_refused", reason: "not_approved" });
  });

  it("cannot be made of the answer to a sign-in: a code goes its own way", async () => {
    const bob = person(world.entra, "Bob");
    const callback = await callbackUrlOf(world.entra, bob, await linkFor("Bob"), "Bob");
    expect(titleOf(await bob.open(`${callback}&admin_consent=True`))).toBe("You are signed in");
  });

  it("has used up no sign-in that the browser has under way", async () => {
    const ada = person(world.entra, "Ada");
    const { link } = await site.signIn.link(platformContext("chat"), world.contacts);
    const callback = await callbackUrlOf(world.entra, ada, link, "Ada");
    expect(titleOf(await ada.open(`${site.publicUrl}/callback?admin_consent=True`))).toBe("Thank you");
    expect(titleOf(await ada.open(callback))).toBe("Type this code into your chat");
  });
});

describe("the language of an answer", () => {
  it("is the browser's, and says so", async () => {
    for (const [accepted, title] of [
      ["de-DE,de;q=0.9", "Dieser Link funktioniert nicht"],
      ["fr", "Ce lien ne fonctionne pas"],
      ["es-MX", "Este enlace no funciona"],
      ["ja", "This link does not work"],
    ] as const) {
      const request = new Request(`${site.publicUrl}/start?t=x`, {
        headers: { "accept-language": accepted },
      });
      const response = await site.signIn.handler(request);
      const html = await response.text();
      const tag = /lang="(\w+)"/.exec(html)?.[1];
      expect(response.headers.get("vary")).toBe("Accept-Language");
      expect(response.headers.get("content-language")).toBe(tag);
      expect(tag).toBe(accepted === "ja" ? "en" : accepted.slice(0, 2));
      expect(html).toContain(`<h1>${title}</h1>`);
    }
  });
});
