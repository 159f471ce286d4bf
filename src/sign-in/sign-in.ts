import type { KeyObject } from "node:crypto";
import type { MadeConsentLink } from "../consent/consent-link.js";
import type { Principal } from "../context/principal.js";
import type { UserContext } from "../context/user-context.js";
import type { EntraApp } from "../exchange/entra-app.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { TokenSource } from "../sources/token-source.js";
import type { Redeemed } from "./binding/redeem.js";
import type { SignInAgent } from "./link/agents.js";
import type { Account } from "./grants/grant.js";
import type { LongRunningOptions, LongRunningTurn } from "./long-running/long-running.js";
import type { SignInBound, SignInPending } from "./sign-in-internals.js";
import type { SignInStore } from "./stores/store.js";
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
  /** `redisStore()`, `fileStore()`, `memoryStore()` or your own. */
  readonly store: SignInStore;
  /**
   * 32 random bytes each, or their base64 form (`openssl rand -base64 32`). The first seals, all open: put a
   * new one first, and keep the old ones until what they sealed has expired. Where several processes share
   * the store, give all of them the new key behind the old one before any has it first: what one seals with
   * a key that another does not have is nothing to that one, and people are asked again.
   */
  readonly encryptionKeys: readonly (string | Uint8Array)[];
  /**
   * Names the agent on pages, in the chat and in records: another name is another agent. Default: the name
   * the platform gives it, or `agent`.
   */
  readonly agentName?: string;
  /**
   * The Ed25519 private key this agent signs its links with, as PEM or key object. Default: one derived from
   * the encryption keys, which serves where no other agent shares them.
   */
  readonly signingKey?: string | KeyObject;
  /**
   * The agents whose links are accepted, by name, this one included. For a service of several agents; without
   * it only this agent's own links are.
   */
  readonly agents?: Readonly<Record<string, SignInAgent>>;
  /** How long work may go on after its turn, in milliseconds. Default 24 hours. */
  readonly longRunningMs?: number;
  /** Told when somebody has signed in and the chat has to be told the code. What it throws is ignored. */
  readonly onPending?: (event: SignInPending) => void;
  /** Told when a grant was stored. What it throws is ignored. */
  readonly onSignedIn?: (event: SignInBound) => void;
}

/**
 * How far a link has come. `code`: somebody has signed in, the chat waits for the code and the yes. `unknown`
 * is what no agent of this service has made.
 * @group Sign-in
 */
export type SignInStatus = "waiting" | "code" | "done" | "expired" | "unknown";

/**
 * Sign-in for agents whose requests bring no usable token. Made by `createSignIn()`.
 * @group Sign-in
 */
export interface SignIn {
  /**
   * The token source for `userAccess()`: put it last. Its tokens are proven to be the user's own. It throws
   * `user_not_identified`, `invalid_option` (a resource it was not made for), `store_unavailable`, and what
   * Entra refuses a live grant with, except what the person can end by signing in: that becomes a link.
   */
  tokens(): TokenSource;
  /**
   * The link with which the user of a running turn signs in for a resource. Show it to that person only.
   * Throws `user_not_identified` when nobody can say which person asks, `invalid_option`, `context_ended`.
   */
  link(context: UserContext, resource: ProtectedResource): Promise<MadeConsentLink>;
  /**
   * Takes the newest message that the user wrote, before the model sees it: it may be a code, or the yes after
   * it. Never give it the text of a model, a tool or an earlier turn. `responses(run, { signIn })` calls it, and
   * `keepPrompt`, by itself. Throws `context_ended`, `store_unavailable`.
   */
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  /**
   * Keeps a message that had to wait for the sign-in, sealed, for minutes: `redeem` returns it after the yes.
   * Does nothing for a person known by a token, who has no code to type. Throws `context_ended`,
   * `store_unavailable`.
   */
  keepPrompt(context: UserContext, prompt: string): Promise<void>;
  /**
   * The pages, web-standard. Mount them under `publicUrl`, with `webHandler()` of the Express, Fastify and Node
   * entries, or as they are in Hono. They answer to what a person may do there, and never throw. Besides the
   * pages there is `POST /status`, a form with the link as `link`: it answers `{ "status": … }` as `status()`
   * does, to your own back end (no CORS), and `{ "error": { "code": … } }` with 400 or 503.
   */
  readonly handler: (request: Request) => Promise<Response>;
  /**
   * Deletes the grant, the refresh tokens of the person's long-running work, and what waits for a code. Once it
   * has resolved, no new turn of this process is given a token of before; other processes drop cached tokens
   * within a minute. Access tokens live on at the resource until they expire, and the consent stays with Entra. What may act is the
   * caller's to decide: give the principal of a context, never one out of a request. Throws `user_not_identified`
   * for a principal that owns no grant, such as that of a resource's token, and `store_unavailable`, and then it
   * may have been done or not: do it again.
   */
  signOut(principal: Principal): Promise<void>;
  /** Signs out, and lets another account be connected in this chat. Throws `store_unavailable`. */
  unpin(principal: Principal): Promise<void>;
  /**
   * Deletes everything that an account is connected with at the agents of this service (`agents`, or this one),
   * also the pins of chats that have signed out. Throws `store_unavailable`: do it again then.
   */
  forgetAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
  /**
   * How far a link has come, for a front end that waits. Takes the link itself. Tells nothing else, and to
   * nobody who does not have the link. Throws `store_unavailable`.
   */
  status(link: string): Promise<SignInStatus>;
  /**
   * Lets work go on for the user after the turn, and returns the id with which `runAs` takes it up. One person
   * may have 200 pieces of work going on, or 4 MiB of them. Throws `user_not_identified`, `long_running_refused`,
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
  /**
   * Starts the store. Optional: the first use does it too, but a service that cannot work should say so when
   * it starts. Throws `store_unsuitable`, `store_unavailable`.
   */
  ready(): Promise<void>;
  /** Closes the store. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
