import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { userAccess } from "../../../src/access/user-access.js";
import type { UserContext } from "../../../src/context/user-context.js";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { isConsentRequiredError } from "../../../src/errors.js";
import { contextOf } from "../support/contexts.js";
import { person, textOf, titleOf } from "../support/person.js";
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

async function linkOf(context: UserContext): Promise<string> {
  return (await site.signIn.link(context, world.contacts)).link;
}

describe("a person who is known by a token", () => {
  it("is asked once, signs in, and from then on has a token of their own", async () => {
    const contacts = userAccess(world.contacts, [site.signIn.tokens()]);
    const context = await contextOf(world, "Ada");
    const error = await contacts.token(context).catch((cause: unknown) => cause);
    if (!isConsentRequiredError(error)) throw error;
    const link = error.requests[0]?.link ?? "";
    expect(await site.signIn.status(link)).toBe("waiting");
    const page = await person(world.entra, "Ada").signIn(link);
    expect(titleOf(page)).toBe("You are signed in");
    expect(page.url.pathname).toBe("/sign-in/done");
    expect(await site.signIn.status(link)).toBe("done");
    const token = await contacts.token(await contextOf(world, "Ada"));
    expect(decodeClaims(token.token)?.oid).toBe(world.entra.user("Ada").oid);
    expect(textOf(page)).toContain("Contacts agent can now use contacts as ada@");
  });
});
