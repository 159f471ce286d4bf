import type { KeyObject } from "node:crypto";
import type { MadeConsentLink } from "../consent/consent-link.js";
import type { Principal } from "../context/principal.js";
import type { UserContext } from "../context/user-context.js";
import type { EntraApp } from "../exchange/entra-app.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { TokenSource } from "../sources/token-source.js";
import type { ChatAnswers } from "./binding/answer.js";
import type { SignInAdmin } from "./admin/admin.js";
import type { SignInAudit } from "./audit/audit-record.js";
import type { Redeemed } from "./binding/redeemed.js";
import type { SignInAgent } from "./link/agents.js";
import type { Account } from "./grants/grant.js";
import type { LongRunningOptions, LongRunningTurn } from "./long-running/long-running.js";
import type { SignInBound, SignInPending } from "./sign-in-internals.js";
import type { SignInBranding } from "./pages/branding.js";
import type { SignInStore } from "./stores/store.js";
import type { SignInTexts } from "./texts/texts.js";
import { type Runtime } from "../runtime/runtime.js";

/**
 * How people sign in.
 * @group Sign-in
 */
export interface SignInOptions extends Pick<Runtime, "now" | "random" | "onEvent"> {
  /** The confidential client: what `entraApp()` returned. */
  readonly app: EntraApp;
  /**
   * Where people reach `handler`: https. `<publicUrl>/callback` has to be registered as a redirect URI of type
   * web. On `http://localhost` or `http://127.0.0.1`, for development, the cookie has no `__Host-` prefix,
   * because browsers take that over https only.
   */
  readonly publicUrl: string | URL;
  /** What may be asked for. */
  readonly resources: readonly ProtectedResource[];
  /** `redisStore()`, `postgresStore()`, `sqliteStore()`, `memoryStore()` or your own. */
  readonly store: SignInStore;
  /**
   * 32 random bytes each, or their base64 form (`openssl rand -base64 32`). The first key seals, all keys open: put a
   * new key first, and keep the old ones until everything they sealed has expired. If several processes share the
   * store, first add the new key to all of them in second place, and then move it to the front. Otherwise a process
   * without the new key cannot read what others seal, and users have to sign in again.
   *
   * Or a function that returns them, for keys that are replaced while the service runs: it is asked at the first use,
   * again every hour, and when something was sealed with a key that is not known, at most every 10 s and for 4 s. When it
   * fails later, the keys it returned before stay.
   */
  readonly encryptionKeys:
    | readonly (string | Uint8Array)[]
    | (() => readonly (string | Uint8Array)[] | Promise<readonly (string | Uint8Array)[]>);
  /**
   * Names the agent on pages, in the chat and in records. Another name is another agent. Default: the name that the
   * platform gives the agent, or `agent`.
   */
  readonly agentName?: string;
  /**
   * The Ed25519 private key that this agent signs its links with, as PEM or key object. Default: a key derived from the
   * encryption keys, which is enough if no other agent shares them.
   */
  readonly signingKey?: string | KeyObject;
  /**
   * The agents whose links are accepted, by name, this one included, for a service of several agents. Default: only this
   * agent's own links are accepted.
   */
  readonly agents?: Readonly<Record<string, SignInAgent>>;
  /** Whose pages these are: name, logo, colors, links. Default: the pages show the agent's name only. */
  readonly branding?: SignInBranding;
  /**
   * The texts of the pages in more languages, by BCP 47 tag, or in place of ours. Each must be complete: start from
   * `signInTexts.en`. A page is in the language that the browser asks for, or else in English.
   */
  readonly languages?: Readonly<Record<string, SignInTexts>>;
  /** How long work may go on after its turn, in milliseconds. Default 24 hours. */
  readonly longRunningMs?: number;
  /** More words for the chat's yes, no and cancel, beyond the built-in ones in about 25 languages. */
  readonly answers?: ChatAnswers;
  /**
   * Receives a record of each sign-in, refresh, exchange, refusal and end, and of each call of `admin`. Default: nothing
   * is recorded beyond events.
   */
  readonly audit?: SignInAudit;
  /** Called when a user has signed in and still has to type the code into the chat. What it throws is ignored. */
  readonly onPending?: (event: SignInPending) => void;
  /** Called when a grant was stored. What it throws is ignored. */
  readonly onSignedIn?: (event: SignInBound) => void;
}

/**
 * What a waiting message is named by.
 * @group Sign-in
 */
export interface KeepPromptOptions {
  /** What the chat calls the message: its first 60 characters are shown. Default: the prompt. */
  readonly title?: string | undefined;
}

/**
 * How far a link has come. `code`: a user has signed in, and the chat waits for the code and the yes. `unknown`: no
 * agent of this service has made the link.
 * @group Sign-in
 */
