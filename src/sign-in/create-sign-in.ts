import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { principalKey, signInProof, type Principal } from "../context/principal.js";
import { HostedAgentIdentityError } from "../errors.js";
import { readOptions } from "../options/option-table.js";
import { entraAppInternals } from "../exchange/entra-app.js";
import { foundryEnvironment } from "../foundry/environment.js";
import type { EncryptionKeys } from "../sealing/keyring.js";
import type { ElicitationPage, TokenSource } from "../sources/token-source.js";
import type { SignInAdmin } from "./admin/admin.js";
import { learningStore, renewedKeys, type RenewedKeys } from "./keys/renewed-keys.js";
import { signInAdmin } from "./admin/sign-in-admin.js";
import { auditor } from "./audit/auditor.js";
import { removePin } from "./grants/pin.js";
import { phrasesWith } from "./binding/answer.js";
import { keepPrompt } from "./binding/prompt.js";
import { redeem, settle } from "./binding/redeem.js";
import type { Redeemed } from "./binding/redeemed.js";
import { lookOf } from "./pages/layout.js";
import type { SignInContext } from "./sign-in-context.js";
import { linkKeys, type LinkKeys } from "./link/agents.js";
import { checkNotJustOpened } from "./flow/opened.js";
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
import { languagesOf } from "./texts/languages.js";
import { signInTokens, type MakeSignInLink } from "./tokens-source.js";

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
  const keys = renewedKeys(settings.encryptionKeys, settings);
  const keyed = keyedStore(startedStore(settings.store), keys.current, settings.now);
  const store = typeof settings.encryptionKeys === "function" ? learningStore(keyed, keys) : keyed;
  const service = serviceOf(settings, store, keys);
  const { core } = service;
  const ownGrants = service.grantsOf(core.agent);
  const work = longRunning(core, ownGrants, { maxMs: settings.longRunningMs });
  const close = async (): Promise<void> => {
    await service.closeGrants();
    await core.audit.close();
    await core.store.close?.();
  };

  /** Waits for the first keys, where they come from a function. */
  const opened =
    <A extends readonly unknown[], R>(step: (...asked: A) => Promise<R>) =>
    async (...asked: A): Promise<R> => {
      await keys.ready();
      return step(...asked);
    };
  const admin = signInAdmin(service);
  const signOut = opened(async (principal: Principal) => signOutOf(core, ownGrants, ownerOf(principal)));

  return Object.freeze<SignIn>({
    tokens() {
      const link: MakeSignInLink = (...asked) => makeLink(service, ...asked);
      const source = signInTokens(core, ownGrants, link, work.grantKeyOf);
      return Object.freeze<TokenSource>({
        ...source,
        acquire: opened(source.acquire),
        pageFor: opened(async ({ context, resource, url, message }: ElicitationPage) => {
          const { principalKey: owner = "" } = context;
          const { serverLabel } = resource;
          await checkNotJustOpened(core, { owner, resource: resource.url, serverLabel, url });
          return makeLink(service, context, resource, {
            scopes: resource.scopes,
            claims: undefined,
            elicitation: { url, message: message.slice(0, maxPageMessage) },
          });
        }),
      });
    },
    link: opened((context, resource) =>
      makeLink(service, context, resource, { scopes: resource.scopes, claims: undefined }),
    ),
    redeem: opened(async (context, text) => {
      const redeemed = await redeem(service, context, text);
      noteRefusal(core, context, redeemed);
      return redeemed;
    }),
    keepPrompt: opened(async (context, prompt, { title } = {}) => {
      liveInternalsOf(context);
      const { principal, principalKey: owner, platform } = context;
      // A user known by a token redeems no code: the client repeats the prompt.
      if (principal === undefined || owner === undefined || signInProof(principal)?.by !== "code") return;
      await keepPrompt(core, owner, platform.conversationId, prompt, title);
    }),
    settle: opened((context, end) => settle(service, context, end)),
    handler: signInHandler(service, keys),
    signOut,
    unpin: async (principal) => {
      await signOut(principal);
      await removePin(core, principalKey(principal));
    },
    forgetAccount: opened((account) => forgetAccount(service, account)),
    status: opened((link) => statusOfLink(service, link)),
    longRunning: opened(async (context, asked) => {
      checkIdentified(context);
      return work.start(context, asked);
    }),
    async runAs(id, asked, run) {
      await keys.ready();
      return work.runAs(id, asked, run);
    },
    stopLongRunning: opened((id) => work.stop(id)),
    admin: Object.freeze<SignInAdmin>({
      list: opened(admin.list),
      export: opened(admin.export),
      revoke: opened(admin.revoke),
      requireSignIn: opened(admin.requireSignIn),
      erase: opened(admin.erase),
    }),
    ready: () => store.start(),
    close,
    [Symbol.asyncDispose]: close,
  });
}

/** In characters. It shares the room of a link with the URL. */
const maxPageMessage = 200;

/** A code or an answer that came to nothing, for the audit. A code where none is expected can be typed by anybody. */
function noteRefusal({ agent, audit }: SignInContext, context: UserContext, redeemed: Redeemed): void {
  const { status } = redeemed;
  const reason = status === "wrong_code" ? status : status === "refused" ? redeemed.reason : undefined;
  if (reason === undefined || reason === "nothing_waiting") return;
  audit.note({ action: "code", agent, owner: context.principalKey }, { outcome: "refused", reason });
}

interface OpenService extends SignInInternals {
  /** Waits for refreshes that must not be cut off. */
  closeGrants(): Promise<void>;
}

function serviceOf(options: SignInSettings, store: StartedStore, keys: RenewedKeys): OpenService {
  const { resources, now, random } = options;
  const agentName = options.agentName ?? foundryEnvironment(process.env).agentName ?? "agent";
  const app = entraAppInternals(options.app);
  const core: SignInContext = {
    app,
    publicUrl: publicUrlOf(options.publicUrl),
    resources: [...resources],
    store: guardedStore(store),
    keys: keys.ring,
    agent: agentName,
    now,
    random,
    onEvent: options.onEvent,
    audit: auditor(options.audit, options),
  };
  const grantsByAgent = new Map<string, Grants>();
  const { signingKey, agents } = options;
  const linksWith = (encryptionKeys: EncryptionKeys): LinkKeys =>
    linkKeys({ agentName, resources, encryptionKeys, signingKey, agents });
  let links: { readonly from: EncryptionKeys; readonly made: LinkKeys } | undefined;
  const coreOf = (agent: string): SignInContext => (agent === core.agent ? core : { ...core, agent });
  return {
    core,
    look: lookOf(app.facts.cloud.loginEndpoint, options.branding),
    languages: languagesOf(options.languages),
    get linkKeys() {
      const current = keys.current();
      if (links === undefined || links.from !== current) links = { from: current, made: linksWith(current) };
      return links.made;
    },
    answers: phrasesWith(options.answers),
    coreOf,
    grantsOf(agent) {
      const known = grantsByAgent.get(agent) ?? grants(coreOf(agent));
      grantsByAgent.set(agent, known);
      return known;
    },
    async closeGrants() {
      await Promise.all(Array.from(grantsByAgent.values(), (one) => one.close()));
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
