import { liveInternalsOf } from "../context/internals.js";
import { principalKey, signInProof, type Principal } from "../context/principal.js";
import { HostedAgentIdentityError } from "../errors.js";
import { readOptions } from "../options/option-table.js";
import { entraAppInternals } from "../exchange/entra-app.js";
import { foundryEnvironment } from "../foundry/environment.js";
import { keyring } from "../sealing/keyring.js";
import { removePin } from "./grants/pin.js";
import { keepPrompt } from "./binding/prompt.js";
import { redeem } from "./binding/redeem.js";
import type { SignInContext } from "./sign-in-context.js";
import { linkKeys } from "./link/agents.js";
import { signInHandler } from "./flow/handler.js";
import { statusOfLink } from "./flow/status.js";
import { publicUrlOf } from "./link/urls.js";
import type { Grants } from "./grants/grant.js";
import { grants } from "./grants/grants.js";
import { guardedStore } from "./stores/guarded-store.js";
import { longRunning } from "./long-running/long-running.js";
import { keyedStore } from "./grants/record-names.js";
import { forgetAccount, signOutOf } from "./sign-out.js";
import { checkIdentified, makeLink } from "./link/make-link.js";
import type { SignInInternals } from "./sign-in-internals.js";
import { signInOptions, type SignInSettings } from "./sign-in-options.js";
import type { SignIn, SignInOptions } from "./sign-in.js";
import { startedStore, type StartedStore } from "./stores/started-store.js";
import { signInTokens } from "./tokens-source.js";

/**
 * Lets users sign in once when their requests bring no usable token, and keeps the grant. The user who completes a
 * sign-in must be the one who asked for it: a user known by a token has to sign in with the same account, and a
 * platform user types the code from the page into the chat and confirms the account there. There is no weaker mode.
 * Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { userAccess, type EntraApp, type ProtectedResource } from "hosted-agent-identity";
 * import { createSignIn, memoryStore } from "hosted-agent-identity/sign-in";
 *
 * export function contactsAccess(app: EntraApp, contacts: ProtectedResource) {
 *   const signIn = createSignIn({
 *     app,
 *     publicUrl: "https://agent.example.com/sign-in",
 *     resources: [contacts],
 *     store: memoryStore(),
 *     encryptionKeys: [process.env.SIGN_IN_KEY ?? ""],
 *   });
 *   return { signIn, contacts: userAccess(contacts, [signIn.tokens()]) };
 * }
 * ```
 * @group Sign-in
 */
export function createSignIn(options: SignInOptions): SignIn {
  const settings = readOptions("createSignIn", signInOptions, options);
  const store = keyedStore(startedStore(settings.store), settings.encryptionKeys, settings.now);
  const service = serviceOf(settings, store);
  const { core } = service;
  const ownGrants = service.grantsOf(core.agent);
  const work = longRunning(core, ownGrants, { maxMs: settings.longRunningMs });
  const close = async (): Promise<void> => core.store.close?.();

  const signOut = async (principal: Principal): Promise<void> =>
    signOutOf(core, ownGrants, ownerOf(principal));

  return Object.freeze<SignIn>({
    tokens: () => signInTokens(core, ownGrants, (...asked) => makeLink(service, ...asked), work.grantKeyOf),
    link: (context, resource) =>
      makeLink(service, context, resource, { scopes: resource.scopes, claims: undefined }),
    redeem: (context, text) => redeem(service, context, text),
    async keepPrompt(context, prompt) {
      liveInternalsOf(context);
      const { principal, principalKey: owner, platform } = context;
      // A user known by a token redeems no code: the client repeats the prompt.
      if (principal === undefined || owner === undefined || signInProof(principal)?.by !== "code") return;
      await keepPrompt(core, owner, platform.conversationId, prompt);
    },
    handler: signInHandler(service),
    signOut,
    async unpin(principal) {
      await signOut(principal);
      await removePin(core, principalKey(principal));
    },
    forgetAccount: (account) => forgetAccount(service, account),
    status: (link) => statusOfLink(service, link),
    async longRunning(context, asked) {
      checkIdentified(context);
      return work.start(context, asked);
    },
    runAs: (id, asked, run) => work.runAs(id, asked, run),
    stopLongRunning: (id) => work.stop(id),
    ready: () => store.start(),
    close,
    [Symbol.asyncDispose]: close,
  });
}

function serviceOf(options: SignInSettings, store: StartedStore): SignInInternals {
  const { resources, encryptionKeys, now, random } = options;
  const agentName = options.agentName ?? foundryEnvironment(process.env).agentName ?? "agent";
  const core: SignInContext = {
    app: entraAppInternals(options.app),
    publicUrl: publicUrlOf(options.publicUrl),
    resources: [...resources],
    store: guardedStore(store),
    keys: keyring(encryptionKeys),
    agent: agentName,
    now,
    random,
    onEvent: options.onEvent,
  };
  const grantsByAgent = new Map<string, Grants>();
  const coreOf = (agent: string): SignInContext => (agent === core.agent ? core : { ...core, agent });
  return {
    core,
    linkKeys: linkKeys({
      agentName,
      resources,
      encryptionKeys,
      signingKey: options.signingKey,
      agents: options.agents,
    }),
    coreOf,
    grantsOf(agent) {
      const known = grantsByAgent.get(agent) ?? grants(coreOf(agent));
      grantsByAgent.set(agent, known);
      return known;
    },
    onPending: options.onPending,
    onSignedIn: options.onSignedIn,
  };
}

/** The key of a principal that may own a grant. Throws `user_not_identified` for any other one. */
function ownerOf(principal: Principal): string {
  if (signInProof(principal) === undefined)
    throw new HostedAgentIdentityError(
      "user_not_identified",
      `A principal of the kind ${JSON.stringify(principal.kind)} owns no grant, so it can end none.`,
    );
  return principalKey(principal);
}
