import type { MadeConsentLink } from "../consent/consent-link.js";
import { checkLinkForm } from "../consent/link-policy.js";
import { liveInternalsOf, userNotIdentified } from "../context/internals.js";
import { principalKey, signInProof, type Principal, type SignInProof } from "../context/principal.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { invalid } from "../options/invalid.js";
import { readOptions } from "../options/option-table.js";
import { entraAppInternals } from "../exchange/entra-app.js";
import { foundryEnvironment } from "../foundry/environment.js";
import { keyring } from "../sealing/keyring.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import { dropWaiting } from "./binding/pending.js";
import { allows, readPin, removePin } from "./grants/pin.js";
import { keepPrompt } from "./binding/prompt.js";
import { redeem } from "./binding/redeem.js";
import type { SignInContext } from "./sign-in-context.js";
import { linkKeys } from "./link/agents.js";
import { signInHandler } from "./flow/handler.js";
import { statusOfLink } from "./flow/status.js";
import { maxTicketMs, sealTicket, type Ticket } from "./link/ticket.js";
import { publicUrlOf, signInUrls } from "./link/urls.js";
import type { Grants } from "./grants/grant.js";
import { grants } from "./grants/grants.js";
import { guardedStore } from "./stores/guarded-store.js";
import { longRunning } from "./long-running/long-running.js";
import { keyedStore } from "./grants/record-names.js";
import { signOutOf } from "./sign-out.js";
import type { SignInInternals } from "./sign-in-internals.js";
import { signInOptions, type SignInSettings } from "./sign-in-options.js";
import type { SignIn, SignInOptions } from "./sign-in.js";
import { startedStore, type StartedStore } from "./stores/started-store.js";
import { signInTokens } from "./tokens-source.js";
import { endOwnWork } from "./long-running/work.js";

/**
 * Lets people sign in once when their requests bring no usable token, and keeps the grant. Whoever completes a
 * sign-in must be who asked for it: a user known by a token has to come back as the same account, and for a
 * platform user the chat asks for the code that the page shows, and for a yes to the account. There is no
 * weaker mode. Throws `invalid_option`.
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
      // A person known by a token redeems no code: the client repeats the prompt.
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

async function makeLink(
  { core, linkKeys }: SignInInternals,
  context: UserContext,
  resource: ProtectedResource,
  { scopes, claims }: { readonly scopes: readonly string[]; readonly claims: string | undefined },
): Promise<MadeConsentLink> {
  const { principal, proof } = checkIdentified(context);
  const { user } = context;
  if (!core.resources.some(({ url }) => url === resource.url))
    throw invalid(
      "createSignIn: resources",
      `${JSON.stringify(resource.url)} is not among the resources of createSignIn().`,
    );
  const askedAt = core.now();
  const expiresAt = askedAt + maxTicketMs;
  const username = user?.username;
  const ticket: Ticket = {
    id: Buffer.from(core.random(16)).toString("base64url"),
    agent: core.agent,
    principal,
    ...initiatorOf(proof, username),
    resource: resource.url,
    serverLabel: resource.serverLabel,
    scopes,
    ...(claims === undefined ? {} : { claims }),
    askedAt,
    expiresAt,
  };
  const link = signInUrls(core.publicUrl).start(sealTicket(core, linkKeys, ticket));
  checkLinkForm(link);
  return { link, expiresAt };
}

/** A token for a resource proves who calls that resource; it opens no grant here. */
function checkIdentified(context: UserContext): {
  readonly principal: Principal;
  readonly proof: SignInProof;
} {
  liveInternalsOf(context);
  const { principal } = context;
  const proof = principal && signInProof(principal);
  if (principal === undefined || proof === undefined) throw userNotIdentified(context);
  return { principal, proof };
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

/** The account that has to sign in, where the principal names one. */
function initiatorOf(proof: SignInProof, username: string | undefined): Pick<Ticket, "initiator"> {
  switch (proof.by) {
    case "code":
      return {};
    case "account": {
      const { tid, oid } = proof;
      return { initiator: { tid, oid, ...(username === undefined ? {} : { username }) } };
    }
  }
}

async function forgetAccount(
  service: SignInInternals,
  { tid, oid }: { readonly tid: string; readonly oid: string },
): Promise<void> {
  const account = { tid: tid.toLowerCase(), oid: oid.toLowerCase() };
  for (const agent of new Set([service.core.agent, ...service.linkKeys.agents.keys()])) {
    const core = service.coreOf(agent);
    const grants = service.grantsOf(agent);
    for (const owner of await grants.principalsOf(account)) {
      await dropWaiting(core, owner);
      const pinned = await readPin(core, owner);
      // An unreadable one may name somebody else: only unpin() takes it away.
      if (pinned !== undefined && allows(pinned, account)) await removePin(core, owner);
    }
    await endOwnWork(core, grants, account);
    // Last, because it takes the names out of the index by which they are found again after a failure.
    await grants.removeAccount(account);
  }
}
