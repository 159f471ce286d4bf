import { afterAll, beforeAll, expect, it } from "vitest";
import { userAccess } from "hosted-agent-identity";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { platformContext } from "../support/contexts.js";
import { codeOf, person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
beforeAll(async () => {
  world = await signInWorld();
  site = await signInSite(world);
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});

it("keys can be replaced in the middle of a sign-in, process by process", async () => {
  const next = new Uint8Array(32).fill(8);
  // As the option says: first everybody gets the new key, then it comes first, then the old one goes.
  const [old, both, turned] = [[site.key], [site.key, next], [next, site.key]].map((encryptionKeys) =>
    site.twin({ encryptionKeys }),
  ) as [typeof site.signIn, typeof site.signIn, typeof site.signIn];
  const chat = () => platformContext("someone");
  const ada = person(world.entra, "Ada");

  const { link } = await old.link(chat(), world.contacts);
  await old.keepPrompt(chat(), "Who is my manager?");
  site.use(both);
  const page = await ada.open(link);
  site.use(turned);
  const atEntra = await ada.press(page);
  site.use(both);
  const shown = await ada.atEntra(atEntra);
  expect(titleOf(shown)).toBe("Type this code into your chat");
  site.use(turned);
  expect(codeOf(await ada.open(shown.url.href))).toBe(codeOf(shown));
  expect(await turned.status(link)).toBe("code");
  expect((await both.redeem(chat(), codeOf(shown))).status).toBe("confirm");
  expect(await turned.redeem(chat(), "yes")).toMatchObject({ status: "bound", prompt: "Who is my manager?" });
  for (const signIn of [both, turned]) {
    const { token } = await userAccess(world.contacts, [signIn.tokens()]).token(chat());
    expect(decodeClaims(token)?.oid).toBe(world.entra.user("Ada").oid);
    expect(await signIn.status(link)).toBe("done");
  }
});
