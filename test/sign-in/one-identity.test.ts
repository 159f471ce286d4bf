import { afterAll, beforeAll, expect, it } from "vitest";
import {
  createUserContext,
  isHostedAgentIdentityError,
  userAccess,
  type UserContext,
  type UserContextOptions,
  userTokenVerifier,
} from "hosted-agent-identity";
import { scriptedStore, type ScriptedStore } from "./support/scripted-store.js";
import { signInSite, type Site } from "./support/site.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

/** A back end that calls the agent as itself for all its users: the platform gives it one user id. */
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

const request = (options: Partial<UserContextOptions> = {}): Promise<UserContext> =>
  createUserContext(
    { "x-agent-user-id": "the-back-end" },
    {
      verify: userTokenVerifier({ app: world.app() }),
      environment: {
        hosted: true,
        projectEndpoint: "https://one.services.ai.azure.com/api/projects/p",
        agentName: "helper",
      },
      ...options,
    },
  );

async function codeOfRefusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isHostedAgentIdentityError(error) ? error.code : `no refusal: ${String(error)}`;
}

it("is refused a token, a link and long-running work until the developer says that an id is one person", async () => {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()]);
  const until = new Date(Date.now() + 60_000);
  const everything = (context: UserContext): Promise<string[]> =>
    Promise.all([
      codeOfRefusal(contacts.token(context)),
      codeOfRefusal(site.signIn.link(context, world.contacts)),
      codeOfRefusal(site.signIn.longRunning(context, { purpose: "report", until })),
    ]);
  expect(await everything(await request())).toEqual([
    "user_not_identified",
    "user_not_identified",
    "user_not_identified",
  ]);
  // Nothing is kept for it either, and no message of it is a code.
  const context = await request();
  await site.signIn.keepPrompt(context, "Who is my manager?");
  expect(await site.signIn.redeem(context, "ABC-D2E-FGH")).toEqual({ status: "not_a_code" });
  expect(store.values.size).toBe(0);

  const declared = await request({ platformUserId: "one-person" });
  expect(await everything(declared)).toEqual([
    "consent_required",
    "no refusal: undefined",
    "long_running_refused",
  ]);
});
