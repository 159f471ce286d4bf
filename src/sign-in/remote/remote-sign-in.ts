import { internalsOf, liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import { signInProof } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import { clock, milliseconds, orElse, secureUrl, text } from "../../options/checks.js";
import { clocksOf, endAt, isPast, type End } from "../../async/clocks.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  errorCodes,
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  type ConsentReason,
  type ErrorCode,
} from "../../errors.js";
import { emit, listener, type OnEvent } from "../../events/events.js";
import { readOptions, type Checked, type OptionTable } from "../../options/option-table.js";
import { fetchOption } from "../../runtime/fetch-like.js";
import { insufficientScopeCauses } from "../../errors/causes/resource.js";
import { userNotIdentifiedCauses } from "../../errors/causes/sign-in.js";
import { clientCredentialFailedCauses } from "../../errors/causes/tokens.js";
import type { ErrorCause } from "../../errors/facts.js";
import { isBearerToken } from "../../entra/bearer-token.js";
import { backOff } from "../../exchange/back-off.js";
import { settleOrAbort, withDeadline } from "../../async/deadline.js";
import { isRedirect } from "../../exchange/network-module.js";
import { tokenCredentialOption, type TokenCredentialLike } from "../../exchange/federated-credential.js";
import type { TokenAnswer, TokenRequest, TokenSource } from "../../sources/token-source.js";
import { maxMessageLength } from "../binding/code.js";
import { maxPromptLength } from "../binding/prompt.js";
import type { Redeemed } from "../binding/redeem.js";
import { readRedeemed } from "./redeemed-wire.js";
import { readJson, type RemoteUser, type WireRequest } from "./wire.js";
import { type Runtime } from "../../runtime/runtime.js";

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
  /** Told of calls that failed (`sign_in_service_failed`), and of a token for somebody else (`wrong_user`). */
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
   * Takes the newest message that the user wrote, before the model sees it: it may be a code, or the yes after
   * it. `responses(run, { signIn })` calls it by itself. Never give it the text of a model, a tool or an earlier
   * turn. Throws `sign_in_service_unavailable`, `context_ended` and the service's own errors.
   */
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  /** Lets the service keep a message that has to wait for the sign-in, sealed, for minutes. */
  keepPrompt(context: UserContext, prompt: string): Promise<void>;
  /**
   * Deletes the person's grant at the service. New turns of this process get none of the old tokens, in other
   * processes within a minute. Throws as `redeem` does, and then it may have been done or not: do it again.
   */
  signOut(context: UserContext): Promise<void>;
}

/** A token of the service is asked for anew after this long at most: a sign-out elsewhere is noticed then. */
const keepMs = 60_000;
const renewBeforeMs = 300_000;

