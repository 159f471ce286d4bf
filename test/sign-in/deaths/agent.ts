import { principalKey, responses, userAccess, type UserContext } from "hosted-agent-identity";
import { createSignIn, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { phrasesWith } from "../../../src/sign-in/binding/answer.js";
import { keepPrompt } from "../../../src/sign-in/binding/prompt.js";
import { redeem, settle } from "../../../src/sign-in/binding/redeem.js";
import { signInAdmin } from "../../../src/sign-in/admin/sign-in-admin.js";
import { grants as grantsAt } from "../../../src/sign-in/grants/grants.js";
import type { Grants } from "../../../src/sign-in/grants/grant.js";
import type { GrantIssuer } from "../../../src/sign-in/grants/issuer.js";
import { bindOrWait } from "../../../src/sign-in/flow/callback.js";
import { linkKeys } from "../../../src/sign-in/link/agents.js";
import { makeLink } from "../../../src/sign-in/link/make-link.js";
import { lookOf } from "../../../src/sign-in/pages/layout.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { openTicket } from "../../../src/sign-in/link/ticket.js";
import type { Arrived, SignInInternals } from "../../../src/sign-in/sign-in-internals.js";
import { signOutOf } from "../../../src/sign-in/sign-out.js";
import { languagesOf } from "../../../src/sign-in/texts/languages.js";
import { signInTokens } from "../../../src/sign-in/tokens-source.js";
import { replica } from "../support/replica.js";
import type { SignInWorld } from "../support/signing-in.js";

export const project = "https://project.example.com";

/** What the people and the administrator of a run use of an agent. */
export interface Agent {
  readonly service: SignInInternals;
  readonly grants: Grants;
  readonly signIn: Pick<
    SignIn,
    "redeem" | "keepPrompt" | "settle" | "tokens" | "signOut" | "forgetAccount" | "admin"
  >;
  /** What the chat shows after a message. */
  say(context: UserContext, text: string): Promise<Told>;
  /** The page behind a link, after the sign-in at Entra. `undefined` when it failed. */
  open(link: string, arrived: Arrived): Promise<Page | undefined>;
  /** Gets a token for the user of a context, as a tool does that runs at the same time. */
  use(context: UserContext): Promise<void>;
}

/** What the chat shows after a message. */
export interface Told {
  readonly status: string;
  readonly error?: unknown;
  readonly output: readonly {
    readonly consent_link?: string;
    readonly content?: readonly { readonly text: string }[];
  }[];
}

/** What a page shows. */
export interface Page {
  readonly kind: string;
  readonly code?: string | undefined;
}

export interface AgentOptions {
  readonly world: Pick<SignInWorld, "app" | "contacts" | "mail" | "signIn">;
  readonly store: SignInStore;
  readonly key: Uint8Array;
  readonly now: () => number;
  readonly random?: (bytes: number) => Uint8Array;
  /** Where the grants come from, if not from Entra. */
  readonly issuer?: GrantIssuer | undefined;
  readonly fetch: typeof fetch;
  /** What the model is asked, before it asks for a token. */
  toModel(user: string, text: string): Promise<void>;
  /** The token that the model's tool is given. */
  given(user: string, token: string): void;
}

/** An agent of one process, whose model repeats what it is told and gets a token each time. */
export function startAgent(options: AgentOptions): Agent {
  const { world, store, key, now, random, issuer } = options;
  const app = world.app({ now, fetch: options.fetch });
  const { core, grants: ofEntra } = replica(world, store, { now, random, keys: [key], app });
  const grants = issuer === undefined ? ofEntra : grantsAt(core, issuer);
  const { publicUrl, agent: agentName } = core;
  const resources = [world.contacts];
  const encryptionKeys = [key];
  const service: SignInInternals = {
    core,
    linkKeys: linkKeys({ agentName, resources, encryptionKeys }),
    coreOf: () => core,
    grantsOf: () => grants,
    answers: phrasesWith(),
    look: lookOf(core.app.facts.cloud.loginEndpoint),
    languages: languagesOf(),
    onPending: undefined,
    onSignedIn: undefined,
  };
  const signIn =
    issuer === undefined
      ? createSignIn({ app, publicUrl, agentName, resources, store, encryptionKeys, now, random })
      : signInOf(service, core, grants);
  const contacts = userAccess(world.contacts, [signIn.tokens()], { now });
  const answer = responses(
    async function* ({ input, context }) {
      const user = context.platform.userId ?? "";
      await options.toModel(user, input);
      const { token } = await contacts.token();
      options.given(user, token);
      yield `answered ${input}`;
    },
    { signIn, onError: () => undefined, now },
  );
  const use = async (context: UserContext): Promise<void> => {
    const { token } = await contacts.token(context);
    options.given(context.platform.userId ?? "", token);
  };
  const say = async (context: UserContext, input: string): Promise<Told> => {
    const request = new Request("http://agent/responses", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input }),
    });
    return (await (await answer(request, context)).json()) as Told;
  };
  const open = async (link: string, arrived: Arrived): Promise<Page | undefined> => {
    const opened = openTicket(core, service.linkKeys, new URL(link).searchParams.get("t") ?? "");
    if (opened.status !== "good") return { kind: "expired_link" };
    const found = { arrived, generation: undefined };
    return bindOrWait(service, opened.ticket, undefined, found).catch(() => undefined);
  };
  return { service, grants, signIn, say, open, use };
}

/** As `createSignIn()` wires it, for grants of another server. */
function signInOf(service: SignInInternals, core: SignInContext, grants: Grants): Agent["signIn"] {
  const ownerOf = ({ principalKey: owner }: UserContext): string => owner ?? "";
  const admin = signInAdmin(service);
  return {
    redeem: (context, text) => redeem(service, context, text),
    settle: (context, end) => settle(service, context, end),
    keepPrompt: (context, prompt, { title } = {}) =>
      keepPrompt(core, ownerOf(context), context.platform.conversationId, prompt, title),
    tokens: () => signInTokens(core, grants, (...asked) => makeLink(service, ...asked)),
    signOut: (principal) => signOutOf(core, grants, principalKey(principal)),
    async forgetAccount(account) {
      await admin.erase({ actor: "somebody", person: account });
    },
    admin,
  };
}

/** What others do to what a person has. Says whether that has ended everything of it. */
export async function endAt(
  { signIn, use }: Agent,
  context: UserContext,
  deed: "use" | "revoke" | "require a sign-in" | "erase" | "sign out" | "list",
): Promise<boolean> {
  const { admin } = signIn;
  const actor = "an administrator";
  const person = { platformUserId: context.platform.userId ?? "", project, agent: "agent" };
  switch (deed) {
    case "revoke": {
      const { grants } = await admin.list({ actor, person });
      for (const { grant } of grants) await admin.revoke({ actor, grant });
      return grants.length > 0;
    }
    case "require a sign-in":
      await admin.requireSignIn({ actor, person });
      return true;
    case "erase":
      await admin.erase({ actor, person });
      return true;
    case "sign out":
      if (context.principal !== undefined) await signIn.signOut(context.principal);
      return true;
    case "list":
      await admin.list({ actor, person });
      return false;
    case "use":
      await use(context);
      return false;
  }
}
