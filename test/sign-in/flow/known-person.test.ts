import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isConsentRequiredError, userAccess } from "hosted-agent-identity";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, contextWith } from "../support/contexts.js";
import { callbackUrlOf, person, textOf, titleOf, type Person } from "../support/person.js";
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
  store.before(undefined);
  world.entra.policies.clear();
});

async function linkFor(user: string): Promise<string> {
  return (await site.signIn.link(await contextOf(world, user), world.contacts)).link;
}

/** The object id of the token that a user's calls get, or what they are asked for instead. */
async function tokenOf(user: string): Promise<string | undefined> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
  const got = await contacts.token(await contextOf(world, user)).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  if (got instanceof Error) throw got;
  return decodeClaims((got as { token: string }).token)?.oid;
}

const visitor = (user: string): Person => person(world.entra, user);
const oid = (user: string): string => world.entra.user(user).oid;
const reasons = (): unknown[] =>
  site.events
    .filter(({ type }) => type === "sign_in_refused")
    .map((event) => "reason" in event && event.reason);

describe("a person who is known by a token", () => {
  it("is asked once, signs in, and from then on has a token of their own", async () => {
    const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
    const error = await contacts.token(await contextOf(world, "Ada")).catch((cause: unknown) => cause);
    if (!isConsentRequiredError(error)) throw error;
    const link = error.requests[0]?.link ?? "";
    expect(await site.signIn.status(link)).toBe("waiting");
    const page = await visitor("Ada").signIn(link);
    expect([titleOf(page), page.status]).toEqual(["You are signed in", 200]);
    expect(textOf(page)).toContain(`Contacts agent can now use contacts as ${world.entra.user("Ada").upn}`);
    expect([...page.url.searchParams.keys()]).toEqual(["r"]);
    expect(await site.signIn.status(link)).toBe("done");
    expect(await tokenOf("Ada")).toBe(oid("Ada"));
  });

  it("has to be the one who opens the link: somebody it was forwarded to stores nothing", async () => {
    const link = await linkFor("Ada");
    const bob = visitor("Bob");
    const page = await bob.signIn(link);
    expect([titleOf(page), page.status]).toEqual(["This link is for another account", 403]);
    expect(reasons().at(-1)).toBe("wrong_account");
    expect([...store.values.keys()].filter((key) => key.startsWith("grant:"))).toEqual([]);
    expect([await tokenOf("Ada"), await tokenOf("Bob")]).toEqual(["has to sign in", "has to sign in"]);
    // It is not used up: its own person can still use it.
    expect(titleOf(await visitor("Ada").signIn(link))).toBe("You are signed in");
    expect([await tokenOf("Ada"), await tokenOf("Bob")]).toEqual([oid("Ada"), "has to sign in"]);
  });

  it("who opens somebody else's link gives them nothing", async () => {
    const link = await linkFor("Bob");
    const page = await visitor("Ada").signIn(link);
    expect(titleOf(page)).toBe("This link is for another account");
    expect([await tokenOf("Ada"), await tokenOf("Bob")]).toEqual(["has to sign in", "has to sign in"]);
  });

  it("who picked the wrong account tries again with the same link", async () => {
    const ada = visitor("Ada");
    const page = await ada.signIn(await linkFor("Ada"), "Bob");
    const again = /class="button primary" href="([^"]+)"/.exec(page.html)?.[1] ?? "";
    const link = again.replaceAll("&#38;", "&");
    expect(titleOf(await ada.signIn(link, "Ada"))).toBe("You are signed in");
    expect(await tokenOf("Ada")).toBe(oid("Ada"));
  });

  it("is not bound to a guest account of the same name elsewhere, but may be a guest here", async () => {
    const contoso = world.entra.tenants[0]?.id ?? "";
    const token = await world.entra.issueUserToken({ user: "Gus", app: "agent", tenant: contoso });
    const context = contextWith(token);
    const { link } = await site.signIn.link(context, world.contacts);
    const page = await visitor("Gus").signIn(link);
    expect(titleOf(page)).toBe("You are signed in");
    expect(textOf(page)).toContain("You are a guest in this organization");
    const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
    const { tid, oid: id } = decodeClaims((await contacts.token(contextWith(token))).token) ?? {};
    expect([tid, id]).toEqual([contoso, world.entra.user("Gus").guestOids[contoso]]);
  });
});

