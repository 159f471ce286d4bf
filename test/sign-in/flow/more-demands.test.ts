import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  isConsentRequiredError,
  protectedResource,
  type ProtectedResource,
  type TokenClaims,
  userAccess,
  type UserContext,
} from "hosted-agent-identity";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { authorizeUrlOf, codeOf, person, titleOf } from "../support/person.js";
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
  world.entra.policies.clear();
});

const challenge = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';

/** The claims of the token that a call gets, or the link and the reason of what is asked for instead. */
async function asked(
  context: UserContext,
  resource: ProtectedResource = world.contacts,
  claims?: string,
): Promise<{ token?: TokenClaims; link?: string; reason?: string }> {
  const access = userAccess(resource, [site.signIn.tokens()]);
  const credential = access.tokenCredential(context);
  try {
    const { token } = await credential.getToken([...resource.scopes], claims === undefined ? {} : { claims });
    return { token: decodeClaims(token) ?? {} };
  } catch (error) {
    if (!isConsentRequiredError(error)) throw error;
    const [request] = error.requests;
    return { link: request?.link ?? "", reason: request?.reason ?? "" };
  }
}

const ada = (): Promise<UserContext> => contextOf(world, "Ada");
const grants = (): string[] => [...store.values.keys()].filter((key) => key.startsWith("grant:"));

async function signIn(link: string | undefined): Promise<void> {
  expect(titleOf(await person(world.entra, "Ada").signIn(link ?? ""))).toBe("You are signed in");
}

it("a second resource takes a new link, and then the same grant serves both, each with a token of its own", async () => {
  await signIn((await asked(await ada())).link);
  const { link, reason } = await asked(await ada(), world.mail);
  expect(reason).toBe("consent");
  await signIn(link);
  expect(grants()).toHaveLength(1);
  const { clientId: contacts } = world.entra.app("contacts");
  const { clientId: mail } = world.entra.app("mail");
  expect(String((await asked(await ada())).token?.aud)).toContain(contacts);
  expect(String((await asked(await ada(), world.mail)).token?.aud)).toContain(mail);
});

it("a new scope takes a new link, which asks for all of them", async () => {
  await signIn((await asked(await ada())).link);
  const [read = ""] = world.contacts.scopes;
  const write = read.replace("contacts.read", "contacts.write");
  const more = protectedResource({ ...world.contacts, scopes: [read, write] });
  const { link, reason } = await asked(await ada(), more);
  expect(reason).toBe("consent");
  const url = await authorizeUrlOf(person(world.entra, "Ada"), link ?? "");
  expect(url.searchParams.get("scope")?.split(" ")).toEqual(expect.arrayContaining([read, write]));
  await signIn(link);
  expect((await asked(await ada(), more)).token?.scp?.split(" ").sort()).toEqual([
    "contacts.read",
    "contacts.write",
  ]);
});

it("a challenge takes a new link, which carries it to Entra; the token that comes of it meets it", async () => {
  await signIn((await asked(await ada())).link);
  const { link, reason } = await asked(await ada(), world.contacts, challenge);
  expect(reason).toBe("step_up");
  const url = await authorizeUrlOf(person(world.entra, "Ada"), link ?? "");
  expect(JSON.parse(url.searchParams.get("claims") ?? "{}")).toMatchObject(JSON.parse(challenge));
  await signIn(link);
  expect((await asked(await ada(), world.contacts, challenge)).token).toMatchObject({ acrs: ["c1"] });
});

it("a challenge in a chat takes a new code, and no second yes", async () => {
  const chat = platformContext("someone");
  const say = async (link: string | undefined): Promise<string> => {
    const page = await person(world.entra, "Ada").signIn(link ?? "");
    return (await site.signIn.redeem(chat, codeOf(page))).status;
  };
  expect(await say((await asked(chat)).link)).toBe("confirm");
  expect((await site.signIn.redeem(chat, "yes")).status).toBe("bound");
  const { link, reason } = await asked(platformContext("someone"), world.contacts, challenge);
  expect(reason).toBe("step_up");
  expect(await say(link)).toBe("bound");
  expect((await asked(platformContext("someone"), world.contacts, challenge)).token).toMatchObject({
    acrs: ["c1"],
    oid: world.entra.user("Ada").oid,
  });
});
