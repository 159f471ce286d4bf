import { expiringMap } from "../async/bounded-map.js";
import { clocksOf } from "../async/clocks.js";
import { userNotIdentified } from "../context/internals.js";
import type { MadeConsentLink } from "../consent/consent-link.js";
import { signInProof } from "../context/principal.js";
import type { UserContext } from "../context/user-context.js";
import { joinClaims } from "../entra/claims-request.js";
import { allowsTenant } from "../entra/clouds.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  isTokenExchangeError,
  type ConsentReason,
  type TokenExchangeError,
} from "../errors.js";
import { invalid } from "../options/invalid.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { TokenAnswer, TokenRequest, TokenSource } from "../sources/token-source.js";
import type { SignInContext } from "./sign-in-context.js";
import type { Grants } from "./grants/grant.js";
import type { SourceKind } from "../sources/source-kinds.js";

/** What a sign-in link is for. */
export interface SignInDemand {
  /** Fully qualified, of the one resource. */
  readonly scopes: readonly string[];
  /** A claims challenge that the sign-in has to meet, as a JSON string. */
  readonly claims: string | undefined;
  readonly reason: ConsentReason;
}

/** Makes the link under which a user signs in for a resource. */
export type MakeSignInLink = (
  context: UserContext,
  resource: ProtectedResource,
  demand: SignInDemand,
) => Promise<MadeConsentLink>;

/**
 * The token source of sign-in: a token of the principal's grant, or the link to sign in. The user has to sign in again
 * when the resource or the scopes are new, and when Entra asks for more (step-up). `grantKeyOf` returns the key of the
 * grant that a context uses: the principal's own, or that of long-running work.
 */
export function signInTokens(
  core: SignInContext,
  grants: Grants,
  makeLink: MakeSignInLink,
  grantKeyOf: (context: UserContext) => string | undefined = ({ principalKey }) => principalKey,
): TokenSource {
  const { facts } = core.app;
  const allows = tenantGateOf(core, grants, grantKeyOf);
  return Object.freeze<TokenSource>({
    kind: "sign_in" satisfies SourceKind,
    provesUser: true,
    cacheScope: `${facts.cloud.loginEndpoint} ${facts.clientId} ${core.agent}`,
    usesAssertion: false,
    cached: true,
    allows,
    skip({ context }) {
      // A token for a resource opens no grant.
      if (context.principal !== undefined && signInProof(context.principal) === undefined)
        return {
          reason: "wrong_audience",
          detail: "the user token is for a resource; only one for this agent's app opens a grant.",
        };
      return context.principalKey === undefined && context.platform.userId === undefined
        ? { reason: "no_user", detail: "the request names nobody who could have signed in." }
        : undefined;
    },
    refusal({ context, resource }) {
      if (context.principalKey === undefined) return userNotIdentified(context);
      return core.resources.some(({ url }) => url === resource.url) ? undefined : notListed(resource);
    },
    async acquire(request) {
      const { context, resource } = request;
      const grantKey = grantKeyOf(context);
      if (context.principalKey === undefined || grantKey === undefined) throw userNotIdentified(context);
      if (!core.resources.some(({ url }) => url === resource.url)) throw notListed(resource);
      if (allows !== undefined && !(await allows(context))) throw tenantRemoved();
      let refusal: TokenExchangeError | undefined;
      let isNew = false;
      try {
        const { scopes, claims, signal } = request;
        const onNothing = (): void => void (isNew = true);
        const token = await grants.token(grantKey, { resource, scopes, claims, signal, onNothing });
        if (token !== undefined) return { status: "token", token };
      } catch (cause) {
        if (!isTokenExchangeError(cause) || !endableByUser.has(cause.category)) throw cause;
        refusal = cause;
      }
      if (request.silent === true) {
        return { status: "skipped", reason: "needs_interaction", detail: "the user would have to sign in." };
      }
      const reason = isNew ? "sign_in" : await reasonOf(grants, grantKey, refusal);
      return ask(request, refusal, reason, makeLink);
    },
    forget: (principalKey, token) => grants.forget(principalKey, token),
    subscribe: (changed) => grants.subscribe(changed),
  });
}

const maxAccounts = 10_000;
const accountMs = 60_000;

/**
 * Whether the account behind a grant is still of an allowed tenant, where a function says which are. A user without a
 * token of a tenant, whom the platform names, is of the tenant that the grant says.
 */
function tenantGateOf(
  core: SignInContext,
  grants: Grants,
  grantKeyOf: (context: UserContext) => string | undefined,
): TokenSource["allows"] {
  const { facts } = core.app;
  if (typeof facts.allowedTenants !== "function") return undefined;
  const tenants = expiringMap<string>(accountMs, maxAccounts, clocksOf(core.now).age);
  const byGrant = async (key: string): Promise<boolean> => {
    const tid = (await grants.find(key))?.account.tid;
    if (tid === undefined) return true;
    const isAllowed = await allowsTenant(facts, tid);
    if (isAllowed) tenants.set(key, tid);
    return isAllowed;
  };
  return (context) => {
    if (context.user !== undefined) return allowsTenant(facts, context.user.tid);
    const key = grantKeyOf(context);
    if (key === undefined) return true;
    const known = tenants.get(key);
    // Only a yes at once: the user may have signed in with another account since.
    return (known !== undefined && allowsTenant(facts, known) === true) || byGrant(key);
  };
}

function tenantRemoved(): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "user_token_tenant",
    "The account that signed in is of a tenant that is not listed, or no longer.",
  );
}

const endableByUser: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);

/** A user with a live grant is asked for consent, any other user to sign in. */
async function reasonOf(
  grants: Grants,
  principalKey: string,
  refusal: TokenExchangeError | undefined,
): Promise<ConsentReason> {
  if (refusal?.category === "stepup") return "step_up";
  if (refusal?.category === "signin") return "sign_in";
  return (await grants.find(principalKey)) === undefined ? "sign_in" : "consent";
}

async function ask(
  { context, resource, scopes, claims }: TokenRequest,
  refusal: TokenExchangeError | undefined,
  reason: ConsentReason,
  makeLink: MakeSignInLink,
): Promise<TokenAnswer> {
  const { serverLabel } = resource;
  const { link, expiresAt } = await makeLink(context, resource, {
    scopes,
    claims: joinClaims(claims, refusal?.claims),
    reason,
  });
  const request = new ConsentRequest({ link, serverLabel, reason, expiresAt });
  return {
    status: "needs",
    error: new ConsentRequiredError([request], { cause: refusal }),
    requests: [request],
  };
}

function notListed(resource: ProtectedResource): HostedAgentIdentityError {
  return invalid(
    "createSignIn: resources",
    `${JSON.stringify(resource.url)} is not among the resources of createSignIn().`,
  );
}