/**
 * Fetches short-lived access tokens from a sign-in service, which alone holds grants, keys and the client
 * credential. The agent proves itself with its own identity, and names the person by the verified user token
 * or by the platform's id of the call. Throws `invalid_option`.
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
  const waits = backOff(clocksOf(now).age, onEvent);
  const base = new URL(settings.url).href.replace(/\/$/, "");
  const call = serviceCalls(base, settings);
  const listeners = new Set<(principalKey: string) => void>();
  /** Signed in or out: what the accesses of this process were given before does not hold any more. */
  const changed = ({ principalKey }: UserContext): void => {
    if (principalKey !== undefined) for (const listener of listeners) listener(principalKey);
  };
  return Object.freeze<RemoteSignIn>({
    tokens: () =>
      Object.freeze<TokenSource>({
        kind: "remote_sign_in",
        // The service proves it before it answers; the account comes along and is compared here too.
        provesUser: true,
        cacheScope: base,
        usesAssertion: false,
        cached: true,
        // A platform user id that nobody has said to be one person's is refused, not passed over.
        refusal: ({ context }) => (isUndeclared(context) ? userNotIdentified(context) : undefined),
        skip: ({ context }) =>
          userOf(context) === undefined && !isUndeclared(context)
            ? {
                reason: "no_user",
                detail: "the request brought neither a user token for our app nor a platform user id.",
              }
            : undefined,
        acquire(request) {
          const principal = request.context.principalKey ?? "null";
          const asking = { clientId: base, tenantId: "", principal, exchange: undefined };
          return waits.run(asking, () => acquire(call, request, now, onEvent));
        },
        subscribe(listener) {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      }),
    async redeem(context, text) {
      if (!isForService(context, text, maxMessageLength)) return { status: "not_a_code" };
      const redeemed = readRedeemed(await call("redeem", { user: knownUser(context), text }));
      if (redeemed === undefined) throw badReply();
      if (redeemed.status === "bound") changed(context);
      return redeemed;
    },
    async keepPrompt(context, prompt) {
      if (isForService(context, prompt, maxPromptLength))
        await call("prompt", { user: knownUser(context), prompt });
    },
    async signOut(context) {
      try {
        await call("sign-out", { user: knownUser(context) });
      } finally {
        // Also when no answer came: it may have been done.
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

type Path = "tokens" | "redeem" | "prompt" | "sign-out";
type Call = (path: Path, body: object, signal?: AbortSignal) => Promise<Readonly<Record<string, unknown>>>;

async function acquire(
  call: Call,
  request: TokenRequest,
  now: () => number,
  onEvent: OnEvent | undefined,
): Promise<TokenAnswer> {
  const { context, resource, scopes, claims, signal } = request;
  const body = { user: knownUser(context), server_label: resource.serverLabel, scopes, claims };
  // Before the question: the service may have looked into its store long before its answer is here.
  const askedAt = now();
  const reply = await call("tokens", body, signal);
  if (reply["status"] === "consent_required") {
    const requests = consentRequests(reply["requests"]);
    if (request.silent === true) {
      return { status: "skipped", reason: "needs_interaction", detail: "the user would have to sign in." };
    }
    return { status: "needs", error: new ConsentRequiredError(requests), requests };
  }
  const { access_token: token, expires_at: expiresAt, use_for_ms: left, account } = reply;
  if (typeof token !== "string" || token === "" || typeof expiresAt !== "number") throw badReply();
  checkAccount(context, account, onEvent);
  const useUntil = askedAt + Math.min(keepMs, typeof left === "number" ? left : keepMs);
  return { status: "token", token: { token, expiresAt, useUntil, source: "remote_sign_in" } };
}

function checkAccount(context: UserContext, account: unknown, onEvent: OnEvent | undefined): void {
  const { user } = context;
  if (user === undefined) return;
  const { tid, oid } = (typeof account === "object" && account !== null ? account : {}) as Record<
    string,
    unknown
  >;
  if (tid === user.tid && oid === user.oid) return;
  emit(onEvent, { type: "wrong_user", expected: user.oid });
  throw new HostedAgentIdentityError("wrong_user");
}

function consentRequests(value: unknown): ConsentRequest[] {
  if (!Array.isArray(value) || value.length === 0) throw badReply();
  return (value as WireRequest[]).map((one) => {
    if (typeof one?.link !== "string" || typeof one.server_label !== "string") throw badReply();
    return new ConsentRequest({
      link: one.link,
      serverLabel: one.server_label,
      reason: reasons.find((reason) => reason === one.reason) ?? "sign_in",
      expiresAt: typeof one.expires_at === "number" ? one.expires_at : undefined,
    });
  });
}

const reasons: readonly ConsentReason[] = ["consent", "admin_consent", "sign_in", "step_up"];

function userOf(context: UserContext): RemoteUser | undefined {
  const { assertion } = internalsOf(context);
  // A token for a resource goes to that resource and nowhere else, and opens no grant.
  if (assertion !== undefined) return assertion.use === "app" ? { user_token: assertion.token } : undefined;
  const { principal, platform } = context;
  switch (principal?.kind) {
    case "platform": {
      const { conversationId } = platform;
      return {
        platform_user_id: principal.id,
        ...(conversationId === undefined ? {} : { conversation_id: conversationId }),
      };
    }
    // Named by a token only, which did not come.
    case "entra":
    case "resource":
    case "oidc":
    case undefined:
      return undefined;
  }
}

/** A person known by a token has no code to type; the service would say the same. */
function isForService(context: UserContext, text: string, most: number): boolean {
  liveInternalsOf(context);
  const proof = context.principal && signInProof(context.principal);
  return proof?.by === "code" && text !== "" && text.length <= most;
}

function knownUser(context: UserContext): RemoteUser {
  const user = userOf(context);
  if (user === undefined) throw userNotIdentified(context);
  return user;
}

function isUndeclared({ principal, platform }: UserContext): boolean {
  return principal === undefined && platform.userId !== undefined;
}

function serviceCalls(base: string, options: Checked<RemoteSignInOptions, RemoteDefaults>): Call {
  const { timeoutMs, fetch, now, onEvent } = options;
  const clocks = clocksOf(now);
  let own: { readonly token: string; readonly renewal: End } | undefined;

  const ownToken = async (signal: AbortSignal): Promise<string> => {
    if (own !== undefined && !isPast(clocks, own.renewal)) return own.token;
    const made = await settleOrAbort(
      options.credential.getToken(options.scope, { abortSignal: signal }),
      signal,
    );
    if (!isBearerToken(made?.token))
      throw new HostedAgentIdentityError(
        "client_credential_failed",
        "The agent's own credential gave no token that a header can carry.",
        clientCredentialFailedCauses.signInService,
      );
    own = { token: made.token, renewal: endAt(clocks, made.expiresOnTimestamp - renewBeforeMs) };
    return made.token;
  };

  const call: Call = (path, body, outer) => {
    const late = (): Error =>
      new HostedAgentIdentityError(
        "sign_in_service_unavailable",
        `The sign-in service did not answer within ${timeoutMs} ms.`,
      );
    return withDeadline(timeoutMs, outer, late, async (signal) => {
      const authorization = `Bearer ${await ownToken(signal)}`;
      const headers = { authorization, "content-type": "application/json", accept: "application/json" };
      let response: Response;
      try {
        response = await fetch(`${base}/v1/${path}`, {
          method: "POST",
          redirect: "manual",
          headers,
          body: JSON.stringify(body),
          signal,
        });
      } catch (cause) {
        signal.throwIfAborted();
        throw new HostedAgentIdentityError("sign_in_service_unavailable", undefined, { cause });
      }
      // Followed, it would take the user token along. Workers have no redirect: "error".
      if (isRedirect(response)) {
        await response.body?.cancel();
        throw new HostedAgentIdentityError(
          "sign_in_service_unavailable",
          "The sign-in service answered with a redirect, which is not followed.",
        );
      }
      const reply = await readJson(response).catch(() => {
        throw badReply();
      });
      if (response.ok) return reply;
      if (response.status === 401) own = undefined;
      throw errorOf(reply, response.status);
    });
  };

  return async (path, body, outer) => {
    try {
      return await call(path, body, outer);
    } catch (error) {
      // Whoever leaves before the answer has no failure to tell of.
      if (outer?.aborted !== true && isHostedAgentIdentityError(error))
        emit(onEvent, { type: "sign_in_service_failed", call: path, code: error.code });
      throw error;
    }
  };
}

/** The service's own errors keep their code; anything else is a service that is not well. */
function errorOf(reply: Readonly<Record<string, unknown>>, status: number): HostedAgentIdentityError {
  const { code, message } = (reply["error"] ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "string" && Object.hasOwn(errorCodes, code)) {
    return new HostedAgentIdentityError(
      code as ErrorCode,
      // Not String(): made text of, an object out of JSON may throw.
      `The sign-in service says: ${JSON.stringify(typeof message === "string" ? message.slice(0, 500) : null)}`,
      causesAtService[code],
    );
  }
  return new HostedAgentIdentityError(
    "sign_in_service_unavailable",
    `The sign-in service answered HTTP ${status}.`,
  );
}

/** What ends these at the service is something else than in the agent. */
const causesAtService: Readonly<Record<string, ErrorCause>> = {
  insufficient_scope: insufficientScopeCauses.signInService,
  user_not_identified: userNotIdentifiedCauses.noProject,
};

function badReply(): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "sign_in_service_unavailable",
    "What answered is not the sign-in service.",
  );
}
