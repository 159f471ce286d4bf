/**
 * A token source of your own: a broker of your organization, which keeps what its people have connected and hands out
 * short-lived access tokens over HTTP. It goes into `userAccess()` beside or in place of `onBehalfOf()`.
 *
 * Prerequisites: the broker's https address, and the key by which it knows this agent. README.md says what it is asked
 * and what it answers.
 */
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  type TokenAnswer,
  type TokenRequest,
  type TokenSource,
} from "hosted-agent-identity";

/** Where the broker is, and how it knows this agent. */
export interface TokenBroker {
  /** https, or http on a loopback host for tests. */
  readonly url: string;
  /** A secret of this agent. The broker must hand tokens to nobody else. */
  readonly key: string;
}

const kind = "token_broker";

export function tokenBroker({ url, key }: TokenBroker): TokenSource {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && hostname !== "127.0.0.1")
    throw new HostedAgentIdentityError("invalid_option", "tokenBroker: url: expected an https address.");
  return Object.freeze<TokenSource>({
    kind,
    // The broker says whose token it is. Nothing in its answer proves it, and `explain()` tells so.
    provesUser: false,
    // Two brokers never share a token in the cache.
    cacheScope: url,
    // The broker is asked for a person and not with their token, so one answer serves all their requests.
    usesAssertion: false,
    cached: true,
    skip({ context, claims }) {
      if (context.user === undefined)
        return {
          reason: "no_user_token",
          detail: "the broker knows people by the user token's tenant and oid.",
        };
      if (claims !== undefined)
        return { reason: "claims_not_supported", detail: "the broker cannot have people sign in again." };
      return undefined;
    },
    async acquire(request) {
      const response = await ask(url, key, request);
      // The body of a refusal is the broker's own business: it goes into no error.
      if (response.status === 403) return connectFirst(await response.json(), request);
      if (!response.ok) throw failed(`answered ${response.status}`);
      return tokenIn(await response.json(), request);
    },
  });
}

/** Says who asks, and for what. The user token stays here: it is for Entra, not for the broker. */
function ask(
  url: string,
  key: string,
  { context, resource, scopes, signal }: TokenRequest,
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ tid: context.user?.tid, oid: context.user?.oid, resource: resource.url, scopes }),
    // A redirect could carry the key to another host.
    redirect: "error",
    signal,
  });
}

/** A mix-up in the broker is noticed here; a lie is not, which is why `provesUser` is false. */
function tokenIn(body: unknown, { context }: TokenRequest): TokenAnswer {
  const { access_token: token, expires_in: seconds, tid, oid } = body as Record<string, unknown>;
  if (tid !== context.user?.tid || oid !== context.user?.oid)
    throw new HostedAgentIdentityError("wrong_user", "The token broker answered for somebody else.");
  if (typeof token !== "string" || token === "" || typeof seconds !== "number" || !(seconds > 0))
    throw failed("answered without a token");
  return { status: "token", token: { token, expiresAt: Date.now() + seconds * 1000, source: kind } };
}

/** The person has connected nothing yet: the turn ends with the broker's link, shown to them alone. */
function connectFirst(body: unknown, { resource }: TokenRequest): TokenAnswer {
  const { connect_url: link } = body as Record<string, unknown>;
  if (typeof link !== "string" || !URL.canParse(link)) throw failed("refused without a link");
  const consent = new ConsentRequest({ link, serverLabel: resource.serverLabel, reason: "sign_in" });
  return { status: "needs", error: new ConsentRequiredError([consent]), requests: [consent] };
}

function failed(what: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("token_exchange_failed", `The token broker ${what}.`, {
    help: "Ask who runs the token broker.",
  });
}
