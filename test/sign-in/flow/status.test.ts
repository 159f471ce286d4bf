import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { codeOf, person } from "../support/person.js";
import { contextOf, platformContext } from "../support/contexts.js";
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
beforeEach(() => store.before(undefined));

const ask = (body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${site.publicUrl}/status`, { method: "POST", body, headers });

/** The whole answer: nothing but the status may be in it. */
async function said(link: string): Promise<unknown> {
  const response = await ask(new URLSearchParams({ link }));
  expect([response.status, response.headers.get("set-cookie")]).toEqual([200, null]);
  expect(Object.keys((await response.clone().json()) as object)).toEqual(["status"]);
  return ((await response.json()) as { status: unknown }).status;
}

it("of a link is told to who waits for it, from the first page to the yes", async () => {
  const chat = platformContext("who waits");
  const { link } = await site.signIn.link(chat, world.contacts);
  expect(await said(link)).toBe("waiting");
  const page = await person(world.entra, "Ada").signIn(link);
  expect(await said(link)).toBe("code");
  await site.signIn.redeem(chat, codeOf(page));
  await site.signIn.redeem(chat, "yes");
  expect(await said(link)).toBe("done");

  const late = (await site.signIn.link(await contextOf(world, "Ada"), world.contacts)).link;
  expect(await said(new URL(late).searchParams.get("t") ?? "")).toBe("waiting");
  time += 15 * 60_000;
  expect(await said(late)).toBe("expired");
  for (const other of ["words", `${site.publicUrl}/start`, link.slice(0, -9)])
    expect(await said(other)).toBe("unknown");
});

it("is kept nowhere, and is for no page of another site", async () => {
  const { link } = await site.signIn.link(platformContext("someone"), world.contacts);
  const { headers } = await ask(new URLSearchParams({ link }), { origin: "https://evil.example.com" });
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "application/json",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  const preflight = await fetch(`${site.publicUrl}/status`, { method: "OPTIONS" });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([405, null]);
});

it("takes the link from the body only, because addresses are logged", async () => {
  const { link } = await site.signIn.link(platformContext("someone"), world.contacts);
  const inAddress = `${site.publicUrl}/status?link=${encodeURIComponent(link)}`;
  expect((await fetch(inAddress)).status).toBe(405);
  expect((await fetch(inAddress, { method: "POST" })).status).toBe(400);
  expect((await ask(JSON.stringify({ link }), { "content-type": "application/json" })).status).toBe(400);
  expect(
    (
      await ask(
        new URLSearchParams([
          ["link", link],
          ["link", link],
        ]),
      )
    ).status,
  ).toBe(400);
});

it("is no guess while the store is down", async () => {
  const { link } = await site.signIn.link(platformContext("someone"), world.contacts);
  store.before(() => {
    throw new Error("down");
  });
  const response = await ask(new URLSearchParams({ link }));
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "30"]);
  expect(await response.json()).toEqual({ error: { code: "store_unavailable" } });
});