export type SignInStatus = "waiting" | "code" | "done" | "expired" | "unknown";

/**
 * Sign-in for agents whose requests bring no usable token. Made by `createSignIn()`.
 * @group Sign-in
 */
export interface SignIn {
  /**
   * The token source for `userAccess()`: put it last. The subject of its tokens is verified. It throws
   * `user_not_identified`, `invalid_option` (for a resource that is not listed), `store_unavailable`, and Entra's
   * refusals of a live grant, except those that the user can resolve by signing in: they become a link.
   */
  tokens(): TokenSource;
  /**
   * The link with which the user of a running turn signs in for a resource. Show it to that user only. Throws
   * `user_not_identified` when the context identifies no user, `invalid_option`, `context_ended`.
   */
  link(context: UserContext, resource: ProtectedResource): Promise<MadeConsentLink>;
  /**
   * Takes the user's newest message before the model sees it: it may be a code, or the yes after a code. Never give it
   * the text of a model, a tool or an earlier turn. `responses(run, { signIn })` calls this, `keepPrompt` and `settle`
   * by itself. Throws `context_ended`, and `store_unavailable`: the message is then still sign-in's, and can be sent
   * again.
   */
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  /**
   * Stores a message that has to wait for the sign-in, sealed, for 25 minutes: `redeem` returns it after the yes. Does
   * nothing for a user known by a token, who has no code to type. Only the newest message of a conversation is stored;
   * the chat names those before it, and one of more than 100 000 characters, and asks the user to send them again.
   * Throws `context_ended`, `store_unavailable`.
   */
  keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
  /**
   * Says how the turn ended whose message was `bound`. After `answered` the next yes is the model's; after `failed` it
   * gives the interrupted message again, for five minutes. Without this call, as when the process died, the next yes is
   * told that the answer may be lost. So it is for a minute after `sending`: say that before the last event of an answer
   * leaves, and `answered` once it has left. Throws `store_unavailable`.
   */
  settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
  /**
   * The pages, web-standard. Mount them under `publicUrl`, with `webHandler()` of the Express, Fastify and Node
   * entries, or as they are in Hono. The handler never throws. Besides the pages there is `POST /status`, a form with
   * the link as `link`, for your own back end (no CORS): it answers `{ "status": … }` as `status()` does, and
   * `{ "error": { "code": … } }` with 400 or 503.
   */
  readonly handler: (request: Request) => Promise<Response>;
  /**
   * Deletes the grant, the refresh tokens of the user's long-running work, and sign-ins that wait for a code. Once it has
   * resolved, no new turn of this process gets an old token; other processes drop cached tokens within a minute. Access
   * tokens stay valid at the resource until they expire, and the consent stays with Entra. Pass the principal of a
   * context, never one from a request: this method does not check who asks. Throws `user_not_identified` for a principal
   * that owns no grant, such as one from a token for a resource, and `store_unavailable`. The sign-out may then have
   * happened or not: repeat it.
   */
  signOut(principal: Principal): Promise<void>;
  /** Signs out, and allows another account to be connected in this chat. Throws `store_unavailable`. */
  unpin(principal: Principal): Promise<void>;
  /**
   * Deletes everything that an account is connected with at the agents of this service (`agents`, or this one),
   * including the pins of chats that have signed out. Throws `store_unavailable`: repeat it then.
   */
  forgetAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
  /**
   * How far a link has come, for a front end that waits. Takes the link itself, and reveals nothing else. Throws
   * `store_unavailable`.
   */
  status(link: string): Promise<SignInStatus>;
  /**
   * Lets work go on for the user after the turn, and returns its id for `runAs`. One user may have 200 pieces of work at a
   * time, or 4 MiB of them. Throws `user_not_identified`, `long_running_refused`,
   * `quota_reached`, `invalid_option`, `context_ended`.
   */
  longRunning(context: UserContext, options: LongRunningOptions): Promise<string>;
  /** Runs a function as the user of such work. Throws `long_running_refused`. */
  runAs<T>(
    id: string,
    options: { readonly purpose: string },
    run: (turn: LongRunningTurn) => T | Promise<T>,
  ): Promise<T>;
  /** Ends such work, in other processes within a minute. Throws `store_unavailable`. */
  stopLongRunning(id: string): Promise<void>;
  /** For operators: list, export, revoke, force a new sign-in, erase. Functions only; nothing serves them. */
  readonly admin: SignInAdmin;
  /**
   * Starts the store. Optional, because the first use does it, too; but a service that cannot work should fail when it
   * starts. Throws `store_unsuitable`, `store_unavailable`.
   */
  ready(): Promise<void>;
  /** Closes the store, after up to 5 s for a refresh whose result is not stored yet. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
