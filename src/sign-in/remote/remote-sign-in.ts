import { clocksOf } from "../../async/clocks.js";
import type { UserContext } from "../../context/user-context.js";
import { listener, type OnEvent } from "../../events/events.js";
import { backOff } from "../../exchange/back-off.js";
import { tokenCredentialOption, type TokenCredentialLike } from "../../exchange/federated-credential.js";
import { clock, milliseconds, orElse, secureUrl, text } from "../../options/checks.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { type Runtime, fetchOption } from "../../runtime/runtime.js";
import type { TokenSource } from "../../sources/token-source.js";
import { maxPromptLength, titleOf } from "../binding/prompt.js";
import { maxMessageLength } from "../binding/typed.js";
import type { Redeemed } from "../binding/redeemed.js";
import type { KeepPromptOptions } from "../sign-in.js";
import { readRedeemed } from "./redeemed-wire.js";
import { remoteTokens } from "./remote-tokens.js";
import { isForService, knownUser, typesCodes } from "./remote-user.js";
import { badReply, serviceCalls } from "./service-calls.js";

/**
 * How an agent reaches the sign-in service.
 * @group Sign-in
 */
export interface RemoteSignInOptions extends Pick<Runtime, "fetch" | "now"> {
  /** The service's address: https, or http on a loopback host. */
  readonly url: string | URL;
  /** The agent's own identity, for example `new ManagedIdentityCredential()`. */
  readonly credential: TokenCredentialLike;
  /** The scope of the service's app: `api://<client id of the service>/.default`. */
  readonly scope: string;
  /** How long one call may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /** Receives failed calls (`sign_in_service_failed`), and tokens of another account (`wrong_user`). */
  readonly onEvent?: OnEvent;
}

/**
 * The sign-in service as an agent sees it: it holds no grant, no key and no client credential. Made by
 * `remoteSignIn()`.
 * @group Sign-in
 */
export interface RemoteSignIn {
  /** The token source for `userAccess()`. */
  tokens(): TokenSource;
  /**
   * Takes the user's newest message before the model sees it: it may be a code, or the yes after a code.
   * `responses(run, { signIn })` calls this, `keepPrompt` and `settle` by itself. Never give it the text of a model, a tool or an earlier turn.
   * Throws `sign_in_service_unavailable`, `context_ended` and the service's own errors.
   */
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  /** Stores a message that has to wait for the sign-in, sealed, at the service, for 25 minutes: see `SignIn`. */
  keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
  /** Says how the turn of a `bound` message ended: `SignIn.settle` of `createSignIn()` has the details. */
  settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
  /**
   * Deletes the user's grant at the service. New turns get none of the old tokens: in this process at once, in
   * other processes within a minute. Throws as `redeem` does. The sign-out may then have happened or not: repeat it.
   */
  signOut(context: UserContext): Promise<void>;
}

/**
 * Gets short-lived access tokens from a sign-in service. Only the service holds grants, keys and the client
 * credential. The agent authenticates with its own identity, and names the user by the verified user token or by the
 * platform's user id. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/sign-in`. Experimental.
 *
 * @example
 * ```ts
 * import { ManagedIdentityCredential } from "@azure/identity";
 * import { userAccess, type ProtectedResource } from "hosted-agent-identity";
 * import { remoteSignIn } from "hosted-agent-identity/sign-in";
 *
 * const signIn = remoteSignIn({
 *   url: "https://sign-in.example.com",
 *   credential: new ManagedIdentityCredential(),
 *   scope: "api://7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1/.default",
 * });
 *
 * export const access = (contacts: ProtectedResource) => userAccess(contacts, [signIn.tokens()]);
 * ```
 * @group Sign-in
 */
export function remoteSignIn(options: RemoteSignInOptions): RemoteSignIn {
  const settings = readOptions("remoteSignIn", remoteSignInOptions, options);
  const { now, onEvent } = settings;
  const base = new URL(settings.url).href.replace(/\/$/, "");
  const call = serviceCalls(base, settings);
  const waits = backOff(clocksOf(now).age, onEvent);
  const listeners = new Set<(principalKey: string) => void>();
  /** After a sign-in or a sign-out: tokens from before do not count any more. */
  const changed = ({ principalKey }: UserContext): void => {
    if (principalKey !== undefined) for (const listener of listeners) listener(principalKey);
  };
  return Object.freeze<RemoteSignIn>({
    tokens: () => remoteTokens({ base, call, waits, listeners, now, onEvent }),
    async redeem(context, text) {
      if (!isForService(context, text, maxMessageLength)) return { status: "not_a_code" };
      const redeemed = readRedeemed(await call("redeem", { user: knownUser(context), text }));
      if (redeemed === undefined) throw badReply();
      if (redeemed.status === "bound") changed(context);
      return redeemed;
    },
    async keepPrompt(context, prompt, named = {}) {
      const title = titleOf(named.title ?? prompt);
      const kept = prompt.length > maxPromptLength ? "" : prompt;
      if (isForService(context, kept + title, Number.MAX_SAFE_INTEGER))
        await call("prompt", { user: knownUser(context), prompt: kept, title });
    },
    async settle(context, end) {
      if (typesCodes(context)) await call("settle", { user: knownUser(context), end });
    },
    async signOut(context) {
      try {
        await call("sign-out", { user: knownUser(context) });
      } finally {
        // Without an answer, too: the service may have done it.
        changed(context);
      }
    },
  });
}

type RemoteDefaults = "timeoutMs" | "fetch" | "now";

/** The options of {@link remoteSignIn}. */
export const remoteSignInOptions: OptionTable<RemoteSignInOptions, RemoteDefaults> = {
  url: secureUrl<string | URL>(),
  credential: tokenCredentialOption,
  scope: text("the scope of the service's app"),
  timeoutMs: orElse(milliseconds(), 10_000),
  fetch: fetchOption,
  now: clock,
  onEvent: listener,
};
