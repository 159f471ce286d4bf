import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isConsentRequiredError, userAccess, type UserContext } from "hosted-agent-identity";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { callbackUrlOf, codeOf, person, titleOf } from "../support/person.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let store: ScriptedStore;
let chats = 0;

beforeAll(async () => {
  world = await signInWorld();
  store = scriptedStore();
  site = await signInSite(world, { store });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => store.values.clear());

async function tokenOf(context: UserContext): Promise<unknown> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()]);
  const got = await contacts.token(context).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  if (got instanceof Error) throw got;
  return decodeClaims((got as { token: string }).token)?.oid;
}

/** Fails the store's `n`-th call from now on: before it does its work, or after. Counts them. */
function failAt(n: number, done: boolean): () => number {
  let calls = 0;
  const names = ["get", "setIfAbsent", "increment", "compareAndSet", "take", "delete"] as const;
  const whole = Object.fromEntries(names.map((name) => [name, store[name]]));
  for (const name of names) {
    const step = store[name] as (...args: unknown[]) => Promise<unknown>;
    Object.assign(store, {
      async [name](...args: unknown[]) {
        if (String(args[0]).startsWith("names:")) return step(...args);
        calls += 1;
        if (calls !== n) return step(...args);
        if (done) await step(...args);
        throw new Error("down");
      },
    });
  }
  return () => {
    Object.assign(store, whole);
    return calls;
  };
}

describe.each([
  ["a person known by a token", async () => contextOf(world, "Ada")],
  ["a person known by the platform", async () => platformContext(`chat ${chats}`)],
])("%s", (_who, context) => {
  it.each([
    ["before", false],
    ["after", true],
  ])(
    "loses nothing when the store fails %s any call of the callback",
    async (_when, done) => {
      const seen: string[] = [];
      for (let n = 1; n < 40; n += 1) {
        chats += 1;
        store.values.clear();
        const { link } = await site.signIn.link(await context(), world.contacts);
        const ada = person(world.entra, "Ada");
        const callback = await callbackUrlOf(world.entra, ada, link, "Ada");
        const restore = failAt(n, done);
        let page = await ada.open(callback);
        const calls = restore();
        seen.push(titleOf(page));
        // What was reported as done is done.
        if (titleOf(page) === "You are signed in")
          expect(await tokenOf(await context())).toBe(world.entra.user("Ada").oid);
        // No grant that nobody could find to end it.
        const { tenantId: tid, oid } = world.entra.user("Ada");
        const before = await tokenOf(await context());
        await site.signIn.forgetAccount({ tid, oid });
        expect(await tokenOf(await context())).toBe("has to sign in");
        if (calls < n) {
          expect(["You are signed in", "Type this code into your chat"]).toContain(seen.at(-1));
          return expect(seen).toContain("That did not work just now");
        }
        // Nobody is in anybody's way: a new link works, and so does the old one if it was not used up.
        const again =
          before === "has to sign in" ? link : (await site.signIn.link(await context(), world.contacts)).link;
        page = await person(world.entra, "Ada").signIn(again);
        if (titleOf(page) === "You have this open in another tab") continue;
        expect(["You are signed in", "Type this code into your chat", "You are already signed in"]).toContain(
          titleOf(page),
        );
        if (titleOf(page) === "Type this code into your chat") {
          expect((await site.signIn.redeem(await context(), codeOf(page))).status).toBe("confirm");
          expect((await site.signIn.redeem(await context(), "yes")).status).toBe("bound");
        }
      }
      expect.fail("the callback never ended");
    },
    30_000,
  );
});
