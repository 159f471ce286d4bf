import type { MadeConsentLink } from "../../consent/consent-link.js";
import { userNotIdentified } from "../../context/internals.js";
import type { UserContext } from "../../context/user-context.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  consentReasons,
  HostedAgentIdentityError,
} from "../../errors.js";
import { emit, type OnEvent } from "../../events/events.js";
import type { BackOff } from "../../exchange/back-off.js";
import type { TokenAnswer, TokenRequest, TokenSource } from "../../sources/token-source.js";
import { isUndeclared, knownUser, remoteUser } from "./remote-user.js";
import { badReply, type ServiceCall } from "./service-calls.js";
import type { WireRequest } from "./wire.js";

/** What the token source of a sign-in service works with. */
export interface RemoteTokens {
  /** The service's address: it sets this service's tokens apart from another's. */
  readonly base: string;
  readonly call: ServiceCall;
  readonly waits: BackOff;
  /** Called when a user has signed in or out in this process. */
  readonly listeners: Set<(principalKey: string) => void>;
  readonly now: () => number;
  readonly onEvent?: OnEvent | undefined;
}

/** The service is asked again after this long at most, which is when a sign-out elsewhere is noticed. */
const keepMs = 60_000;

/** The token source of a sign-in service. */
export function remoteTokens(remote: RemoteTokens): TokenSource {
  const { base, call, listeners, waits } = remote;
  return Object.freeze<TokenSource>({
    kind: "remote_sign_in",
    // The service verifies the token's subject before it answers, and names the account, which is compared here too.
    provesUser: true,
    cacheScope: base,
    usesAssertion: false,
    cached: true,
    // Refused, not skipped: the developer has to declare what a platform user id stands for.
    refusal: ({ context }) => (isUndeclared(context) ? userNotIdentified(context) : undefined),
    skip: ({ context }) =>
      remoteUser(context) === undefined && !isUndeclared(context)
        ? {
            reason: "no_user",
            detail: "the request brought neither a user token for our app nor a platform user id.",
          }
        : undefined,
    acquire(request) {
      const principal = request.context.principalKey ?? "null";
      const asking = { clientId: base, tenantId: "", principal, exchange: undefined };
      return waits.run(asking, () => askService(remote, request));
    },
    async pageFor({ context, resource, url, message }) {
      const asked = { user: knownUser(context), server_label: resource.serverLabel, url, message };
      return pageOf(await call("page", asked));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
}

async function askService({ call, now, onEvent }: RemoteTokens, request: TokenRequest): Promise<TokenAnswer> {
  const { context, resource, scopes, claims, signal } = request;
  const body = { user: knownUser(context), server_label: resource.serverLabel, scopes, claims };
  // Read before the call: the service may have looked into its store long before its answer arrives.
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

function pageOf({ link, expires_at: expiresAt }: Readonly<Record<string, unknown>>): MadeConsentLink {
  if (typeof link !== "string") throw badReply();
  return typeof expiresAt === "number" ? { link, expiresAt } : { link };
}

/** Throws `wrong_user` for a token of another account than the user's. */
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
      // A newer service may give a reason that this version does not know. The user needs the link all the same.
      reason: consentReasons.find((reason) => reason === one.reason) ?? "sign_in",
      expiresAt: typeof one.expires_at === "number" ? one.expires_at : undefined,
    });
  });
}