describe("the way back from Entra", () => {
  it("counts once: the same callback again says so and changes nothing", async () => {
    const ada = visitor("Ada");
    const callback = await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada");
    expect(titleOf(await ada.open(callback))).toBe("You are signed in");
    const before = [...store.values];
    const redeemed = world.entra.requests.length;
    const page = await ada.open(callback);
    expect([titleOf(page), page.status]).toEqual(["This step was done before", 409]);
    expect([...store.values]).toEqual(before);
    expect(world.entra.requests.length).toBe(redeemed);
  });

  it("is of one browser: a stolen state or callback is worth nothing in another one", async () => {
    const [ada, thief] = [visitor("Ada"), visitor("Bob")];
    const callback = await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada");
    const redeemed = world.entra.requests.length;
    for (const prepare of [async () => {}, async () => void (await thief.open(await linkFor("Bob")))]) {
      await prepare();
      const page = await thief.open(callback);
      expect([titleOf(page), page.status]).toEqual(["This sign-in began in another browser", 403]);
    }
    expect(world.entra.requests.length).toBe(redeemed);
    // The one it was stolen from is not harmed.
    expect(titleOf(await ada.open(callback))).toBe("You are signed in");
  });

  it("does not take another sign-in's code: the verifier and the nonce are of this one", async () => {
    const [ada, thief] = [visitor("Ada"), visitor("Bob")];
    const stolen = new URL(await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada"));
    const own = new URL(await callbackUrlOf(world.entra, thief, await linkFor("Bob"), "Bob"));
    own.searchParams.set("code", stolen.searchParams.get("code") ?? "");
    const page = await thief.open(own.href);
    expect(titleOf(page)).not.toBe("You are signed in");
    expect(await tokenOf("Bob")).toBe("has to sign in");
  });

  it("in a second tab after the first has done it says that nothing is left to do", async () => {
    const ada = visitor("Ada");
    const link = await linkFor("Ada");
    const [first, second] = [
      await callbackUrlOf(world.entra, ada, link, "Ada"),
      await callbackUrlOf(world.entra, ada, link, "Ada"),
    ];
    expect(titleOf(await ada.open(first))).toBe("You are signed in");
    const page = await ada.open(second);
    expect([titleOf(page), page.status]).toEqual(["You are already signed in", 200]);
    expect(titleOf(await ada.open(link))).toBe("You are already signed in");
  });

  it("is refused in a tab whose cookie another tab has replaced, with a way to start again", async () => {
    const ada = visitor("Ada");
    const link = await linkFor("Ada");
    const [tab, other] = [await ada.open(link), await visitor("Ada").open(link)];
    const page = await ada.press({ ...tab, html: other.html });
    expect([titleOf(page), page.status]).toEqual(["You have this open in another tab", 409]);
    expect(titleOf(await ada.signIn(link))).toBe("You are signed in");
  });

  it("has to name the issuer that was asked, where it names one", async () => {
    const contoso = world.entra.tenants[0]?.id;
    for (const [iss, title] of [
      ["https://login.example.com/tenant/v2.0", "That did not work just now"],
      [`${world.entra.origin}/${contoso}/v2.0`, "You are signed in"],
    ] as const) {
      const ada = visitor("Ada");
      const callback = await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada");
      expect(titleOf(await ada.open(`${callback}&iss=${encodeURIComponent(iss)}`))).toBe(title);
    }
  });
});

describe("a sign-in that comes to nothing", () => {
  it("because the link has expired", async () => {
    const link = await linkFor("Ada");
    time += 15 * 60_000;
    const page = await visitor("Ada").open(link);
    expect([titleOf(page), page.status]).toEqual(["This link has expired", 410]);
    expect(await site.signIn.status(link)).toBe("expired");
  });

  it("because the person stayed at Entra for too long", async () => {
    const ada = visitor("Ada");
    const callback = await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada");
    time += 16 * 60_000;
    const redeemed = world.entra.requests.length;
    expect(titleOf(await ada.open(callback))).toBe("This link has expired");
    expect(world.entra.requests.length).toBe(redeemed);
  });

  it("because the person pressed cancel at Entra", async () => {
    const ada = visitor("Ada");
    const atEntra = await ada.press(await ada.open(await linkFor("Ada")));
    expect(titleOf(atEntra)).toBe("Pick an account");
    const page = await ada.press(atEntra, { cancel: "yes" });
    expect([titleOf(page), page.status]).toEqual(["You canceled the sign-in", 200]);
    expect(page.html).toContain("Try again");
    expect(await tokenOf("Ada")).toBe("has to sign in");
  });

  it.each([
    ["error=access_denied", "Access was refused"],
    ["error=access_denied&error_description=AADSTS50105%3A+not+assigned", "Access was refused"],
    ["error=access_denied&error_description=AADSTS65004%3A+declined", "You canceled the sign-in"],
    ["error=consent_required", "An administrator has to approve first"],
    ["error=access_denied&error_description=AADSTS90094%3A+admin", "An administrator has to approve first"],
    ["error=interaction_required&error_description=AADSTS50020%3A+x", "Your account is not a guest here"],
    [
      "error=invalid_request&error_uri=https%3A%2F%2Flogin%2Ferror%3Fcode%3D90072",
      "Your account is not a guest here",
    ],
    ["error=invalid_request&error_description=AADSTS500212%3A+x", "Access was refused"],
    ["error=access_denied&error_description=AADSTS500213%3A+x", "This organization is not admitted"],
    ["error=server_error", "That did not work just now"],
    ["error=temporarily_unavailable", "That did not work just now"],
    ["error=invalid_request", "That did not work just now"],
    ["nothing=at-all", "That did not work just now"],
  ])("because Entra answered %s", async (answer, title) => {
    const ada = visitor("Ada");
    const callback = new URL(await callbackUrlOf(world.entra, ada, await linkFor("Ada"), "Ada"));
    const state = callback.searchParams.get("state") ?? "";
    const page = await ada.open(`${site.publicUrl}/callback?state=${state}&${answer}`);
    expect(titleOf(page)).toBe(title);
    expect(page.html).not.toContain("AADSTS");
    expect(await tokenOf("Ada")).toBe("has to sign in");
  });

  it("because Entra is not well; the same link works afterwards", async () => {
    const link = await linkFor("Ada");
    const ada = visitor("Ada");
    world.entra.policies.add({
      type: "refuse",
      grant: "authorization_code",
      codes: [90033],
      status: 503,
      retryAfterS: 9,
    });
    const page = await ada.signIn(link);
    expect([titleOf(page), page.status]).toEqual(["That did not work just now", 503]);
    world.entra.policies.clear();
    expect(titleOf(await ada.signIn(link))).toBe("You are signed in");
  });

  it.each([
    [
      "blocked",
      { type: "refuse", codes: [53003], suberror: "message_only", error: "invalid_grant" },
      "Access was refused",
    ],
    [
      "not consented",
      { type: "refuse", codes: [65001], error: "invalid_grant" },
      "An administrator has to approve first",
    ],
  ] as const)("because the code is refused: %s", async (_what, policy, title) => {
    world.entra.policies.add({ ...policy, codes: [...policy.codes], grant: "authorization_code" });
    const page = await visitor("Ada").signIn(await linkFor("Ada"));
    expect(titleOf(page)).toBe(title);
    expect(await tokenOf("Ada")).toBe("has to sign in");
  });

  it("because the store is down: nothing is assumed, and the same link works afterwards", async () => {
    const link = await linkFor("Ada");
    const ada = visitor("Ada");
    for (const step of ["get", "setIfAbsent", "compareAndSet"]) {
      store.before((name) => {
        if (name === step) throw new Error("down");
      });
      const opened = await ada.open(link);
      const page = step === "get" ? opened : await ada.atEntra(await ada.press(opened));
      expect([titleOf(page), page.status]).toEqual(["That did not work just now", 503]);
      store.before(undefined);
      expect(await tokenOf("Ada")).toBe("has to sign in");
    }
    expect(titleOf(await ada.signIn(link))).toBe("You are signed in");
  });
});
